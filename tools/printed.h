// art output.
#pragma once

#include "command.h"

namespace artfs {

void output_options(po::options_description& options);
int run_output(const Arguments& arguments);

}  // namespace artfs

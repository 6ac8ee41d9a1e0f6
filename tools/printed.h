// art output.
#pragma once

#include "command.h"
#include "lineage/written_files.h"

namespace artfs {

// A file of the run's data: looked up, however many files the run wrote.
std::optional<WrittenFile> data_file_of(Reader& reader, const RunRecord& run,
                                        const std::string& path);

void output_options(po::options_description& options);
int run_output(const Arguments& arguments);

}  // namespace artfs

// The lists of programs that everybody has who configures nothing.
#pragma once

#include "runs/programs.h"

namespace artfs::test {

inline const ProgramLists lists = ProgramLists::built_in();

}  // namespace artfs::test

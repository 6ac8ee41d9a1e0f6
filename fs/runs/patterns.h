// File-name patterns in lists that users give: *.lock, SLURM_*.
#pragma once

#include <string>
#include <vector>

namespace artfs {

// Whether `name` (no slash) fits one of the patterns of fnmatch(3).
bool matches_any(const std::vector<std::string>& patterns, const std::string& name);

}  // namespace artfs

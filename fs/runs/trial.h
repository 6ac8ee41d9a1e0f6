// Runs that are only tried, as art verify does: whatever policies say, their drafts become no
// version by themselves. The mark is a status that no command ends with, among those that count as
// success, so that the others keep their meaning.
#pragma once

#include <algorithm>

#include "catalog/records.h"

namespace artfs {

inline constexpr int trial_mark = 256;

inline bool is_trial(const RunRecord& run) {
    return std::find(run.ok_exit.begin(), run.ok_exit.end(), trial_mark) != run.ok_exit.end();
}

}  // namespace artfs

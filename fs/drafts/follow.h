// A clean view moves on to another base.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "drafts/overlay.h"

namespace artfs {

struct Followed {
    Overlay overlay;
    // Names under which something else is found than before: the kernel must look again.
    std::vector<std::pair<NodeNumber, std::string>> changed;
};

// What a view without a draft looks like over `base`. Directories keep their numbers, so that
// working directories stay where they are; one that `base` lacks is as if it had been removed.
Followed follow(const Overlay& clean, NodeSource& nodes, const Snapshot& base,
                const std::optional<VersionId>& version);

}  // namespace artfs

// Directories of a view that outlive what was drafted in it.
//
// A launcher's view changes its base when the head moves, while somebody's working directory is in
// it; and directories that were made there before any file (`mkdir -p b/latest/out`) are what the
// next run begins on. Pure: a `nodes` that suspends throws before anything is changed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "drafts/overlay.h"

namespace artfs {

struct NewDirectory {
    std::string path;
    Attributes attributes;
};

// Directories that were made or changed in the overlay and have a name, those above first.
std::vector<NewDirectory> new_directories(const Overlay& overlay);

// What makes them in another overlay, where nothing of the name is.
DraftChange make_directories(NodeSource& nodes, const Overlay& onto,
                             const std::vector<NewDirectory>& directories);

// A clean overlay of another base in which directories that both have keep their numbers, and no
// number comes to mean something else.
Overlay follow(NodeSource& nodes, const Overlay& from, const Snapshot& base,
               const std::optional<VersionId>& version);

// Where the node is in the view; nothing if it has no name.
std::optional<std::string> path_of(const Overlay& overlay, NodeNumber number);

}  // namespace artfs

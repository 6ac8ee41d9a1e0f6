// Directories of a view that outlive what was drafted in it.
//
// A launcher's view changes its base when the head moves, while somebody's working directory is in
// it; and directories that were made there before any file (`mkdir -p b/latest/out`) are what the
// next run begins on. Pure: a `nodes` that suspends throws before anything is changed.
#pragma once

#include <optional>
#include <set>
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

// The overlay on another base. Directories that both have keep their numbers, and no number comes
// to mean something else; what was changed goes on, in the directories that it is in. `open` are
// nodes that somebody has open, though no name may lead to them any more.
Overlay follow(NodeSource& nodes, const Overlay& from, const Snapshot& base,
               const std::optional<VersionId>& version, const std::vector<OverlayNode>& open = {});

// True if something that was changed in the overlay, but for the files in `except`, is not in
// `other` as it is in the overlay's own base.
bool conflicts(NodeSource& nodes, const Overlay& overlay, const Snapshot& base,
               const Snapshot& other, const std::set<NodeNumber>& except);

// The overlay as if these files had not been touched yet.
Overlay without(const Overlay& overlay, const std::set<NodeNumber>& held);

// Where the node is in the view; nothing if it has no name.
std::optional<std::string> path_of(const Overlay& overlay, NodeNumber number);

}  // namespace artfs

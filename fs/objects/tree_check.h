// Whether stored trees are what the references to them say, and could have been made here: what
// fsck verifies, and what makes a bundle from elsewhere fit to be read. Everything that reads trees
// relies on their sums, order and names.
#pragma once

#include <functional>
#include <string>
#include <unordered_map>

#include "objects/tree.h"

namespace artfs {

// Walks each directory once, however many trees have it. Not thread-safe.
class TreeCheck {
public:
    struct Ask {
        // The bytes of a record, none where there is none.
        std::function<std::optional<std::string>(const Digest& stored)> record;
        // Each file of a directory that was not walked before.
        std::function<void(const std::string& path, const Entry& file)> file;
        std::function<void(const std::string& path, const std::string& what)> fault;
    };
    explicit TreeCheck(Ask ask) : ask_(std::move(ask)) {}

    // `path` names the directory in what is reported: "a:v0/".
    void directory(const std::string& path, const DirRef& ref);

private:
    struct Known {
        DirRef is;
        std::uint8_t level = 0;
        std::string last_name;
    };
    const Known* visit(const std::string& path, const DirRef& ref, unsigned depth);
    bool entries(const std::string& path, const Node& node, unsigned depth);
    bool children(const std::string& path, const Node& node, unsigned depth);

    Ask ask_;
    std::unordered_map<Digest, Known> known_;  // by stored digest
};

}  // namespace artfs

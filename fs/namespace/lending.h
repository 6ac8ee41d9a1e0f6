// What observers read and hand on (rule 3 of design.md, section 3).
//
// An observer leaves no trace, but what it read counts for the run that reads its output through a
// pipe, and for itself when it writes after all. Everything that flows along pipes is kept here as
// long as it may be claimed.
//
// Owned by the dispatch thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/uid.h"
#include "runs/process.h"

namespace artfs {

// A file of a version, or (`view`) of what is shown in a view, whose version may come.
struct LentFile {
    VersionId version;
    std::optional<std::uint32_t> rank;  // none: the metadata
    std::uint32_t view = 0;
    std::string path;
    auto operator<=>(const LentFile&) const = default;
};

class Lending {
public:
    using Pipe = std::uint64_t;  // by inode number; 0: none
    using Claims = std::vector<std::pair<RunId, LentFile>>;

    // An observer has opened the file. What it writes into (`output`) carries it on.
    Claims opened(const ProcessKey& observer, pid_t parent, Pipe output, const LentFile& file);
    // A program that was seen between two pipes passes on what comes through the first, unless it
    // is one that a run has: then that has it.
    Claims passes(Pipe input, Pipe output);
    // The process was seen to read the pipe. Many close it before they write what they made of it.
    void seen(const ProcessKey& process, Pipe input) { inputs_[process] = input; }
    Pipe input_of(const ProcessKey& process) const;
    // A process of the run reads the pipe.
    Claims reads(const RunId& run, Pipe input);
    bool knows_reader(const RunId& run, Pipe input) const;
    // What the observer itself has opened.
    std::set<LentFile> opened_by(const ProcessKey& observer) const;

    void run_ended(const RunId& run);
    // Drops what nobody can claim any more: `gone` says so of a process.
    template <class Gone>
    void forget(Gone gone) {
        std::erase_if(observers_, [&](const auto& entry) {
            return gone(entry.second.output == 0 ? entry.first.pid : entry.second.parent);
        });
        if (observers_.empty()) flows_.clear();
        std::erase_if(inputs_, [&](const auto& entry) { return gone(entry.first.pid); });
    }

private:
    struct Observer {
        pid_t parent = 0;
        Pipe output = 0;
        std::set<LentFile> files;
    };
    std::set<LentFile> arriving_at(Pipe pipe) const;
    Claims fresh();  // what was not claimed before

    std::map<ProcessKey, Observer> observers_;
    std::map<Pipe, std::set<Pipe>> flows_;  // into a pipe, from these
    std::map<Pipe, RunId> readers_;
    std::map<ProcessKey, Pipe> inputs_;
    std::set<std::pair<RunId, LentFile>> claimed_;
};

}  // namespace artfs

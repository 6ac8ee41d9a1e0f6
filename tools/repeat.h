// Running the command of a run again: what art rerun and art verify share.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "command.h"

namespace artfs {

using Versions = std::map<std::string, std::string>;  // artifact -> "v3"

// Throws where there is no single command to repeat.
void check_repeatable(const RunRecord& run);
// What the run saw of each artifact that it read. It must be there still, but for what is
// `replaced`.
Versions inputs_of(const ReadTxn& txn, const RunRecord& run, const Versions& replaced = {});

struct Repeat {
    std::vector<std::string> command;  // of art run
    std::string cwd;
    std::map<std::string, std::string> environment;
};
// `options`: more of art run's, before the command.
Repeat repeat_of(const Site& site, const RunRecord& run, const Versions& pins,
                 const std::vector<std::string>& options);
// That of art rerun: tagged as what it repeats.
Repeat rerun_of(const Site& site, const RunRecord& run, const Versions& pins,
                std::vector<std::string> options = {});
// As a person would type it.
std::string line_of(const Repeat& repeat);
// This process becomes it.
[[noreturn]] void start_repeat(const Repeat& repeat);

// Makes anew what is stale, and what becomes so by that: makers before users.
int rerun_stale(const Arguments& arguments);

void verify_options(po::options_description& options);

}  // namespace artfs

// References: how versions, their files and runs are named (interface.md, "References").
#pragma once

#include <optional>
#include <string>

#include "catalog/catalog.h"

namespace artfs {

// mnist-raw   mnist-raw:v1   mnist-raw:best/training.pt   mnist-raw@sha256:<hex>   @run
struct Ref {
    bool run = false;
    std::string name;        // of the artifact or run
    std::string version;     // number or alias; empty: latest
    std::string digest;      // hexadecimal, at least 8 digits; empty: none
    std::string path;        // of a file; empty: none
    bool versioned = false;  // a version was named
};

Ref parse_ref(const std::string& text);  // throws Failure

// What a reference leads to: throws Failure where that is nothing.
ArtifactRecord find_artifact(const ReadTxn& txn, const std::string& project, const Ref& ref);
VersionRecord find_version(const ReadTxn& txn, const std::string& project, const Ref& ref);
RunRecord find_run(const ReadTxn& txn, const std::string& project, const std::string& name);
// A bare name is a run only if no artifact has it.
bool names_run(const ReadTxn& txn, const std::string& project, const Ref& ref);

}  // namespace artfs

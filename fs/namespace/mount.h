// One mounted project: what the parts of the namespace share.
//
// Everything here belongs to the dispatch thread.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptors.h"
#include "base/executor.h"
#include "catalog/store.h"
#include "namespace/data_files.h"
#include "namespace/early_hashing.h"
#include "namespace/kernel_port.h"
#include "namespace/loader.h"
#include "namespace/session.h"
#include "runs/config.h"

namespace artfs {

struct MountOptions {
    std::string project = "default";
    std::filesystem::path mountpoint;
    std::string source;  // what mount tables show: the store's directory
    bool read_only = false;
    bool allow_other = false;
    bool passthrough = true;      // false: the user wants none
    std::string passthrough_why;  // why not; "" while it is on
    std::string writes_why;  // why what is written to drafts goes through us; "" if it does not
    unsigned restarts = 0;   // workers that there were before
};

struct Mount {
    Store& store;
    CatalogThread& catalog;
    Executor& executor;
    Config config;
    MountOptions options;
    KernelPort& kernel;
    DescriptorKeeper& keeper;
    Session session;
    Loader loader;
    DataFiles files;
    EarlyHashing early{store, executor, kernel};
    std::function<nlohmann::json()> status;  // for .art/status.json; the daemon knows it

    // What the kernel knows of a name in an artifact's directory that is gone, it shall forget.
    void forget_name(const ArtifactId& artifact, const std::string& name) {
        auto node = session.find_synthetic({.place = Place::artifact, .artifact = artifact});
        if (node) kernel.invalidate_entry(*node, name);
    }

    // Makes `change` durable, then runs `done` on the dispatch thread. On a full disk the ballast
    // is given up for it: what is written here is little, and lets others give space back.
    void write(CatalogThread::Change change, std::function<void(Result<>)> done) {
        // Nothing is durable that the session could still forget: a run that only the catalog
        // knew would never end.
        session.commit();
        catalog.submit(change, [this, change, done = std::move(done)](Result<> outcome) {
            auto finish = [this, done](Result<> last) {
                executor.post([done, last] { done(last); });
            };
            if (outcome || outcome.error().code != ENOSPC || !store.release_ballast())
                return finish(outcome);
            catalog.submit(change, finish);
        });
    }
};

}  // namespace artfs

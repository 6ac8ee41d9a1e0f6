#include "drafts/check.h"

#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "base/bytes.h"
#include "objects/tree_check.h"

namespace artfs {

namespace {

namespace fs = std::filesystem;

struct Object {
    Digest digest;
    std::uint64_t size = 0;
};

// Walks every tree once, and remembers who needs which object.
class Trees {
public:
    Trees(const ReadTxn& txn, Checked& out)
        : txn_(txn),
          out_(out),
          trees_({[this](const Digest& stored) { return txn_.record(stored); },
                  [this](const std::string& path, const Entry& file) { need(file.digest, path); },
                  [this](const std::string& path, const std::string& what) {
                      out_.damage.push_back(path + ": " + what);
                  }}) {}
    Trees(const Trees&) = delete;
    Trees& operator=(const Trees&) = delete;

    void check(const std::string& owner, const TreeId& tree, const Digest* expected) {
        static const TreeId empty =
            tree_id(Snapshot{.root = empty_dir(), .metadata = {}, .description = {}});
        if (tree == empty) return;
        ++out_.trees;
        try {
            auto bytes = txn_.record(tree.digest);
            if (!bytes || sha256(*bytes) != tree.digest) {
                out_.damage.push_back(owner + ": its tree is " + (bytes ? "damaged" : "missing"));
                return;
            }
            auto snapshot = decode_snapshot(*bytes);
            if (expected != nullptr && version_digest(snapshot) != *expected)
                out_.damage.push_back(owner + ": its digest is not that of its tree");
            if (snapshot.metadata) need(snapshot.metadata->digest, owner + "/.art/metadata.json");
            trees_.directory(owner + "/", snapshot.root);
        } catch (const FormatError& damage) {
            out_.damage.push_back(owner + ": " + damage.what());
        }
    }

    const std::unordered_map<Digest, std::string>& needed() const { return needed_; }

private:
    void need(const Digest& digest, const std::string& by) { needed_.emplace(digest, by); }

    const ReadTxn& txn_;
    Checked& out_;
    TreeCheck trees_;
    std::unordered_map<Digest, std::string> needed_;
};

void check_trees(const ReadTxn& txn, Trees& trees) {
    for (const auto& project : txn.projects()) {
        for (const auto& artifact : txn.artifacts(project))
            for (const auto& version : txn.all_versions(artifact.id))
                if (!version.gone)
                    trees.check(artifact.name + ":v" + std::to_string(version.number), version.tree,
                                &version.digest);
        txn.runs(project, [&](const RunRecord& run) {
            if (run.data) trees.check("@" + run.name, *run.data, nullptr);
            return true;
        });
    }
}

// Hashes all objects, on all cores.
std::vector<Digest> wrong_objects(
    const Store& store, const std::vector<Object>& objects,
    const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    std::uint64_t all = 0;
    for (const auto& object : objects) all += object.size;
    std::mutex mutex;  // guards all below
    std::size_t next = 0;
    std::uint64_t done = 0;
    std::vector<Digest> wrong;
    auto work = [&] {
        std::unique_lock lock(mutex);
        while (next < objects.size()) {
            const auto& object = objects[next++];
            lock.unlock();
            auto good = store.objects().verify(object.digest);
            bool vanished = !good && good.error().code == ENOENT;
            lock.lock();
            if (!vanished && (!good || !*good)) wrong.push_back(object.digest);
            done += object.size;
            progress(done, all);
        }
    };
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < std::thread::hardware_concurrency(); ++i) helpers.emplace_back(work);
    work();
    for (auto& helper : helpers) helper.join();
    std::sort(wrong.begin(), wrong.end());
    return wrong;
}

}  // namespace

Result<Checked> check_store(const Store& store,
                            const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
    auto held = store.hold_contents();
    if (!held) return tl::unexpected(held.error());
    Checked out;
    std::unordered_map<Digest, std::string> needed;
    {
        auto txn = store.catalog().read();
        out.damage = txn->index_faults();
        out.indexes_wrong = !out.damage.empty();
        Trees trees(*txn, out);
        check_trees(*txn, trees);
        needed = trees.needed();
    }
    std::vector<Object> objects;
    auto listed = store.objects().each([&](const Digest& digest, std::uint64_t size) {
        objects.push_back({digest, size});
        out.bytes += size;
    });
    if (!listed) return tl::unexpected(listed.error());
    out.objects = objects.size();
    out.bad_objects = wrong_objects(store, objects, progress);
    auto needs = [&](const Digest& digest) {
        auto by = needed.find(digest);
        return by == needed.end() ? "an object nothing needs" : by->second;
    };
    for (const auto& digest : out.bad_objects)
        out.damage.push_back(needs(digest) + ": its bytes are not what was sealed (object " +
                             digest.hex().substr(0, 12) + ")");
    std::vector<std::string> missing;
    for (const auto& [digest, by] : needed)
        if (!store.objects().contains(digest))
            missing.push_back(by + ": its bytes are missing (object " + digest.hex().substr(0, 12) +
                              ")");
    std::sort(missing.begin(), missing.end());
    out.damage.insert(out.damage.end(), missing.begin(), missing.end());
    return out;
}

Result<std::vector<std::string>> repair_store(const SealContext& context,
                                              const std::vector<Digest>& bad_objects) {
    std::vector<std::string> repairs;
    bool wrong = !context.store.catalog().read()->index_faults().empty();
    if (wrong) {
        auto rebuilt = context.write([](WriteTxn& txn) { txn.rebuild_indexes(); });
        if (!rebuilt) return tl::unexpected(rebuilt.error());
        repairs.emplace_back("the catalog's indexes were made again");
    }
    const auto aside = context.store.dir() / "damaged";
    for (const auto& digest : bad_objects) {
        auto good = context.store.objects().verify(digest);
        if (good && *good) continue;
        std::error_code error;
        fs::create_directories(aside, error);
        fs::rename(context.store.objects().path(digest), aside / digest.hex(), error);
        if (error) return fail(error.value(), "moving a damaged object: " + error.message());
        repairs.push_back("object " + digest.hex().substr(0, 12) + " was moved to " +
                          aside.string() + ": seal or put its file again to have it back");
    }
    return repairs;
}

}  // namespace artfs

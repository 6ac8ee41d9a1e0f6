#include "drafts/collect.h"

#include <algorithm>
#include <thread>
#include <unordered_set>

#include "base/bytes.h"
#include "drafts/kept_arrivals.h"

namespace artfs {

namespace {

constexpr std::size_t records_in_a_batch = 4096;

std::string label(const ArtifactRecord& artifact, const VersionRecord& version) {
    return artifact.name + ":v" + std::to_string(version.number);
}

// Everything that some tree leads to.
class Marks {
public:
    Marks(const ReadTxn& txn, NodeSource& nodes) : txn_(txn), nodes_(nodes) {}

    void tree(const TreeId& id) {
        static const TreeId empty =
            tree_id(Snapshot{.root = empty_dir(), .metadata = {}, .description = {}});
        // A version may be empty; a draft's base may be the empty tree that nobody stored.
        if (!records_.insert(id.digest).second || id == empty) return;
        auto snapshot = txn_.snapshot(id);
        if (snapshot.metadata) object(snapshot.metadata->digest);
        directory(snapshot.root);
    }
    void directory(const DirRef& ref) {
        if (ref.count == 0 || !records_.insert(ref.stored).second) return;
        auto node = nodes_.node(ref.stored);
        for (const auto& child : node->children) directory(child.ref);
        for (const auto& entry : node->entries) {
            if (entry.kind == Kind::file) object(entry.digest);
            if (entry.kind == Kind::directory) directory(entry.dir);
        }
    }
    void object(const Digest& digest) { objects_.insert(digest); }
    // The objects and directories that a draft's nodes hold beside its base.
    void overlay(const Overlay& overlay) {
        for (const auto& [number, node] : overlay.nodes()) {
            if (node.kind == Kind::file) object(node.digest);
            if (node.base) directory(*node.base);
        }
    }
    bool has_record(const Digest& digest) const { return records_.contains(digest); }
    bool has_object(const Digest& digest) const { return objects_.contains(digest); }

private:
    const ReadTxn& txn_;
    NodeSource& nodes_;
    std::unordered_set<Digest> records_;
    std::unordered_set<Digest> objects_;
};

// Nodes are wanted once each: no cache.
class PlainNodes : public NodeSource {
public:
    explicit PlainNodes(const ReadTxn& txn) : txn_(txn) {}
    std::shared_ptr<const Node> node(const Digest& stored) override { return txn_.node(stored); }

private:
    const ReadTxn& txn_;
};

bool lived_its_time(const VersionRecord& version, const Policy& policy, Time today) {
    auto ttl = version.ttl ? version.ttl : policy.ttl;
    return ttl && ttl->count() > 0 && version.created + *ttl <= today;
}

bool is_needed(const Needed& needed, const VersionRecord& version) {
    return needed.versions.contains(version.id) || needed.trees.contains(version.tree);
}

struct Expired {
    ArtifactRecord artifact;
    VersionRecord version;
};

std::vector<Expired> expired_versions(const ReadTxn& txn, const Config& config,
                                      const Needed& needed) {
    std::vector<Expired> found;
    const Time today = now();
    for (const auto& project : txn.projects())
        for (const auto& artifact : txn.artifacts(project)) {
            auto policy = config.policy(artifact.name, artifact.type);
            auto versions = txn.versions(artifact.id);
            std::size_t beyond = policy.keep_last && versions.size() > *policy.keep_last
                                     ? versions.size() - *policy.keep_last
                                     : 0;
            for (std::size_t i = 0; i < versions.size(); ++i) {
                const auto& version = versions[i];
                bool pinned = version.ttl && version.ttl->count() == 0;
                bool over = lived_its_time(version, policy, today) || (i < beyond && !pinned);
                if (!over || artifact.head == version.number) continue;
                if (is_needed(needed, version)) continue;
                if (why_needed(txn, artifact, version).empty())
                    found.push_back({artifact, version});
            }
        }
    return found;
}

Result<> hide(const SealContext& context, const std::vector<Expired>& expired, Collected& out) {
    if (expired.empty()) return {};
    return context.write([&](WriteTxn& txn) {
        out.changed.clear();
        for (const auto& one : expired) {
            auto changed = apply_change(txn,
                                        {{"change", "delete"},
                                         {"artifact", one.artifact.id.text()},
                                         {"version", one.version.number}},
                                        "art gc");
            if (changed) out.changed.push_back(std::move(*changed));
        }
    });
}

class Collection {
public:
    Collection(const SealContext& context, const Needed& needed, const CollectOptions& options,
               const std::vector<Expired>& expired)
        : context_(context), needed_(needed), options_(options) {
        if (!options.dry_run) return;  // else they are hidden by now
        for (const auto& one : expired) doomed_.insert(one.version.id);
    }

    Result<> find(Collected& out) {
        auto txn = context_.store.catalog().read();
        PlainNodes nodes(*txn);
        Marks marks(*txn, nodes);
        try {
            mark(*txn, marks, out);
        } catch (const FormatError& damage) {
            return fail(EIO, std::string(damage.what()) +
                                 ": nothing is collected from a damaged store: art fsck");
        }
        txn->records([&](const Digest& digest) {
            if (!marks.has_record(digest)) records_.push_back(digest);
            return true;
        });
        auto listed = context_.store.objects().each([&](const Digest& digest, std::uint64_t size) {
            if (marks.has_object(digest)) return;
            objects_.push_back(digest);
            out.bytes += size;
        });
        for (const auto& noted : all_arrivals(context_.store.dir())) {
            if (needed_.runs.contains(noted.run) || txn->run(noted.run)) continue;
            arrivals_.push_back(noted.run);
            out.bytes += noted.bytes;
        }
        out.arrivals = arrivals_.size();
        out.records = records_.size();
        out.objects = objects_.size();
        return listed;
    }

    // In an order in which what is left after a kill is only more of the same.
    Result<> remove() {
        auto marked = context_.write([&](WriteTxn& txn) {
            for (const auto& id : gone_) {
                auto version = txn.version(id);
                if (!version || !version->deleted) continue;
                version->gone = true;
                txn.put(*version);
            }
        });
        if (!marked) return marked;
        for (std::size_t at = 0; at < records_.size(); at += records_in_a_batch) {
            auto end = std::min(at + records_in_a_batch, records_.size());
            auto erased = context_.write([&](WriteTxn& txn) {
                for (std::size_t i = at; i < end; ++i) txn.erase_record(records_[i]);
            });
            if (!erased) return erased;
        }
        for (const auto& digest : objects_)
            if (auto removed = context_.store.objects().remove(digest); !removed) return removed;
        for (const auto& run : arrivals_) forget_arrivals(context_.store.dir(), run);
        return {};
    }

private:
    bool to_go(const VersionRecord& version) const {
        if (doomed_.contains(version.id)) return true;
        if (!version.deleted || is_needed(needed_, version)) return false;
        return !version.deleted_at || *version.deleted_at + options_.older_than <= now();
    }

    void mark(const ReadTxn& txn, Marks& marks, Collected& out) {
        for (const auto& project : txn.projects()) {
            for (const auto& artifact : txn.artifacts(project))
                for (const auto& version : txn.all_versions(artifact.id)) {
                    if (version.gone) continue;
                    if (!to_go(version)) {
                        marks.tree(version.tree);
                        continue;
                    }
                    gone_.push_back(version.id);
                    out.versions.push_back(label(artifact, version));
                }
            txn.runs(project, [&](const RunRecord& run) {
                if (run.data) marks.tree(*run.data);
                if (run.state == RunState::running)
                    for (const auto& [artifact, base] : run.pins) marks.tree(base.tree);
                return true;
            });
        }
        for (const auto& draft : txn.drafts()) {
            marks.tree(draft.base.tree);
            if (draft.frozen_tree) marks.tree(*draft.frozen_tree);
            marks.overlay(Overlay::from_rows(Snapshot{}, txn.draft_rows(draft.id)));
        }
        for (const auto& tree : needed_.trees) marks.tree(tree);
        for (const auto& object : needed_.objects) marks.object(object);
        for (const auto& directory : needed_.directories) marks.directory(directory);
    }

    const SealContext& context_;
    const Needed& needed_;
    const CollectOptions& options_;
    std::set<VersionId> doomed_;
    std::vector<VersionId> gone_;
    std::vector<Digest> records_;
    std::vector<Digest> objects_;
    std::vector<RunId> arrivals_;
};

}  // namespace

nlohmann::json collected_json(const Collected& collected) {
    return {{"expired", collected.expired},   {"versions", collected.versions},
            {"objects", collected.objects},   {"records", collected.records},
            {"arrivals", collected.arrivals}, {"bytes", collected.bytes}};
}

Result<Collected> collect(const SealContext& context, const Config& config, const Needed& needed,
                          const CollectOptions& options) {
    return collect_beside(context, config,
                          {[&] { return Result<Needed>(needed); },
                           [](const std::vector<Changed>&) { return Result<>(); }},
                          options);
}

Result<Collected> collect_beside(const SealContext& context, const Config& config,
                                 const Beside& beside, const CollectOptions& options) {
    Collected out;
    Result<Fd> alone;
    if (!options.dry_run) {
        alone = context.store.own_contents();
        for (int tries = 0; !alone && tries < 50; ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
            alone = context.store.own_contents();
        }
        if (!alone) return tl::unexpected(alone.error());
    }
    auto needed = beside.needed();
    if (!needed) return tl::unexpected(needed.error());
    auto expired = expired_versions(*context.store.catalog().read(), config, *needed);
    for (const auto& one : expired) out.expired.push_back(label(one.artifact, one.version));
    if (!options.dry_run) {
        if (auto hidden = hide(context, expired, out); !hidden)
            return tl::unexpected(hidden.error());
        if (auto shown = beside.hidden(out.changed); !shown) return tl::unexpected(shown.error());
        needed = beside.needed();
        if (!needed) return tl::unexpected(needed.error());
    }
    Collection collection(context, *needed, options, expired);
    if (auto found = collection.find(out); !found) return tl::unexpected(found.error());
    if (options.dry_run) return out;
    if (auto removed = collection.remove(); !removed) return tl::unexpected(removed.error());
    context.store.restore_ballast();
    return out;
}

}  // namespace artfs

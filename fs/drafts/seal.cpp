#include "drafts/seal.h"

#include <deque>
#include <set>

#include "drafts/build.h"
#include "drafts/ingest.h"
#include "drafts/merge.h"
#include "drafts/promote.h"

namespace artfs {

namespace {

// LMDB spills a transaction of more than about half a gigabyte of pages; this stays far below.
constexpr std::size_t transaction_bytes = 16U << 20U;

Result<> write_records(const SealContext& context, NewRecords& records) {
    // The last batch goes with the final transaction.
    while (true) {
        std::size_t bytes = 0;
        for (const auto& record : records) bytes += record.second.size();
        if (bytes <= transaction_bytes) return {};
        NewRecords batch;
        for (std::size_t taken = 0; taken < transaction_bytes;) {
            auto moved = records.extract(records.begin());
            taken += moved.mapped().size();
            batch.insert(std::move(moved));
        }
        auto written = context.write([&](WriteTxn& txn) {
            for (const auto& [digest, record] : batch) txn.put_record(digest, record);
        });
        if (!written) return written;
    }
}

// What a segment was made from: a segment follows the ones before it, and a resumed run the run
// that it resumes.
void add_inputs(const ReadTxn& txn, RunId run, std::uint32_t segment,
                const std::function<void(const VersionId&)>& add) {
    std::set<RunId> seen;
    for (std::optional<RunId> at = run; at && seen.insert(*at).second;) {
        for (const auto& use : txn.uses_of(*at))
            if (use.segment <= segment) add(use.version);
        segment = UINT32_MAX;
        auto record = txn.run(*at);
        at = record ? record->resumes : std::nullopt;
    }
}

// True if following edges upstream from what the run has used meets `version`: then an edge from
// the run to it would close a cycle.
bool reaches(const ReadTxn& txn, std::deque<VersionId> frontier, const VersionId& version) {
    std::set<VersionId> seen(frontier.begin(), frontier.end());
    while (!frontier.empty()) {
        VersionId at = frontier.front();
        frontier.pop_front();
        if (at == version) return true;
        for (const auto& log : txn.loggers_of(at)) {
            if (log.kind != LogKind::logged) continue;
            add_inputs(txn, log.run, log.segment, [&](const VersionId& input) {
                if (seen.insert(input).second) frontier.push_back(input);
            });
        }
    }
    return false;
}

// An older version can be what a younger one was made from and, made again, be logged by who used
// that: only the walk tells whether there is a way back.
SealOutcome meet_existing(const ReadTxn& txn, const SealOrder& order, const RunRecord& run,
                          const VersionId& existing) {
    std::deque<VersionId> used;
    auto add = [&](const VersionId& input) { used.push_back(input); };
    add_inputs(txn, run.id, UINT32_MAX, add);
    if (run.resumes) add_inputs(txn, *run.resumes, UINT32_MAX, add);
    if (auto more = order.used.find(run.id); more != order.used.end())
        used.insert(used.end(), more->second.begin(), more->second.end());
    if (run.id == order.run.id)
        for (const auto& use : order.uses) add(use.version);
    return reaches(txn, used, existing) ? SealOutcome::confirmed : SealOutcome::existing;
}

std::optional<std::uint32_t> number_of(const ReadTxn& txn, const std::optional<VersionId>& id) {
    if (!id) return std::nullopt;
    auto version = txn.version(*id);
    if (!version) return std::nullopt;
    return version->number;
}

// A draft with its final tree.
struct Ready {
    const FrozenDraft& draft;
    const FrozenTree& frozen;
    Snapshot snapshot;
    TreeId tree;
    Digest digest;
    SealedDraft sealed;
};

class TxnNodes : public NodeSource {
public:
    explicit TxnNodes(const ReadTxn& txn) : txn_(txn) {}
    std::shared_ptr<const Node> node(const Digest& stored) override { return txn_.node(stored); }

private:
    const ReadTxn& txn_;
};

VersionRecord new_version(const ReadTxn& txn, const ArtifactRecord& artifact, const Ready& ready,
                          const std::optional<VersionRecord>& head) {
    const auto& draft = ready.draft;
    VersionRecord version;
    version.id = draft.promised;
    version.artifact = artifact.id;
    version.number = artifact.next_version;
    version.tree = ready.tree;
    version.digest = ready.digest;
    version.created = now();
    const auto& root = ready.snapshot.root;
    version.size = root.size;
    version.entries = root.count;
    version.changed = ready.frozen.changed;
    version.carried_over = root.count > ready.frozen.put ? root.count - ready.frozen.put : 0;
    version.parent = number_of(txn, draft.base.version);
    if (ready.frozen.merged && draft.head)
        version.merged_with = number_of(txn, draft.head->base.version);
    // What begins empty follows nothing; what is not merged says what it leaves out.
    if (head && !draft.begins_empty && head->id != draft.base.version) {
        TxnNodes nodes(txn);
        version.diverged =
            diverged_paths(nodes, draft.base_snapshot, txn.snapshot(head->tree), ready.snapshot);
    }
    return version;
}

void settle_type(const SealOrder& order, const FrozenTree& frozen, ArtifactRecord& artifact) {
    if (artifact.type_fixed) return;
    if (auto given = order.types.find(artifact.name); given != order.types.end())
        artifact.type = given->second;
    if (frozen.type && is_plain_name(*frozen.type)) artifact.type = *frozen.type;
    artifact.type_fixed = true;
}

// Frozen trees that were built on the one that is sealed get its digests, too.
void resolve_frozen(WriteTxn& txn, std::vector<DraftRecord>& built, Promotion& promotion) {
    std::map<TreeId, TreeId> resolved_as;
    TxnNodes nodes(txn);
    for (auto& record : built) {
        if (!record.frozen_tree) continue;
        auto resolved = resolve_tree(
            nodes, promotion.snapshot, txn.snapshot(*record.frozen_tree), promotion.files,
            [&](const Digest& stored, std::string bytes) { txn.put_record(stored, bytes); });
        TreeId tree = tree_id(resolved.snapshot);
        txn.put_record(tree.digest, encode_snapshot(resolved.snapshot));
        promotion.directories.insert(resolved.directories.begin(), resolved.directories.end());
        resolved_as[*record.frozen_tree] = tree;
        record.frozen_tree = tree;
    }
    for (auto& record : built)
        if (auto tree = resolved_as.find(record.base.tree); tree != resolved_as.end())
            record.base.tree = tree->second;
}

// Whoever built on the frozen tree of a draft goes on upon what it became, in the catalog as in
// memory (Session does the same).
void translate(WriteTxn& txn, Promotion promotion) {
    const VersionId version = *promotion.base.version;
    txn.became(promotion.promised, version);
    auto built = txn.drafts();
    std::erase_if(built, [&](const DraftRecord& record) {
        return !record.base.version || txn.version(*record.base.version).has_value();
    });
    // The version itself is there already, if it is new.
    for (auto& record : txn.drafts())
        if (record.base.version == promotion.promised && version == promotion.promised)
            built.push_back(record);
    resolve_frozen(txn, built, promotion);
    for (auto& record : built) {
        auto overlay = Overlay::from_rows(promotion.snapshot, txn.draft_rows(record.id));
        overlay.promote(promotion);
        if (record.base.version == promotion.promised) record.base = promotion.base;
        txn.put(record);
        for (const auto& [key, value] : overlay.rows()) txn.put_draft_row(record.id, key, value);
    }
}

void set_alias(WriteTxn& txn, const SealOrder& order, const ArtifactRecord& artifact,
               std::uint32_t version) {
    auto alias = order.aliases.find(artifact.name);
    if (alias == order.aliases.end()) return;
    txn.put_alias(artifact.id, alias->second, version);
    txn.add_history(artifact.id, {now(),
                                  order.run.user,
                                  "alias",
                                  {{"alias", alias->second},
                                   {"version", "v" + std::to_string(version)},
                                   {"run", order.run.name}}});
}

// Makes one draft's version (or finds that it is there already) in the final transaction.
void settle_draft(WriteTxn& txn, const SealOrder& order, const Ready& ready, SealedDraft& sealed) {
    const auto& draft = ready.draft;
    auto artifact = txn.artifact(*draft.artifact);
    if (!artifact || !ready.frozen.worth_a_version) {
        sealed.outcome = SealOutcome::nothing;
        sealed.promotion.reset();
        if (order.run.ended) txn.erase_draft(draft.id);  // else the run may still fill it
        return;
    }
    txn.erase_draft(draft.id);
    if (auto made = txn.version(draft.promised)) {
        // By a worker that died before it could tell.
        sealed.outcome = SealOutcome::created;
        sealed.artifact_record = artifact;
        sealed.version = made;
        sealed.base = sealed.promotion->base = {made->tree, made->id};
        translate(txn, *sealed.promotion);
        return;
    }
    std::optional<VersionRecord> head;
    if (artifact->head) head = txn.version(artifact->id, *artifact->head);
    if (head && head->digest == ready.digest) {
        sealed.outcome = meet_existing(txn, order, order.run, head->id);
        sealed.version = head;
    } else {
        auto version = new_version(txn, *artifact, ready, head);
        version.by_policy = order.by_policy;
        settle_type(order, ready.frozen, *artifact);
        if (!order.aside) artifact->head = version.number;
        artifact->next_version = version.number + 1;
        txn.put(*artifact);
        txn.put(version);
        sealed.outcome = SealOutcome::created;
        sealed.artifact_record = artifact;
        sealed.version = version;
    }
    sealed.base = {sealed.version->tree, sealed.version->id};
    sealed.promotion->base = sealed.base;
    translate(txn, *sealed.promotion);
    auto log = [&](const RunId& run, std::uint32_t segment, SealOutcome outcome) {
        bool confirmed = outcome == SealOutcome::confirmed;
        auto kind = confirmed ? LogKind::confirmed : LogKind::logged;
        txn.put(LogEdge{run, segment, sealed.version->id, kind});
    };
    if (draft.owner_logs) log(order.run.id, order.segment, sealed.outcome);
    for (const auto& [other, segment] : draft.others) {
        RunRecord run = txn.run(other).value_or(RunRecord{});
        run.id = other;
        bool is_new = sealed.outcome == SealOutcome::created;
        log(other, segment,
            is_new ? sealed.outcome : meet_existing(txn, order, run, sealed.version->id));
    }
    set_alias(txn, order, *artifact, sealed.version->number);
}

Ready make_ready(const SealContext& context, const FrozenDraft& draft, const FrozenTree& frozen,
                 const HashedFiles& known, NewRecords& records) {
    Ready ready{draft, frozen, frozen.snapshot, frozen.tree, {}, {}};
    BuildNodes nodes(context.store.catalog(), records);
    Promotion promotion;
    promotion.promised = draft.promised;
    if (!known.empty()) {
        const auto& reference =
            frozen.merged && draft.head ? draft.head->snapshot : draft.base_snapshot;
        auto resolved = resolve_tree(nodes, reference, frozen.snapshot, known,
                                     [&](const Digest& stored, std::string bytes) {
                                         records.emplace(stored, std::move(bytes));
                                     });
        ready.snapshot = std::move(resolved.snapshot);
        ready.tree = tree_id(ready.snapshot);
        promotion.directories = std::move(resolved.directories);
        // Also those of earlier drafts: what was built on this tree has met only this one.
        promotion.files = std::move(resolved.files);
    }
    ready.digest = version_digest(ready.snapshot);
    records.emplace(ready.tree.digest, encode_snapshot(ready.snapshot));
    auto& sealed = ready.sealed;
    sealed.id = draft.id;
    sealed.artifact = draft.artifact;
    sealed.base.tree = ready.tree;
    sealed.snapshot = promotion.snapshot = ready.snapshot;
    for (const auto& file : frozen.files) {
        auto hashed = known.find(file.stand_in);
        if (hashed == known.end()) continue;
        sealed.files[file.node] = hashed->second;
        promotion.files.insert(*hashed);
    }
    sealed.promotion = std::move(promotion);
    note_places(*draft.overlay, nodes, ready.snapshot, frozen.merged, sealed);
    return ready;
}

// No version names bytes that are not there, whatever went wrong before.
Result<> check_bytes(const SealContext& context, const Ready& ready, const NewRecords& records) {
    std::set<Digest> own;
    for (const auto& [node, hashed] : ready.sealed.files) own.insert(hashed.digest);
    BuildNodes nodes(context.store.catalog(), records);
    std::string missing;
    diff(nodes, ready.draft.base_snapshot.root, ready.snapshot.root, true,
         [&](const Difference& difference) {
             const auto* entry = difference.after;
             if (entry == nullptr || entry->kind != Kind::file || own.contains(entry->digest))
                 return;
             if (!context.store.objects().contains(entry->digest)) missing = difference.path;
         });
    if (missing.empty()) return {};
    return fail(EIO, "the bytes of " + missing + " are not in the store");
}

Result<> refuse_unsealed_bases(const SealContext& context, const SealOrder& order) {
    auto txn = context.store.catalog().read();
    for (const auto& draft : order.drafts) {
        if (!draft.base.version || txn->version(*draft.base.version)) continue;
        for (const auto& other : txn->drafts()) {
            if (other.promised != draft.base.version) continue;
            auto run = txn->run(other.run);
            return fail(EBUSY, "it is built on a draft of run " + (run ? run->name : "?") +
                                   " that is not sealed: art commit that first");
        }
        return fail(EBUSY, "the draft it is built on was discarded");
    }
    return {};
}

}  // namespace

Result<FrozenTrees> freeze(const SealContext& context, const SealOrder& order) {
    FrozenTrees frozen;
    for (const auto& draft : order.drafts) {
        auto files = staged_files(context, draft);
        if (!files) return tl::unexpected(files.error());
        auto tree = build_tree(context, draft, std::move(*files), {}, frozen.records);
        if (!tree) return tl::unexpected(tree.error());
        if (draft.frozen_as) {
            tree->snapshot = context.store.catalog().read()->snapshot(*draft.frozen_as);
            tree->tree = *draft.frozen_as;
            tree->merged = draft.head.has_value();
        }
        frozen.trees.push_back(std::move(*tree));
    }
    return frozen;
}

Result<HashedFiles> hash(const SealContext& context, const FrozenTrees& frozen) {
    std::vector<StagedFile> files;
    for (const auto& tree : frozen.trees)
        files.insert(files.end(), tree.files.begin(), tree.files.end());
    return hash_files(context, files);
}

Result<std::vector<SealedDraft>> finish(const SealContext& context, const SealOrder& order,
                                        const FrozenTrees& frozen, const HashedFiles& known) {
    if (auto refused = refuse_unsealed_bases(context, order); !refused)
        return tl::unexpected(refused.error());
    NewRecords records = frozen.records;
    std::vector<Ready> ready;
    for (std::size_t i = 0; i < order.drafts.size(); ++i)
        ready.push_back(make_ready(context, order.drafts[i], frozen.trees[i], known, records));
    for (const auto& one : ready)
        if (auto checked = check_bytes(context, one, records); !checked)
            return tl::unexpected(checked.error());
    if (auto written = write_records(context, records); !written)
        return tl::unexpected(written.error());

    std::vector<SealedDraft> sealed;
    auto written = context.write([&](WriteTxn& txn) {
        sealed.clear();  // the change may run again in a larger map
        for (const auto& [digest, record] : records) txn.put_record(digest, record);
        RunRecord run = order.run;
        for (const auto& one : ready) {
            sealed.push_back(one.sealed);
            auto& draft = sealed.back();
            if (draft.artifact) {
                settle_draft(txn, order, one, draft);
                if (draft.version) run.pins[*draft.artifact] = draft.base;
            } else {
                draft.outcome = SealOutcome::run_data;
                run.data = draft.base.tree;
                txn.erase_draft(draft.id);
            }
        }
        for (const auto& use : order.uses) txn.put(use);
        txn.put(run);
    });
    if (!written) return tl::unexpected(written.error());
    return sealed;
}

Result<std::vector<SealedDraft>> seal(const SealContext& context, const SealOrder& order) {
    auto held = context.store.hold_contents();
    if (!held) return tl::unexpected(held.error());
    FrozenTrees frozen;
    HashedFiles known;
    for (const auto& draft : order.drafts) {
        auto tree = build_hashed(context, draft, known, frozen.records);
        if (!tree) return tl::unexpected(tree.error());
        // What others built on is sealed as it was.
        if (draft.frozen_as) {
            tree->snapshot = context.store.catalog().read()->snapshot(*draft.frozen_as);
            tree->merged = draft.head.has_value();
        }
        frozen.trees.push_back(std::move(*tree));
    }
    return finish(context, order, frozen, known);
}

Overlay rebase(const Overlay& current, const Overlay& frozen, const SealedDraft& sealed,
               bool reads_are_uses) {
    Overlay after(sealed.snapshot);
    DraftChange change;
    std::uint64_t fresh = 0;  // names that take a new place in a listing
    // Sockets, FIFOs and names that are never kept stay in the draft: the version has none of them.
    std::map<NodeNumber, Origin> in_version;
    const VersionId version = sealed.version ? sealed.version->id : VersionId{};
    for (const auto& [number, rank] : sealed.ranks) in_version[number] = {version, rank, false};
    for (const auto& [name, value] : frozen.names(art_dir_number))
        in_version[value.node] = {version, 0, true};
    auto is_in_version = [&](const OverlayNode& node) {
        return in_version.contains(node.number) || sealed.directories.contains(node.number);
    };
    for (const auto& [number, node] : current.nodes()) {
        OverlayNode next = node;
        const auto* before = frozen.node(number);
        bool as_frozen = before != nullptr && *before == node;
        if (auto dir = sealed.directories.find(number); dir != sealed.directories.end()) {
            next.base = dir->second.ref;
            next.base_rank = dir->second.rank;
        } else if (node.kind == Kind::directory) {
            next.base.reset();
        }
        if (auto file = sealed.files.find(number); file != sealed.files.end() && as_frozen) {
            next.staging = 0;
            next.frozen = false;
            next.digest = file->second.digest;
            next.size = file->second.size;
        }
        if (as_frozen && sealed.superseded.contains(number)) next.links = 0;
        if (as_frozen && is_in_version(node)) {
            next.origin.reset();  // the run's own writing: reading it is a use of nothing
            if (auto place = in_version.find(number);
                reads_are_uses && sealed.version && place != in_version.end())
                next.origin = place->second;
            next.changed = next.kept = false;
        }
        change.nodes.push_back(std::move(next));
    }
    for (const auto& [number, node] : current.nodes()) {
        if (node.kind != Kind::directory) continue;
        const auto& then = frozen.names(number);
        for (const auto& [name, value] : current.names(number)) {
            auto old = then.find(name);
            const auto* sealed_node = old == then.end() ? nullptr : frozen.node(old->second.node);
            bool left_out = sealed_node != nullptr && !is_in_version(*sealed_node);
            bool in_base = sealed_node != nullptr && !left_out;
            if (value.node == 0 && !in_base && old != then.end()) continue;  // gone for good
            if (old != then.end() && old->second == value && sealed.superseded.contains(value.node))
                continue;  // the head's
            OverlayName next = value;
            if (in_base) next.serial = 0;
            if (left_out && next.serial == 0) next.serial = current.next_serial() + fresh++;
            change.names.push_back({number, name, next});
        }
        for (const auto& [name, value] : then) {
            bool still_named = current.names(number).contains(name);
            const auto* gone = frozen.node(value.node);
            if (gone != nullptr && is_in_version(*gone) && !still_named)
                change.names.push_back({number, name, OverlayName{}});
        }
    }
    after.apply(change);
    return after;
}

}  // namespace artfs

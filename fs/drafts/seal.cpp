#include "drafts/seal.h"

#include <algorithm>
#include <deque>
#include <set>

#include "drafts/build.h"

namespace artfs {

namespace {

// LMDB spills a transaction of more than about half a gigabyte of pages; this stays far below.
constexpr std::size_t batch_bytes = 16U << 20U;

Result<> write_records(const SealContext& context, NewRecords& records) {
    // The last batch goes with the final transaction.
    while (true) {
        std::size_t bytes = 0;
        for (const auto& record : records) bytes += record.second.size();
        if (bytes <= batch_bytes) return {};
        NewRecords batch;
        for (std::size_t taken = 0; taken < batch_bytes;) {
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

// True if following edges upstream from what the run has used meets `version`: then an edge from
// the run to it would close a cycle.
bool reaches(const ReadTxn& txn, std::deque<VersionId> frontier, const VersionId& version) {
    std::set<VersionId> seen(frontier.begin(), frontier.end());
    while (!frontier.empty()) {
        VersionId at = frontier.front();
        frontier.pop_front();
        if (at == version) return true;
        for (const auto& log : txn.loggers_of(at)) {
            for (const auto& use : txn.uses_of(log.run)) {
                // A segment follows the ones before it.
                if (use.segment <= log.segment && seen.insert(use.version).second)
                    frontier.push_back(use.version);
            }
        }
    }
    return false;
}

SealOutcome meet_existing(const ReadTxn& txn, const SealOrder& order,
                          const VersionRecord& existing) {
    std::deque<VersionId> used;
    for (const auto& use : txn.uses_of(order.run.id)) used.push_back(use.version);
    for (const auto& use : order.uses) used.push_back(use.version);
    bool youngest = std::all_of(used.begin(), used.end(), [&](const VersionId& id) {
        auto version = txn.version(id);
        return version && version->id != existing.id && version->created < existing.created;
    });
    if (youngest || !reaches(txn, used, existing.id)) return SealOutcome::existing;
    return SealOutcome::confirmed;
}

std::optional<std::uint32_t> number_of(const ReadTxn& txn, const std::optional<VersionId>& id) {
    if (!id) return std::nullopt;
    auto version = txn.version(*id);
    if (!version) return std::nullopt;
    return version->number;
}

VersionRecord new_version(const ReadTxn& txn, const ArtifactRecord& artifact,
                          const FrozenDraft& draft, const BuiltDraft& built) {
    VersionRecord version;
    version.id = VersionId::make();
    version.artifact = artifact.id;
    version.number = artifact.next_version;
    version.tree = built.sealed.base.tree;
    version.digest = built.digest;
    version.created = now();
    const auto& root = built.sealed.snapshot.root;
    version.size = root.size;
    version.entries = root.count;
    version.changed = built.changed;
    version.carried_over = root.count > built.put ? root.count - built.put : 0;
    version.parent = number_of(txn, draft.base.version);
    return version;
}

void settle_type(const SealOrder& order, const BuiltDraft& built, ArtifactRecord& artifact) {
    if (artifact.type_fixed) return;
    if (auto given = order.types.find(artifact.name); given != order.types.end())
        artifact.type = given->second;
    if (built.type && is_plain_name(*built.type)) artifact.type = *built.type;
    artifact.type_fixed = true;
}

// Makes one draft's version (or finds that it is there already) in the final transaction.
void settle_draft(WriteTxn& txn, const SealOrder& order, const FrozenDraft& draft,
                  const BuiltDraft& built, SealedDraft& sealed) {
    auto artifact = txn.artifact(*draft.artifact);
    if (!artifact || !built.worth_a_version) {
        sealed.outcome = SealOutcome::nothing;
        if (order.run.ended) txn.erase_draft(draft.id);  // else the run may still fill it
        return;
    }
    txn.erase_draft(draft.id);
    std::optional<VersionRecord> head;
    if (artifact->head) head = txn.version(artifact->id, *artifact->head);
    if (head && head->digest == built.digest) {
        sealed.outcome = meet_existing(txn, order, *head);
        sealed.version = head;
    } else {
        auto version = new_version(txn, *artifact, draft, built);
        settle_type(order, built, *artifact);
        artifact->head = version.number;
        artifact->next_version = version.number + 1;
        txn.put(*artifact);
        txn.put(version);
        sealed.outcome = SealOutcome::created;
        sealed.artifact_record = artifact;
        sealed.version = version;
    }
    sealed.base.version = sealed.version->id;
    sealed.base.tree = sealed.version->tree;
    LogKind kind = sealed.outcome == SealOutcome::confirmed ? LogKind::confirmed : LogKind::logged;
    txn.put(LogEdge{order.run.id, order.segment, sealed.version->id, kind});
    if (auto alias = order.aliases.find(artifact->name); alias != order.aliases.end()) {
        txn.put_alias(artifact->id, alias->second, sealed.version->number);
        txn.add_history(artifact->id, {now(),
                                       order.run.user,
                                       "alias",
                                       {{"alias", alias->second},
                                        {"version", "v" + std::to_string(sealed.version->number)},
                                        {"run", order.run.name}}});
    }
}

}  // namespace

Result<std::vector<SealedDraft>> seal(const SealContext& context, const SealOrder& order) {
    auto held = context.store.hold_contents();
    if (!held) return tl::unexpected(held.error());
    NewRecords records;
    auto built = build_drafts(context, order.drafts, records);
    if (!built) return tl::unexpected(built.error());
    if (auto written = write_records(context, records); !written)
        return tl::unexpected(written.error());

    std::vector<SealedDraft> sealed;
    auto written = context.write([&](WriteTxn& txn) {
        sealed.clear();  // the change may run again in a larger map
        for (const auto& [digest, record] : records) txn.put_record(digest, record);
        RunRecord run = order.run;
        for (std::size_t i = 0; i < order.drafts.size(); ++i) {
            sealed.push_back((*built)[i].sealed);
            auto& draft = sealed.back();
            if (draft.artifact) {
                settle_draft(txn, order, order.drafts[i], (*built)[i], draft);
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

Overlay rebase(const Overlay& current, const Overlay& frozen, const SealedDraft& sealed) {
    Overlay after(sealed.snapshot);
    DraftChange change;
    std::uint64_t fresh = 0;  // names that take a new place in a listing
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
        if (as_frozen && node.special == 0) {
            next.origin.reset();  // the run's own writing: reading it is a use of nothing
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
            // FIFOs and sockets stay in the draft: the new base has no such name.
            bool left_out = sealed_node != nullptr && sealed_node->special != 0;
            bool in_base = sealed_node != nullptr && !left_out;
            if (value.node == 0 && !in_base && old != then.end()) continue;  // gone for good
            OverlayName next = value;
            if (in_base) next.serial = 0;
            if (left_out && next.serial == 0) next.serial = current.next_serial() + fresh++;
            change.names.push_back({number, name, next});
        }
        for (const auto& [name, value] : then) {
            bool still_named = current.names(number).contains(name);
            const auto* gone = frozen.node(value.node);
            if (gone != nullptr && gone->special == 0 && !still_named)
                change.names.push_back({number, name, OverlayName{}});
        }
    }
    after.apply(change);
    return after;
}

}  // namespace artfs

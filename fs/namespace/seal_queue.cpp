#include "namespace/seal_queue.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "drafts/promote.h"

namespace artfs {

namespace {

using Step = SealQueue::Seal::Step;

bool is_frozen(const SealQueue::Seal& seal) {
    return seal.step != Step::waiting && seal.step != Step::freezing;
}

bool promises(const SealQueue::Seal& seal, const std::optional<VersionId>& version) {
    if (!version) return false;
    return std::any_of(seal.order.drafts.begin(), seal.order.drafts.end(),
                       [&](const FrozenDraft& draft) { return draft.promised == *version; });
}

// True if `seal` was made from what `other` froze: as base, merged into it, or read.
bool was_made_from(const SealQueue::Seal& seal, const SealQueue::Seal& other) {
    for (const auto& use : seal.order.uses)
        if (promises(other, use.version)) return true;
    for (std::size_t i = 0; i < seal.order.drafts.size(); ++i) {
        const auto& draft = seal.order.drafts[i];
        if (promises(other, draft.base.version)) return true;
        bool merged = is_frozen(seal) && seal.frozen.trees[i].merged;
        if (merged && draft.head && promises(other, draft.head->base.version)) return true;
    }
    return false;
}

bool share_an_artifact(const SealQueue::Seal& a, const SealQueue::Seal& b) {
    for (const auto& mine : a.order.drafts)
        for (const auto& theirs : b.order.drafts)
            if (mine.artifact && mine.artifact == theirs.artifact) return true;
    return false;
}

// What a draft's head is while nothing of the artifact is frozen.
std::optional<Head> sealed_head(const Store& store, const ArtifactId& artifact) {
    auto txn = store.catalog().read();
    auto record = txn->artifact(artifact);
    auto version = record && record->head ? txn->version(artifact, *record->head) : std::nullopt;
    if (!version) return std::nullopt;
    return Head{{version->tree, version->id}, txn->snapshot(version->tree)};
}

// The draft as the catalog keeps it from its freezing to its seal.
DraftRecord frozen_record(const SealOrder& order, const FrozenDraft& draft,
                          const FrozenTree& tree) {
    DraftRecord record;
    record.id = draft.id;
    record.run = order.run.id;
    record.segment = order.segment;
    record.artifact = draft.artifact;
    record.base = draft.base;
    record.promised = draft.promised;
    record.frozen_tree = tree.tree;
    if (tree.merged && draft.head) record.merged_with = draft.head->base.version;
    record.begins_empty = draft.begins_empty;
    record.created = draft.created;
    record.state = DraftState::frozen;
    record.next_node = draft.overlay->next_number();
    for (const auto& file : tree.files) record.size += file.size;
    return record;
}

}  // namespace

SealContext SealQueue::context() {
    return {
        mount_.store,
        [this](CatalogThread::Change change) { return mount_.catalog.write(std::move(change)); },
        mount_.config.never_keep, &mount_.early.hashes()};
}

void SealQueue::add(Seal seal) {
    // A run that only read has nothing to freeze.
    if (seal.order.drafts.empty()) seal.step = Step::hashed;
    seals_.push_back(std::make_shared<Seal>(std::move(seal)));
    advance();
}

void SealQueue::advance() {
    auto first = std::find_if(seals_.begin(), seals_.end(),
                              [](const Shared& seal) { return !is_frozen(*seal); });
    if (first != seals_.end() && (*first)->step == Step::waiting) start_freezing(*first);
    std::vector<Shared> ready;
    for (const auto& seal : seals_)
        if (seal->step == Step::hashed && blocker_of(*seal) == nullptr) ready.push_back(seal);
    for (const auto& seal : ready) start_finishing(seal);
}

void SealQueue::start_freezing(const Shared& seal) {
    seal->step = Step::freezing;
    for (auto& draft : seal->order.drafts) {
        if (draft.frozen_as) continue;  // by a worker that died
        if (draft.merges && draft.artifact) draft.head = head(*draft.artifact);
    }
    // What a promotion changes meanwhile is changed in the seal's own order.
    auto order = std::make_shared<SealOrder>(seal->order);
    auto work = [this, order]() -> Result<FrozenTrees> {
        for (auto& draft : order->drafts)
            if (draft.merges && draft.artifact && !draft.head && !draft.frozen_as)
                draft.head = sealed_head(mount_.store, *draft.artifact);
        auto trees = freeze(context(), *order);
        if (!trees) return trees;
        auto written = mount_.catalog.write([&](WriteTxn& txn) {
            for (const auto& [digest, bytes] : trees->records) txn.put_record(digest, bytes);
            for (std::size_t i = 0; i < order->drafts.size(); ++i) {
                const auto& draft = order->drafts[i];
                txn.erase_draft(draft.id);
                txn.put(frozen_record(*order, draft, trees->trees[i]));
                for (const auto& [key, value] : draft.overlay->rows())
                    txn.put_draft_row(draft.id, key, value);
            }
            RunRecord running = order->run;
            running.state = RunState::running;  // how it ended is only true once its seal is
            txn.put(running);
            for (const auto& use : order->uses) txn.put(use);
        });
        if (!written) return tl::unexpected(written.error());
        return trees;
    };
    mount_.session.commit();
    // Not aside: who looks at `latest` waits for the frozen tree.
    mount_.executor.offload(work, [this, seal, order](Result<FrozenTrees> trees) {
        frozen(seal, std::move(trees), order->drafts);
    });
}

void SealQueue::frozen(const Shared& seal, Result<FrozenTrees> trees,
                       std::vector<FrozenDraft> drafts) {
    if (seal->doomed) return failed(seal, *seal->doomed);
    if (!trees) return failed(seal, trees.error());
    for (std::size_t i = 0; i < drafts.size(); ++i)
        if (!seal->order.drafts[i].head) seal->order.drafts[i].head = drafts[i].head;
    seal->frozen = std::move(*trees);
    seal->frozen.records.clear();  // they are in the catalog
    FrozeFiles froze;
    for (const auto& tree : seal->frozen.trees)
        for (const auto& file : tree.files)
            froze.stand_ins.emplace_back(file.stand_in, file.staging);
    mount_.session.apply(0, std::move(froze));
    start_hashing(seal);
    if (on_frozen) on_frozen(seal->order.run.id);
    advance();
}

void SealQueue::start_hashing(const Shared& seal) {
    seal->step = Step::hashing;
    auto work = [this, seal]() -> Result<HashedFiles> {
        // Until the last transaction nothing of it is collected.
        auto held = mount_.store.hold_contents();
        if (!held) return tl::unexpected(held.error());
        seal->held = std::move(*held);
        return hash(context(), seal->frozen);
    };
    mount_.session.commit();
    mount_.executor.offload_aside(work, [this, seal](Result<HashedFiles> hashed) {
        if (seal->doomed) return failed(seal, *seal->doomed);
        if (!hashed) return failed(seal, hashed.error());
        seal->known.insert(hashed->begin(), hashed->end());
        seal->step = Step::hashed;
        advance();
    });
}

void SealQueue::start_finishing(const Shared& seal) {
    seal->step = Step::finishing;
    for (auto serial : seal->views) {
        const auto* view = mount_.session.view(serial);
        if (view != nullptr)
            mount_.session.apply(
                0, MarkedView{serial, DraftStage::sealing, view->writable, view->abandoned});
    }
    mount_.session.commit();
    mount_.executor.offload_aside(
        [this, seal] { return finish(context(), seal->order, seal->frozen, seal->known); },
        [this, seal](Result<std::vector<SealedDraft>> sealed) {
            if (!sealed) return failed(seal, sealed.error());
            finished(seal, *sealed);
        });
}

void SealQueue::finished(const Shared& seal, const std::vector<SealedDraft>& sealed) {
    seals_.remove(seal);
    // First of all: who reads a frozen tree finds the objects, and the staging files may go.
    for (const auto& draft : sealed)
        if (draft.promotion) promote(*draft.promotion);
    seal->done(sealed);
    advance();
}

void SealQueue::promote(const Promotion& promotion) {
    for (const auto& seal : seals_) {
        if (seal->step == Step::finishing) continue;  // the pool has it, and it waited for nothing
        artfs::promote(seal->order, seal->known, promotion);
    }
    mount_.session.apply(0, Promoted{promotion, seals_.empty()});
    const VersionId promised = promotion.promised;
    const VersionId version = *promotion.base.version;
    if (version != promised && on_another_version) on_another_version(promised, version);
}

void SealQueue::failed(const Shared& seal, const Error& error) {
    spdlog::error("sealing failed: {}", error.message);
    seals_.remove(seal);
    std::vector<Shared> idle;
    for (const auto& other : seals_) {
        if (other->doomed || !was_made_from(*other, *seal)) continue;
        other->doomed =
            Error{error.code, "the draft of run " + seal->order.run.name +
                                  " that it is built on could not be sealed: " + error.message};
        if (other->step == Step::waiting || other->step == Step::hashed) idle.push_back(other);
    }
    seal->done(tl::unexpected(error));
    for (const auto& other : idle) failed(other, *other->doomed);
    advance();
}

const SealQueue::Seal* SealQueue::blocker_of(const Seal& seal) const {
    for (const auto& other : seals_) {
        if (other.get() == &seal) return nullptr;
        if (share_an_artifact(seal, *other) || was_made_from(seal, *other)) return other.get();
    }
    return nullptr;
}

std::optional<Head> SealQueue::head(const ArtifactId& artifact) const {
    for (auto seal = seals_.rbegin(); seal != seals_.rend(); ++seal) {
        if (!is_frozen(**seal) || (*seal)->doomed) continue;
        const auto& order = (*seal)->order;
        for (std::size_t i = 0; i < order.drafts.size(); ++i) {
            const auto& tree = (*seal)->frozen.trees[i];
            if (order.drafts[i].artifact != artifact || !tree.worth_a_version || order.aside)
                continue;
            return Head{{tree.tree, order.drafts[i].promised}, tree.snapshot};
        }
    }
    return std::nullopt;
}

bool SealQueue::freezes(const RunId& run) const {
    return std::any_of(seals_.begin(), seals_.end(), [&](const Shared& seal) {
        return seal->order.run.id == run && !is_frozen(*seal);
    });
}

const FrozenDraft* SealQueue::frozen_draft(const DraftId& draft) const {
    for (const auto& seal : seals_)
        for (const auto& one : seal->order.drafts)
            if (one.id == draft) return &one;
    return nullptr;
}

const FrozenTree* SealQueue::frozen_tree(const DraftId& draft) const {
    for (const auto& seal : seals_)
        for (std::size_t i = 0; i < seal->order.drafts.size() && is_frozen(*seal); ++i)
            if (seal->order.drafts[i].id == draft) return &seal->frozen.trees[i];
    return nullptr;
}

std::string SealQueue::waits_for(const DraftId& draft) const {
    for (const auto& seal : seals_) {
        const auto& drafts = seal->order.drafts;
        if (std::none_of(drafts.begin(), drafts.end(),
                         [&](const FrozenDraft& one) { return one.id == draft; }))
            continue;
        const auto* blocker = blocker_of(*seal);
        return blocker == nullptr ? "" : blocker->order.run.name;
    }
    return "";
}

bool SealQueue::is_built_on(const DraftId& draft) const {
    const auto* frozen = frozen_draft(draft);
    if (frozen == nullptr) return false;
    for (const auto& [serial, view] : mount_.session.views())
        if (view.draft &&
            mount_.session.view_base(view.base_serial)->base.version == frozen->promised)
            return true;
    return false;
}

}  // namespace artfs

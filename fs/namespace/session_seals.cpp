// Session: what is on its way out of it: seals, what the catalog is owed, and what outlives a
// worker of the kernel's and the processes' side.
#include <algorithm>

#include "drafts/directories.h"
#include "drafts/promote.h"
#include "namespace/session.h"

namespace artfs {

namespace {
constexpr std::size_t explicit_runs_kept = 1024;
constexpr std::size_t intended_kept = 256;
}  // namespace

void Session::promote_pending(const Promotion& promotion) {
    for (auto& [number, seal] : pending_seals_) promote(seal.order, seal.known, promotion);
}

std::shared_ptr<const std::string> Session::text(std::uint64_t fh) const {
    auto found = texts_.find(fh);
    return found == texts_.end() ? nullptr : found->second;
}

bool Session::intended(std::uint64_t unique) const {
    return std::find(intended_.begin(), intended_.end(), unique) != intended_.end();
}

const Digest& Session::known_digest(const Digest& digest) const {
    auto found = hashed_as_.find(digest);
    return found == hashed_as_.end() ? digest : found->second;
}

std::optional<std::uint64_t> Session::stand_in(const Digest& digest) const {
    auto found = stand_ins_.find(digest);
    if (found == stand_ins_.end()) return std::nullopt;
    return found->second;
}

void Session::on(FrozeFiles& record) {
    for (const auto& [digest, staging] : record.stand_ins) stand_ins_[digest] = staging;
}

void Session::on(StartedSeal& record) {
    auto& seal = record.seal;
    next_seal_ = std::max(next_seal_, seal.number + 1);
    for (std::size_t i = 0; i < seal.order.drafts.size(); ++i) {
        auto& draft = seal.order.drafts[i];
        if (draft.overlay) continue;
        const auto& overlay = views_.at(seal.views[i]).overlay;
        draft.overlay =
            std::make_shared<const Overlay>(draft.held ? without(overlay, *draft.held) : overlay);
    }
    pending_seals_.insert_or_assign(seal.number, std::move(seal));
}

void Session::on(EndedSeal& record) { pending_seals_.erase(record.number); }

void Session::on(Owes& record) {
    next_owed_ = std::max(next_owed_, record.owed.number + 1);
    owed_.insert_or_assign(record.owed.number, std::move(record.owed));
}

void Session::on(Paid& record) { owed_.erase(record.number); }
void Session::on(KeptText& record) { texts_[record.fh] = std::move(record.text); }
void Session::on(RegisteredBacking& record) { backings_[record.file.id] = record.file.file; }
void Session::on(DroppedBacking& record) { backings_.erase(record.id); }
void Session::on(BackedNode& record) { backed_nodes_[record.node] = record.id; }

void Session::on(MetLauncher& record) {
    auto process = record.known.launcher.process;
    launchers_.insert_or_assign(process, std::move(record.known));
}

void Session::on(LeftLauncher& record) { launchers_.erase(record.process); }

void Session::on(KnewExplicit& record) {
    explicit_runs_.insert_or_assign(record.run.id, record.run);
    if (explicit_runs_.size() <= explicit_runs_kept) return;
    // Identifiers are in the order of their making.
    auto over = std::find_if(explicit_runs_.begin(), explicit_runs_.end(),
                             [](const auto& run) { return run.second.ended_ticks != 0; });
    if (over != explicit_runs_.end()) explicit_runs_.erase(over);
}

void Session::on(Intended& record) {
    intended_.push_back(record.unique);
    if (intended_.size() > intended_kept) intended_.erase(intended_.begin());
}

}  // namespace artfs

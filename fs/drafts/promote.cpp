#include "drafts/promote.h"

namespace artfs {

void promote(SealOrder& order, HashedFiles& known, const Promotion& promotion) {
    auto move_up = [&](Base& base, Snapshot& snapshot) {
        if (base.version != promotion.promised) return;
        base = promotion.base;
        snapshot = promotion.snapshot;
    };
    known.insert(promotion.files.begin(), promotion.files.end());
    for (auto& draft : order.drafts) {
        move_up(draft.base, draft.base_snapshot);
        if (draft.head) move_up(draft.head->base, draft.head->snapshot);
    }
    for (auto& use : order.uses)
        if (use.version == promotion.promised) use.version = *promotion.base.version;
    for (auto& [run, versions] : order.used)
        if (versions.erase(promotion.promised) > 0) versions.insert(*promotion.base.version);
    for (auto& [artifact, base] : order.run.pins)
        if (base.version == promotion.promised) base = promotion.base;
}

}  // namespace artfs

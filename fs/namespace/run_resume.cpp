// RunKeeper: what `art run` was asked for, and going on where another run stopped.
#include <algorithm>

#include "namespace/run_keeper.h"

namespace artfs {

Result<> RunKeeper::check_order(const ExplicitRun& order) const {
    for (const auto& [name, reference] : order.pins) {
        const auto* artifact = mount_.loader.artifact(name);
        if (artifact == nullptr)
            return fail(ENOENT, "--pin: no artifact is called '" + name + "': art ls lists them");
        auto number = VersionNumber::parse(reference);
        bool known = reference == "latest" || reference == "new" ||
                     artifact->aliases.contains(reference) ||
                     (number && number->value < artifact->record.next_version);
        if (!known)
            return fail(ENOENT, "--pin: " + name + " has no version or alias '" + reference +
                                    "': art log " + name + " lists them");
    }
    for (const auto& [name, type] : order.types) {
        if (!ArtifactName::parse(name) || !is_plain_name(type))
            return fail(EINVAL, "--type takes ARTIFACT=TYPE, not '" + name + "=" + type + "'");
        const auto* artifact = mount_.loader.artifact(name);
        if (artifact != nullptr && artifact->record.type_fixed && artifact->record.type != type)
            return fail(EINVAL, "--type: " + name + " is a " + artifact->record.type +
                                    " since its first version: leave the option out");
    }
    for (const auto& [name, alias] : order.aliases)
        if (!ArtifactName::parse(name) || !AliasName::parse(alias))
            return fail(EINVAL, "--alias: '" + alias + "' is no name for an alias of " + name +
                                    ": latest, new and vN are taken");
    return {};
}

Result<std::vector<TakenOver>> RunKeeper::resume_drafts(RunRecord& record, const RunId& from) {
    auto before = mount_.store.catalog().read()->run(from);
    if (!before) return fail(ENOENT, "the run to resume is not there");
    record.resumes = from;
    record.pins = before->pins;
    return take_over_kept(seals_.context(), *before, record);
}

void RunKeeper::show_resumed(const RunRecord& record, const RunId& from,
                             const std::vector<TakenOver>& taken) {
    std::vector<std::pair<std::uint32_t, std::string>> old;
    for (const auto& [serial, view] : mount_.session.views())
        if (view.run == from && view.draft) old.emplace_back(serial, view.name);
    for (const auto& [serial, name] : old) {
        mount_.loader.forget_run(name);
        mount_.session.apply(0, ClosedView{serial});
    }
    for (const auto& one : taken) {
        mount_.loader.erase_kept(one.record.id);
        View view;
        view.name = record.name;
        view.artifact = one.record.artifact;
        view.run = record.id;
        view.overlay = one.overlay;
        view.draft = one.record.id;
        view.draft_since = one.record.created;
        view.begins_empty = one.record.begins_empty;
        view.changed = now();
        open_view({}, std::move(view), one.record.base, one.base);
    }
}

}  // namespace artfs

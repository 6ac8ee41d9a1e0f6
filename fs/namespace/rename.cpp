// Filesystem: renaming in the draft of a view.
#include <linux/fs.h>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
bool is_directory(const Overlay::Found& found) {
    const auto* node = std::get_if<const OverlayNode*>(&found);
    return node != nullptr && (*node)->kind == Kind::directory;
}
}  // namespace

// A directory of the base becomes a node of the view first, as if it had been looked up.
Result<Filesystem::Side> Filesystem::side_of_rename(Request& request, NodeId directory,
                                                    const std::string& name) {
    auto dir = resolve_directory(directory);
    if (!dir) return tl::unexpected(dir.error());
    if (auto refused = refuse_name(*dir, name); !refused) return tl::unexpected(refused.error());
    Side side{*dir, name, dir->view->overlay.find(mount_.loader.nodes(), dir->node->number, name)};
    if (const auto* ranked = std::get_if<Ranked>(&side.found);
        ranked != nullptr && ranked->entry.kind == Kind::directory)
        side.found = &enter_directory(request, *dir->view, dir->node->number, *ranked);
    return side;
}

// What a side leads to, as the node it is in the other side's directory. `fresh` is the next number
// for a clean file of the base.
OverlayNode Filesystem::moved(const Side& side, const Side& to, ChangedDraft& change,
                              NodeNumber& fresh) const {
    OverlayNode node;
    if (const auto* own = std::get_if<const OverlayNode*>(&side.found)) {
        node = **own;
    } else {
        const auto& ranked = std::get<Ranked>(side.found);
        const View& view = *side.dir.view;
        OfBase clean{&view,
                     mount_.session.view_base(view.base_serial),
                     {side.name, ranked.entry, side.dir.node->base_rank},
                     ranked.rank};
        node = materialise(clean, change);
        node.number = fresh++;
        change.switched.back().number = node.number;
    }
    node.parent = to.dir.node->number;
    node.changed = true;
    node.ctime = now();
    return node;
}

Result<> Filesystem::rename(Request& request, NodeId from, const std::string& from_name, NodeId to,
                            const std::string& to_name, unsigned flags) {
    const auto* what = mount_.session.synthetic(from);
    if (what != nullptr && what->place == Place::artifact && from == to) {
        const auto* artifact = mount_.loader.artifact(what->artifact);
        if (artifact == nullptr) return fail(ENOENT, "the artifact was removed");
        if (flags != 0) return fail(EINVAL, "an alias is moved without flags");
        return rename_alias(request, *artifact, from_name, to_name);
    }
    if ((flags & ~static_cast<unsigned>(RENAME_NOREPLACE | RENAME_EXCHANGE)) != 0)
        return fail(EINVAL, "unknown rename flags");
    // Everything that may be missing in memory is asked for before anything changes.
    auto source = side_of_rename(request, from, from_name);
    if (!source) return tl::unexpected(source.error());
    auto target = side_of_rename(request, to, to_name);
    if (!target) return tl::unexpected(target.error());
    const View& view = *source->dir.view;
    if (&view != target->dir.view) return fail(EXDEV, "a rename does not leave its view");
    view.overlay.in_base(mount_.loader.nodes(), source->dir.node->number, from_name);

    if (std::holds_alternative<std::monostate>(source->found)) return fail(ENOENT, "no such name");
    bool exists = !std::holds_alternative<std::monostate>(target->found);
    if (exists && (flags & RENAME_NOREPLACE) != 0) return fail(EEXIST, "the name exists");
    if (!exists && (flags & RENAME_EXCHANGE) != 0) return fail(ENOENT, "no such name");
    const auto* one = std::get_if<const OverlayNode*>(&source->found);
    const auto* other = std::get_if<const OverlayNode*>(&target->found);
    if (one != nullptr && other != nullptr && *one == *other) return {};  // names of one file
    if (exists && (flags & RENAME_EXCHANGE) == 0) {
        if (is_directory(target->found) && !is_directory(source->found))
            return fail(EISDIR, "a directory is there");
        if (!is_directory(target->found) && is_directory(source->found))
            return fail(ENOTDIR, "a file is there");
        if (is_directory(target->found) &&
            !view.overlay.is_empty(mount_.loader.nodes(), (*other)->number))
            return fail(ENOTEMPTY, "the directory there is not empty");
    }
    if (auto begun = begin_write(request, view); !begun) return begun;
    return (flags & RENAME_EXCHANGE) != 0 ? exchange(request, *source, *target)
                                          : move(request, *source, *target);
}

Result<> Filesystem::exchange(Request& request, const Side& from, const Side& to) {
    const View& view = *from.dir.view;
    ChangedDraft change{view.serial, {}, {}, {}};
    NodeNumber fresh = view.overlay.next_number();
    auto one = moved(from, to, change, fresh);
    auto other = moved(to, from, change, fresh);
    // Both names exist: neither needs a new place in a listing.
    const auto from_dir = from.dir.node->number;
    const auto to_dir = to.dir.node->number;
    change.change.names.push_back({to_dir, to.name, name_for(view, to_dir, to.name, one.number)});
    change.change.names.push_back(
        {from_dir, from.name, name_for(view, from_dir, from.name, other.number)});
    change.change.nodes.push_back(std::move(one));
    change.change.nodes.push_back(std::move(other));
    touch_directory(view, from_dir, change);
    touch_directory(view, to_dir, change);
    apply(request, std::move(change));
    return {};
}

Result<> Filesystem::move(Request& request, const Side& from, const Side& to) {
    const View& view = *from.dir.view;
    ChangedDraft change{view.serial, {}, {}, {}};
    NodeNumber fresh = view.overlay.next_number();
    auto node = moved(from, to, change, fresh);
    const auto from_dir = from.dir.node->number;
    const auto to_dir = to.dir.node->number;
    if (!std::holds_alternative<std::monostate>(to.found)) {
        drop_name(view, to_dir, to.name, to.found, change);
        change.change.names.pop_back();  // the name is given anew
    }
    std::optional<OverlayName> left;
    if (view.overlay.in_base(mount_.loader.nodes(), from_dir, from.name)) left = OverlayName{};
    change.change.names.push_back({from_dir, from.name, left});
    change.change.names.push_back({to_dir, to.name, name_for(view, to_dir, to.name, node.number)});
    change.change.nodes.push_back(std::move(node));
    touch_directory(view, from_dir, change);
    touch_directory(view, to_dir, change);
    apply(request, std::move(change));
    return {};
}

}  // namespace artfs

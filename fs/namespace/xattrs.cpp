// Filesystem: extended attributes. `user.*` are a file's own, kept with it and sealed with it;
// `user.art.*` are the facts of versions and views that `.art` has as files.
//
// Facts are not listed, as `.art` is not: a copy that takes all attributes with it does not carry
// them to where they would be wrong. Reading them is no use of a version.
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>

#include "namespace/filesystem.h"

namespace artfs {

namespace {

constexpr unsigned step_fact = 9;
constexpr unsigned step_filled = 10;
constexpr std::string_view art_prefix = "user.art.";
// As much as the kernel's list of names may be, and what one file may weigh in a tree.
constexpr std::size_t most_bytes = 65536;

bool is_fact(const std::string& name) { return name.starts_with(art_prefix); }

std::string fact_of(const std::string& name) { return name.substr(art_prefix.size()); }

// The file of `.art` that a settable fact is; empty for others.
std::string document_of(const std::string& fact) {
    if (fact == "description") return description_name;
    if (fact == "metadata") return metadata_name;
    if (fact == "type") return type_name;
    return "";
}

tl::unexpected<Error> no_attribute() { return fail(ENODATA, "no such attribute"); }

std::string without_end(std::string text) {
    text.erase(text.find_last_not_of(" \n") + 1);
    return text;
}

Result<> fits(const Xattrs& xattrs) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : xattrs) bytes += name.size() + 1 + value.size();
    if (bytes > most_bytes) return fail(ENOSPC, "a file's attributes have at most 64 KiB");
    return {};
}

}  // namespace

// ---- a file's own

Result<> Filesystem::set_xattrs(Request& request, NodeId node,
                                const std::function<Result<>(Xattrs&)>& edit) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* own = std::get_if<OfView>(&*resolved);
    const auto* base = std::get_if<OfBase>(&*resolved);
    if (std::holds_alternative<OfVersion>(*resolved)) return fail(EROFS, "versions never change");
    if (own == nullptr && base == nullptr) return fail(EPERM, "made by the mount");
    Xattrs xattrs =
        base != nullptr ? base->located.entry.attributes.xattrs : own->node->attributes.xattrs;
    if (auto edited = edit(xattrs); !edited) return edited;
    if (auto room = fits(xattrs); !room) return room;
    const View& view = base != nullptr ? *base->view : *own->view;
    if (auto begun = begin_write(request, view); !begun) return begun;
    ChangedDraft change{view.serial, {}, {}, {}};
    auto next = changeable(*resolved, change);
    if (!next) return tl::unexpected(next.error());
    next->attributes.xattrs = std::move(xattrs);
    next->ctime = now();
    next->changed = true;
    change.change.nodes.push_back(std::move(*next));
    apply(request, std::move(change));
    return {};
}

// The view whose `.art` has the file that a fact of its root stands for.
Result<const View*> Filesystem::view_with_document(NodeId node, const std::string& document) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    if (std::holds_alternative<OfVersion>(*resolved)) return fail(EROFS, "versions never change");
    const auto* own = std::get_if<OfView>(&*resolved);
    if (own == nullptr || own->node->number != root_number ||
        own->view->kind == ViewKind::run_data || document.empty())
        return fail(EPERM, "a fact that cannot be changed");
    return own->view;
}

Result<> Filesystem::setxattr(Request& request, NodeId node, const std::string& name,
                              const std::string& value, int flags) {
    if (is_fact(name)) {
        auto document = document_of(fact_of(name));
        auto view = view_with_document(node, document);
        if (!view) return tl::unexpected(view.error());
        auto there = (*view)->overlay.find(mount_.loader.nodes(), art_dir_number, document);
        bool exists = !std::holds_alternative<std::monostate>(there);
        if (!request.did(step_filled)) {
            if ((flags & XATTR_CREATE) != 0 && exists) return fail(EEXIST, "it is set");
            if ((flags & XATTR_REPLACE) != 0 && !exists) return no_attribute();
        }
        return set_document(request, **view, document, &value);
    }
    if (name.starts_with("security."))
        return fail(EPERM, "capabilities and labels do not get into a store");
    if (!name.starts_with("user."))
        return fail(EOPNOTSUPP, "only a user's own attributes are kept");
    return set_xattrs(request, node, [&](Xattrs& xattrs) -> Result<> {
        bool exists = xattrs.contains(name);
        if ((flags & XATTR_CREATE) != 0 && exists) return fail(EEXIST, "the attribute exists");
        if ((flags & XATTR_REPLACE) != 0 && !exists) return no_attribute();
        xattrs[name] = value;
        return {};
    });
}

Result<> Filesystem::removexattr(Request& request, NodeId node, const std::string& name) {
    if (is_fact(name)) {
        auto document = document_of(fact_of(name));
        auto view = view_with_document(node, document);
        if (!view) return tl::unexpected(view.error());
        return set_document(request, **view, document, nullptr);
    }
    return set_xattrs(request, node, [&](Xattrs& xattrs) -> Result<> {
        if (xattrs.erase(name) == 0) return no_attribute();
        return {};
    });
}

Result<std::vector<std::string>> Filesystem::listxattr(Request& /*request*/, NodeId node) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    std::vector<std::string> names;
    auto add = [&](const Xattrs& kept) {
        for (const auto& [name, value] : kept) names.push_back(name);
    };
    if (const auto* of = std::get_if<OfVersion>(&*resolved)) add(of->entry.attributes.xattrs);
    if (const auto* of = std::get_if<OfBase>(&*resolved)) add(of->located.entry.attributes.xattrs);
    if (const auto* of = std::get_if<OfView>(&*resolved)) add(of->node->attributes.xattrs);
    return names;
}

Result<std::string> Filesystem::getxattr(Request& request, NodeId node, const std::string& name) {
    auto resolved = resolve(node);
    if (!resolved) return tl::unexpected(resolved.error());
    const auto* of_version = std::get_if<OfVersion>(&*resolved);
    const auto* of_view = std::get_if<OfView>(&*resolved);
    if (is_fact(name)) {
        auto fact = fact_of(name);
        if (fact == "sha256") {
            auto object = object_of(*resolved);
            if (object && S_ISREG(attr_of(*resolved, node).mode)) return object->hex();
        } else if (of_version != nullptr && of_version->rank == 0) {
            return version_fact(request, of_version->tree->version, fact);
        } else if (of_view != nullptr && of_view->node->number == root_number &&
                   of_view->view->kind != ViewKind::run_data) {
            return view_fact(request, *of_view->view, fact);
        }
        return no_attribute();
    }
    const Xattrs* kept = nullptr;
    if (of_version != nullptr) kept = &of_version->entry.attributes.xattrs;
    if (of_view != nullptr) kept = &of_view->node->attributes.xattrs;
    if (const auto* clean = std::get_if<OfBase>(&*resolved))
        kept = &clean->located.entry.attributes.xattrs;
    if (kept == nullptr) return no_attribute();
    auto found = kept->find(name);
    if (found == kept->end()) return no_attribute();
    return found->second;
}

// ---- facts

// The pool's answer to what only the catalog or a file knows; suspends until it is there.
Result<std::string> Filesystem::fetched(Request& request,
                                        std::function<Result<std::string>()> fetch) {
    if (request.did(step_fact)) {
        if (!request.text) return no_attribute();
        if (request.text->size() > most_bytes) return fail(E2BIG, "too long for an attribute");
        return *request.text;
    }
    throw Suspend{[this, &request, fetch = std::move(fetch)](Suspend::Resume resume) {
        mount_.executor.offload(fetch, [&request, resume](Result<std::string> text) {
            request.steps_done |= 1U << step_fact;
            if (text) request.text = std::make_shared<const std::string>(std::move(*text));
            resume(text || text.error().code == ENODATA ? 0 : text.error().code);
        });
    }};
}

Result<std::string> Filesystem::version_fact(Request& request, const VersionId& version,
                                             const std::string& fact) {
    const auto* tree = mount_.session.find_version_tree(version);
    if (tree != nullptr) {
        const auto& snapshot = tree->snapshot;
        if (fact == "version") return "v" + std::to_string(tree->number);
        if (fact == "digest") return "sha256:" + version_digest(snapshot).hex();
        if (fact == "type") return mount_.loader.artifact(tree->artifact)->record.type;
        if (fact == "description") {
            if (snapshot.description) return *snapshot.description;
            return no_attribute();
        }
        if (fact == "metadata") {
            if (!snapshot.metadata) return no_attribute();
            return fetched(request, [path = mount_.store.objects().path(
                                         snapshot.metadata->digest)] { return read_file(path); });
        }
    }
    return fetched(
        request, [this, version, fact] { return version_attribute(mount_.store, version, fact); });
}

Result<std::string> Filesystem::view_fact(Request& request, const View& view,
                                          const std::string& fact) {
    const auto* base = mount_.session.view_base(view.base_serial);
    auto document = document_of(fact);
    if (document.empty()) {
        if (!base->base.version) return no_attribute();
        if (fact == "base")
            return fetched(request, [this, version = *base->base.version] {
                return version_attribute(mount_.store, version, "version");
            });
        // What was written since is in no version yet.
        if (view.draft && view.overlay.has_changes()) return no_attribute();
        return version_fact(request, *base->base.version, fact);
    }
    auto found = view.overlay.find(mount_.loader.nodes(), art_dir_number, document);
    const auto* node = std::get_if<const OverlayNode*>(&found);
    if (node == nullptr) {
        if (fact == "type") return mount_.loader.artifact(*view.artifact)->record.type;
        return no_attribute();
    }
    if ((*node)->inline_text) return (*node)->target;
    auto path = (*node)->staging != 0 ? mount_.store.staging_path((*node)->staging)
                                      : mount_.store.objects().path((*node)->digest);
    auto text = fetched(request, [path] { return read_file(path); });
    // `echo` adds a line's end to what it writes; sealing takes it away again.
    if (text && fact != "metadata") return without_end(std::move(*text));
    return text;
}

Result<> Filesystem::set_document(Request& request, const View& view, const std::string& name,
                                  const std::string* text) {
    OfView dir{&view, view.overlay.node(art_dir_number)};
    if (auto refused = refuse_name(dir, name); !refused) return refused;
    if (text != nullptr && name == type_name && !is_plain_name(*text))
        return fail(EINVAL, "a type is made of letters, digits, '_', '.' and '-'");
    auto found = view.overlay.find(mount_.loader.nodes(), art_dir_number, name);
    bool exists = !std::holds_alternative<std::monostate>(found);
    if (!exists && text == nullptr) return no_attribute();
    if (auto begun = begin_write(request, view); !begun) return begun;
    if (text != nullptr && !request.did(step_filled)) {
        auto number = mount_.files.take_staging();
        auto file = mount_.files.open_staging(number);
        throw Suspend{[this, &request, number, file, bytes = *text](Suspend::Resume resume) {
            mount_.executor.offload([file, bytes] { return write_all(file->fd.get(), bytes); },
                                    [this, &request, number, resume](const Result<>& written) {
                                        request.steps_done |= 1U << step_filled;
                                        request.staging = number;
                                        if (!written) mount_.files.remove({number});
                                        resume(written ? 0 : written.error().code);
                                    });
        }};
    }
    ChangedDraft change{view.serial, {}, {}, {}};
    if (exists) {
        drop_name(view, art_dir_number, name, found, change);
        if (text != nullptr) change.change.names.pop_back();  // the name is given anew
    }
    if (text != nullptr) {
        auto node = new_node(request, view, *dir.node, Kind::file, 0644);
        node.staging = request.staging;
        node.size = text->size();
        change.change.names.push_back(
            {art_dir_number, name, name_for(view, art_dir_number, name, node.number)});
        change.change.nodes.push_back(std::move(node));
    }
    touch_directory(view, art_dir_number, change);
    NodeId directory = id_of(view, *dir.node);
    apply(request, std::move(change));
    // Names in `.art` are not believed for long; this is for those that came by a rename.
    mount_.kernel.invalidate_entry(directory, name);
    return {};
}

}  // namespace artfs

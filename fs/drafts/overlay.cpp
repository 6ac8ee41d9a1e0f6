#include "drafts/overlay.h"

#include <algorithm>
#include <functional>

#include "base/bytes.h"

namespace artfs {

namespace {

constexpr std::uint64_t first_added_cookie = std::uint64_t{1} << 32;

// Checkpoint rows, version 1. Keys: 'n' u32be(node) | 'e' u32be(directory) name.
// Values are sequences of Encoder fields in the order below.
std::string node_key(NodeNumber number) { return Encoder().u8('n').u32be(number).take(); }
std::string name_key(NodeNumber directory, std::string_view name) {
    return Encoder().u8('e').u32be(directory).raw(name).take();
}

std::string encode_node(const OverlayNode& node) {
    Encoder out;
    out.u8(static_cast<std::uint8_t>(node.kind));
    out.u32(node.attributes.mode).u32(node.attributes.uid).u32(node.attributes.gid);
    out.u64(static_cast<std::uint64_t>(to_ns(node.attributes.mtime)));
    out.u32(static_cast<std::uint32_t>(node.attributes.xattrs.size()));
    for (const auto& [name, value] : node.attributes.xattrs) out.str(name).str(value);
    out.u64(static_cast<std::uint64_t>(to_ns(node.ctime))).u32(node.links);
    out.u32(node.special).u8(node.atime ? 1 : 0);
    if (node.atime) out.u64(static_cast<std::uint64_t>(to_ns(*node.atime)));
    out.u64(node.staging).u8(node.frozen ? 1 : 0).raw(node.digest.view()).u64(node.size);
    out.u8(node.inline_text ? 1 : 0).str(node.target);
    out.u8(node.origin ? 1 : 0);
    if (node.origin) {
        out.raw(node.origin->version.view()).u32(node.origin->rank);
        out.u8(node.origin->metadata ? 1 : 0);
    }
    out.u8(node.base ? 1 : 0);
    if (node.base) {
        out.raw(node.base->stored.view()).raw(node.base->content.view());
        out.u32(node.base->count).u64(node.base->size).u32(node.base_rank);
    }
    out.u32(node.parent).u8(node.changed ? 1 : 0);
    return out.take();
}

std::string encode_name(const OverlayName& name) {
    return Encoder().u32(name.node).u64(name.serial).take();
}

Digest take_digest(Decoder& in) { return *Digest::from_bytes(in.raw(32)); }

OverlayNode decode_node_row(NodeNumber number, std::string_view bytes) {
    Decoder in(bytes);
    OverlayNode node;
    node.number = number;
    node.kind = static_cast<Kind>(in.u8());
    node.attributes.mode = in.u32();
    node.attributes.uid = in.u32();
    node.attributes.gid = in.u32();
    node.attributes.mtime = from_ns(static_cast<std::int64_t>(in.u64()));
    for (std::uint32_t left = in.u32(); left > 0; --left) {
        std::string name(in.str());
        node.attributes.xattrs.emplace(std::move(name), in.str());
    }
    node.ctime = from_ns(static_cast<std::int64_t>(in.u64()));
    node.links = in.u32();
    node.special = in.u32();
    if (in.u8() != 0) node.atime = from_ns(static_cast<std::int64_t>(in.u64()));
    node.staging = in.u64();
    node.frozen = in.u8() != 0;
    node.digest = take_digest(in);
    node.size = in.u64();
    node.inline_text = in.u8() != 0;
    node.target = in.str();
    if (in.u8() != 0) {
        Origin origin;
        origin.version = *VersionId::from_bytes(in.raw(16));
        origin.rank = in.u32();
        origin.metadata = in.u8() != 0;
        node.origin = origin;
    }
    if (in.u8() != 0) {
        DirRef base;
        base.stored = take_digest(in);
        base.content = take_digest(in);
        base.count = in.u32();
        base.size = in.u64();
        node.base = base;
        node.base_rank = in.u32();
    }
    node.parent = in.u32();
    node.changed = in.u8() != 0;
    node.kept = true;
    return node;
}

OverlayNode beside_root(NodeNumber number, const char* name, DraftChange& change) {
    OverlayNode node;
    node.number = number;
    node.attributes.mode = 0644;
    change.names.push_back({art_dir_number, name, OverlayName{number, number}});
    return node;
}

}  // namespace

Overlay::Overlay(const Snapshot& base, const std::optional<VersionId>& version) {
    DraftChange start;
    OverlayNode root;
    root.number = root_number;
    root.kind = Kind::directory;
    root.attributes = base.root_attributes;
    root.base = base.root;
    root.parent = root_number;
    start.nodes.push_back(root);
    OverlayNode art = root;
    art.number = art_dir_number;
    art.base.reset();
    art.attributes.mode = 0755;
    start.nodes.push_back(art);
    if (base.metadata) {
        auto node = beside_root(3, metadata_name, start);
        node.digest = base.metadata->digest;
        node.size = base.metadata->size;
        if (version) node.origin = Origin{*version, 0, true};
        node.attributes.mtime = base.root_attributes.mtime;
        start.nodes.push_back(node);
    }
    if (base.description) {
        auto node = beside_root(4, description_name, start);
        node.inline_text = true;
        node.target = *base.description;
        node.size = node.target.size();
        node.attributes.mtime = base.root_attributes.mtime;
        start.nodes.push_back(node);
    }
    apply(start);
    next_serial_ = first_free_number;
    dirty_nodes_.clear();
    dirty_names_.clear();
}

void Overlay::note_name(NodeNumber directory, const std::string& name) {
    dirty_names_.emplace(directory, name);
    keep(directory);
}

void Overlay::keep(NodeNumber number) {
    auto found = nodes_.find(number);
    if (found == nodes_.end() || found->second.kept) return;
    found->second.kept = true;
    dirty_nodes_.insert(number);
    keep_above(found->second);
}

void Overlay::keep_above(const OverlayNode& node) {
    auto [first, last] = unkept_names_.equal_range(node.number);
    std::vector<std::pair<NodeNumber, std::string>> names;
    for (auto at = first; at != last; ++at) names.push_back(std::move(at->second));
    unkept_names_.erase(first, last);
    for (const auto& [directory, name] : names) note_name(directory, name);
    if (node.kind == Kind::directory) keep(node.parent);
}

void Overlay::apply(const DraftChange& change) {
    std::vector<NodeNumber> newly_kept;
    for (const auto& node : change.nodes) {
        auto& slot = nodes_[node.number];
        bool kept = slot.kept;
        slot = node;
        slot.kept = kept || node.kept || node.changed;
        if (slot.kept) dirty_nodes_.insert(node.number);
        if (slot.kept && !kept) newly_kept.push_back(node.number);
        if (node.base) by_rank_[node.base_rank] = node.number;
        next_number_ = std::max(next_number_, node.number + 1);
    }
    for (const auto& name : change.names) {
        auto& names = names_[name.directory];
        auto& added = added_[name.directory];
        if (auto old = names.find(name.name); old != names.end()) {
            added.erase(old->second.serial);
            names.erase(old);
        }
        bool unkept = false;
        if (name.value) {
            names.emplace(name.name, *name.value);
            if (name.value->serial != 0) {
                added.emplace(name.value->serial, name.name);
                next_serial_ = std::max(next_serial_, name.value->serial + 1);
            }
            auto target = nodes_.find(name.value->node);
            unkept = target != nodes_.end() && !target->second.kept;
        }
        // A directory that was only looked at is no change of the one above it.
        if (unkept)
            unkept_names_.emplace(name.value->node, std::pair(name.directory, name.name));
        else
            note_name(name.directory, name.name);
    }
    for (NodeNumber number : newly_kept) keep_above(nodes_.at(number));
    for (NodeNumber number : change.erased) {
        auto node = nodes_.find(number);
        if (node == nodes_.end()) continue;
        if (node->second.base && by_rank_[node->second.base_rank] == number)
            by_rank_.erase(node->second.base_rank);
        dirty_nodes_.insert(number);
        nodes_.erase(node);
        unkept_names_.erase(number);
        names_.erase(number);
        added_.erase(number);
    }
}

void Overlay::promote(const Promotion& promotion) {
    for (auto& [number, node] : nodes_) {
        OverlayNode before = node;
        if (node.base)
            if (auto dir = promotion.directories.find(node.base->stored);
                dir != promotion.directories.end())
                node.base = dir->second;
        if (auto file = promotion.files.find(node.digest); file != promotion.files.end())
            node.digest = file->second.digest;
        if (node.origin && node.origin->version == promotion.promised)
            node.origin->version = *promotion.base.version;
        if (node.kept && !(node == before)) dirty_nodes_.insert(number);
    }
}

const OverlayNode* Overlay::node(NodeNumber number) const {
    auto found = nodes_.find(number);
    return found == nodes_.end() ? nullptr : &found->second;
}

const std::map<std::string, OverlayName, std::less<>>& Overlay::names(NodeNumber directory) const {
    static const std::map<std::string, OverlayName, std::less<>> none;
    auto found = names_.find(directory);
    return found == names_.end() ? none : found->second;
}

const OverlayNode* Overlay::directory_of_rank(std::uint32_t base_rank) const {
    auto found = by_rank_.find(base_rank);
    return found == by_rank_.end() ? nullptr : node(found->second);
}

Overlay::Found Overlay::find(NodeSource& base, NodeNumber directory, std::string_view name) const {
    const auto& changed = names(directory);
    if (auto found = changed.find(name); found != changed.end()) {
        if (found->second.node == 0) return std::monostate{};
        return node(found->second.node);
    }
    const auto* dir = node(directory);
    if (dir == nullptr || !dir->base) return std::monostate{};
    auto ranked = artfs::find(base, *dir->base, dir->base_rank, name);
    if (!ranked) return std::monostate{};
    return *ranked;
}

bool Overlay::in_base(NodeSource& base, NodeNumber directory, std::string_view name) const {
    const auto* dir = node(directory);
    return dir != nullptr && dir->base &&
           artfs::find(base, *dir->base, dir->base_rank, name).has_value();
}

std::vector<std::pair<NodeNumber, std::string>> Overlay::names_of(NodeNumber number) const {
    std::vector<std::pair<NodeNumber, std::string>> found;
    for (const auto& [directory, names] : names_)
        for (const auto& [name, value] : names)
            if (value.node == number) found.emplace_back(directory, name);
    return found;
}

bool Overlay::is_empty(NodeSource& base, NodeNumber directory) const {
    bool empty = true;
    list(base, directory, 0, [&](const Listed&) { return empty = false; });
    return empty;
}

void Overlay::list(NodeSource& base, NodeNumber directory, std::uint64_t cookie,
                   const std::function<bool(const Listed&)>& visit) const {
    const auto* dir = node(directory);
    if (dir == nullptr) return;
    const auto& changed = names(directory);
    bool go_on = true;
    if (dir->base && cookie < first_added_cookie) {
        artfs::list(base, *dir->base, dir->base_rank, static_cast<std::uint32_t>(cookie),
                    [&](const Entry& entry, std::uint32_t rank) {
                        auto change = changed.find(entry.name);
                        if (change == changed.end()) {
                            go_on = visit({entry.name, rank, nullptr, &entry, rank});
                        } else if (change->second.node != 0 && change->second.serial == 0) {
                            go_on = visit({entry.name, rank, node(change->second.node)});
                        }
                        return go_on;
                    });
    }
    if (!go_on) return;
    auto added = added_.find(directory);
    if (added == added_.end()) return;
    std::uint64_t from = cookie < first_added_cookie ? 0 : cookie - first_added_cookie;
    for (auto at = added->second.upper_bound(from); at != added->second.end() && go_on; ++at) {
        auto named = changed.find(at->second);
        go_on = visit({at->second, first_added_cookie + at->first, node(named->second.node)});
    }
}

bool Overlay::has_changes() const {
    for (const auto& [directory, names] : names_) {
        for (const auto& [name, value] : names) {
            if (value.node == 0) return true;
            const auto* target = node(value.node);
            if (target == nullptr || !target->changed) continue;
            // In the place of a file of the base, a FIFO or socket is what removed that.
            if (target->special != 0 ? value.serial == 0 : target->kind != Kind::directory)
                return true;
        }
    }
    return false;
}

std::uint64_t Overlay::staged_files() const {
    return static_cast<std::uint64_t>(std::count_if(
        nodes_.begin(), nodes_.end(), [](const auto& node) { return node.second.staging != 0; }));
}

std::map<std::string, std::optional<std::string>> Overlay::take_dirty_rows() {
    std::map<std::string, std::optional<std::string>> rows;
    for (NodeNumber number : dirty_nodes_) {
        const auto* found = node(number);
        auto& row = rows[node_key(number)];
        if (found != nullptr) row = encode_node(*found);
    }
    for (const auto& [directory, name] : dirty_names_) {
        auto& row = rows[name_key(directory, name)];
        const auto& all = names(directory);
        if (auto found = all.find(name); found != all.end()) row = encode_name(found->second);
    }
    dirty_nodes_.clear();
    dirty_names_.clear();
    return rows;
}

void Overlay::put_back(const std::map<std::string, std::optional<std::string>>& rows) {
    for (const auto& [key, value] : rows) {
        Decoder in(key);
        bool is_node = in.u8() == 'n';
        NodeNumber number = in.u32be();
        if (is_node)
            dirty_nodes_.insert(number);
        else
            dirty_names_.emplace(number, std::string(in.rest()));
    }
}

std::map<std::string, std::string> Overlay::rows() const {
    std::map<std::string, std::string> rows;
    for (const auto& [number, node] : nodes_)
        if (node.kept) rows[node_key(number)] = encode_node(node);
    for (const auto& [directory, names] : names_) {
        const auto* above = node(directory);
        if (above == nullptr || !above->kept) continue;
        for (const auto& [name, value] : names) {
            const auto* target = node(value.node);
            if (target == nullptr ? value.node == 0 : target->kept)
                rows[name_key(directory, name)] = encode_name(value);
        }
    }
    return rows;
}

Overlay Overlay::from_rows(const Snapshot& base, const std::map<std::string, std::string>& rows) {
    Overlay overlay(base);
    DraftChange change;
    for (const auto& [key, value] : rows) {
        Decoder in(key);
        if (in.u8() == 'n') {
            NodeNumber number = in.u32be();
            change.nodes.push_back(decode_node_row(number, value));
        } else {
            NodeNumber directory = in.u32be();
            Decoder fields(value);
            OverlayName name;
            name.node = fields.u32();
            name.serial = fields.u64();
            change.names.push_back({directory, std::string(in.rest()), name});
        }
    }
    overlay.apply(change);
    overlay.dirty_nodes_.clear();
    overlay.dirty_names_.clear();
    return overlay;
}

std::vector<std::uint64_t> Overlay::staging_files() const {
    std::vector<std::uint64_t> files;
    for (const auto& [number, node] : nodes_)
        if (node.staging != 0) files.push_back(node.staging);
    return files;
}

}  // namespace artfs

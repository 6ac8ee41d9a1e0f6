// The stored form of trees, art1.
//
//   node     = u8(level) u32(n) n * (entry | child)     entries in level 0, children above
//   entry    = u8(kind) str(name) u32(mode) u32(uid) u32(gid) u64(mtime, ns)
//              u32(x) x * (str(name) str(value))         extended attributes, by name
//              body
//   body     = u64(size) digest                          kind 1, a file
//            | ref                                       kind 2, a directory
//            | str(target)                               kind 3, a symbolic link
//   child    = str(last name below it) ref
//   ref      = digest(stored) digest(content) u32(count) u64(size)
//   snapshot = u8(1) ref u32(mode) u32(uid) u32(gid) u64(mtime) xattrs
//              u8(has metadata) [digest u64(size)] u8(has description) [str]
//
// Numbers are little-endian, str is u32(length) bytes. A node's stored digest is SHA-256 of these
// bytes. Its content digest is SHA-256 of: "art1 node" u8(level), then for each entry
// u8(kind) str(name) u32(mode) and u64(size) digest | content | str(target); for each child its
// content digest. These forms are on disk and in every version's digest: they never change.
#include "base/bytes.h"
#include "objects/tree_nodes.h"

namespace artfs {

namespace {

void encode_ref(Encoder& out, const DirRef& ref) {
    out.raw(ref.stored.view()).raw(ref.content.view()).u32(ref.count).u64(ref.size);
}

Digest decode_digest(Decoder& in) { return *Digest::from_bytes(in.raw(32)); }

DirRef decode_ref(Decoder& in) {
    DirRef ref;
    ref.stored = decode_digest(in);
    ref.content = decode_digest(in);
    ref.count = in.u32();
    ref.size = in.u64();
    return ref;
}

void encode_attributes(Encoder& out, const Attributes& attributes) {
    out.u32(attributes.mode).u32(attributes.uid).u32(attributes.gid);
    out.u64(static_cast<std::uint64_t>(to_ns(attributes.mtime)));
    out.u32(static_cast<std::uint32_t>(attributes.xattrs.size()));
    for (const auto& [name, value] : attributes.xattrs) out.str(name).str(value);
}

Attributes decode_attributes(Decoder& in) {
    Attributes attributes;
    attributes.mode = in.u32();
    attributes.uid = in.u32();
    attributes.gid = in.u32();
    attributes.mtime = from_ns(static_cast<std::int64_t>(in.u64()));
    for (std::uint32_t left = in.u32(); left > 0; --left) {
        std::string name(in.str());
        attributes.xattrs.emplace(std::move(name), in.str());
    }
    return attributes;
}

void encode_entry(Encoder& out, const Entry& entry) {
    out.u8(static_cast<std::uint8_t>(entry.kind)).str(entry.name);
    encode_attributes(out, entry.attributes);
    switch (entry.kind) {
        case Kind::file:
            out.u64(entry.size).raw(entry.digest.view());
            break;
        case Kind::directory:
            encode_ref(out, entry.dir);
            break;
        case Kind::symlink:
            out.str(entry.target);
            break;
    }
}

Entry decode_entry(Decoder& in) {
    Entry entry;
    auto kind = in.u8();
    if (kind < 1 || kind > 3) throw FormatError("a tree node has an entry of unknown kind");
    entry.kind = static_cast<Kind>(kind);
    entry.name = in.str();
    entry.attributes = decode_attributes(in);
    switch (entry.kind) {
        case Kind::file:
            entry.size = in.u64();
            entry.digest = decode_digest(in);
            break;
        case Kind::directory:
            entry.dir = decode_ref(in);
            break;
        case Kind::symlink:
            entry.target = in.str();
            break;
    }
    return entry;
}

}  // namespace

std::uint32_t ranks_of(const Entry& entry) {
    return 1 + (entry.kind == Kind::directory ? entry.dir.count : 0);
}

std::string encode_node(const Node& node) {
    Encoder out;
    out.u8(node.level);
    if (node.level == 0) {
        out.u32(static_cast<std::uint32_t>(node.entries.size()));
        for (const auto& entry : node.entries) encode_entry(out, entry);
    } else {
        out.u32(static_cast<std::uint32_t>(node.children.size()));
        for (const auto& child : node.children) {
            out.str(child.last_name);
            encode_ref(out, child.ref);
        }
    }
    return out.take();
}

Node decode_node(std::string_view bytes) {
    Decoder in(bytes);
    Node node;
    node.level = in.u8();
    for (std::uint32_t left = in.u32(); left > 0; --left) {
        if (node.level == 0) {
            node.entries.push_back(decode_entry(in));
        } else {
            std::string last(in.str());
            node.children.push_back({std::move(last), decode_ref(in)});
        }
    }
    if (!in.at_end()) throw FormatError("a tree node has bytes after its end");
    return node;
}

DirRef describe_node(const Node& node, const std::string& bytes) {
    DirRef ref;
    ref.stored = sha256(bytes);
    Encoder content;
    content.raw("art1 node").u8(node.level);
    for (const auto& entry : node.entries) {
        content.u8(static_cast<std::uint8_t>(entry.kind)).str(entry.name);
        content.u32(entry.attributes.mode);
        if (entry.kind == Kind::file) content.u64(entry.size).raw(entry.digest.view());
        if (entry.kind == Kind::directory) content.raw(entry.dir.content.view());
        if (entry.kind == Kind::symlink) content.str(entry.target);
        ref.count += ranks_of(entry);
        ref.size += entry.kind == Kind::directory ? entry.dir.size
                    : entry.kind == Kind::file    ? entry.size
                                                  : 0;
    }
    for (const auto& child : node.children) {
        content.raw(child.ref.content.view());
        ref.count += child.ref.count;
        ref.size += child.ref.size;
    }
    ref.content = sha256(content.bytes());
    return ref;
}

const DirRef& empty_dir() {
    static const DirRef empty = [] {
        Node node;
        return describe_node(node, encode_node(node));
    }();
    return empty;
}

std::string encode_snapshot(const Snapshot& snapshot) {
    Encoder out;
    out.u8(1);
    encode_ref(out, snapshot.root);
    encode_attributes(out, snapshot.root_attributes);
    out.u8(snapshot.metadata ? 1 : 0);
    if (snapshot.metadata) out.raw(snapshot.metadata->digest.view()).u64(snapshot.metadata->size);
    out.u8(snapshot.description ? 1 : 0);
    if (snapshot.description) out.str(*snapshot.description);
    return out.take();
}

Snapshot decode_snapshot(std::string_view bytes) {
    Decoder in(bytes);
    if (in.u8() != 1) throw FormatError("a snapshot of unknown form");
    Snapshot snapshot;
    snapshot.root = decode_ref(in);
    snapshot.root_attributes = decode_attributes(in);
    if (in.u8() != 0) {
        Snapshot::Metadata metadata;
        metadata.digest = decode_digest(in);
        metadata.size = in.u64();
        snapshot.metadata = metadata;
    }
    if (in.u8() != 0) snapshot.description = std::string(in.str());
    return snapshot;
}

TreeId tree_id(const Snapshot& snapshot) { return {sha256(encode_snapshot(snapshot))}; }

Digest version_digest(const Snapshot& snapshot) {
    Encoder out;
    out.raw("art1").raw(snapshot.root.content.view()).u8(snapshot.metadata ? 1 : 0);
    if (snapshot.metadata) out.raw(snapshot.metadata->digest.view());
    return sha256(out.bytes());
}

}  // namespace artfs

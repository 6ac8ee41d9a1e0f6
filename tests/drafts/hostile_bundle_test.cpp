// Archives that nobody should take over.
#include <archive.h>
#include <archive_entry.h>

#include <fstream>

#include "base/bytes.h"
#include "drafts/bundle.h"
#include "objects/tree_nodes.h"
#include "support/depot.h"
#include "support/sample_records.h"

using namespace artfs;
using depot::Depot;
using depot::Member;
using depot::members_of;
using depot::write_members;
namespace fs = std::filesystem;

TEST_CASE("hostile and damaged bundles are refused, and nothing of them is seen") {
    Depot from;
    from.put("a", {{"x", "one"}, {"dir/y", "two"}});
    auto file = from.scratch.path() / "b.tar";
    from.bundle(from.versions("a"), file);
    const auto good = members_of(file);
    REQUIRE(good.size() > 4);
    auto bad_file = from.scratch.path() / "bad.tar";
    auto refused = [&](const std::string& what, const std::vector<Member>& members) {
        write_members(bad_file, members);
        Depot to;
        auto merged = to.take(bad_file);
        INFO(what);
        REQUIRE(!merged);
        CHECK(merged.error().code == EINVAL);
        CHECK(merged.error().message.find('\n') == std::string::npos);
        CHECK(!to.store->catalog().read()->artifact("default", "a"));
        CHECK(to.store->staging_files()->empty());
    };
    auto with = [&](Member extra) {
        auto members = good;
        members.push_back(std::move(extra));
        return members;
    };
    refused("a path above", with({"../../etc/cron.d/x", "x"}));
    refused("an absolute path", with({"/etc/x", "x"}));
    refused("a path within", with({"objects/../../x", "x"}));
    refused("a link", with({"objects/" + sha256("x").hex(), "", AE_IFLNK, "/etc/passwd"}));
    refused("a directory", with({"objects/", "", AE_IFDIR}));
    refused("another content", with({"objects/" + sha256("x").hex(), "y"}));
    refused("another record", with({"records/" + sha256("x").hex(), "y"}));
    refused("no rows", {good.begin() + 1, good.end()});
    refused("nothing", {});
    auto changed = good;
    changed[0].bytes[changed[0].bytes.size() / 2] ^= 0x55;
    changed[0].bytes.resize(changed[0].bytes.size() - 10);
    refused("damaged rows", changed);
    for (std::size_t i = 1; i < good.size(); ++i) {
        auto without = good;
        without.erase(without.begin() + static_cast<std::ptrdiff_t>(i));
        refused("without " + good[i].name, without);
    }
    // Cut at every place that matters.
    Depot to;
    auto bytes = *read_file(file);
    for (std::size_t size :
         {std::size_t{0}, std::size_t{100}, std::size_t{700}, bytes.size() / 2}) {
        std::ofstream(bad_file, std::ios::binary | std::ios::trunc) << bytes.substr(0, size);
        INFO("cut at " << size);
        CHECK(!to.take(bad_file));
    }
    std::ofstream(bad_file, std::ios::binary | std::ios::trunc) << "no archive at all";
    CHECK(!to.take(bad_file));
    CHECK(!to.store->catalog().read()->artifact("default", "a"));
    REQUIRE(to.take(file));
    CHECK(to.is_whole());
}

namespace {

// The numbers of a tar header: its size, and the sum that must fit it.
std::string with_size(std::string bytes, std::size_t header, std::uint64_t size) {
    auto octal = [&](std::size_t at, int digits, std::uint64_t value) {
        for (int i = digits - 1; i >= 0; --i, value /= 8)
            bytes[at + static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 8);
    };
    octal(header + 124, 11, size);
    bytes.replace(header + 148, 8, 8, ' ');
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < 512; ++i) sum += static_cast<unsigned char>(bytes[header + i]);
    octal(header + 148, 6, sum);
    bytes[header + 154] = '\0';
    return bytes;
}

}  // namespace

TEST_CASE(
    "a bundle that was cut anywhere, lies about sizes or has something twice is refused whole") {
    Depot from;
    from.put("a", {{"x", "one"}, {"dir/y", std::string(700, 'y')}});
    auto file = from.scratch.path() / "b.tar";
    from.bundle(from.versions("a"), file);
    const auto bytes = *read_file(file);
    auto bad_file = from.scratch.path() / "bad.tar";
    Depot to;
    auto nothing_seen = [&] {
        return !to.store->catalog().read()->artifact("default", "a") &&
               to.store->staging_files()->empty();
    };
    auto takes = [&](const std::string& bad) {
        std::ofstream(bad_file, std::ios::binary | std::ios::trunc) << bad;
        return to.take(bad_file).has_value();
    };
    // What ends an archive is zeros: those may be missing.
    auto needed = bytes.find_last_not_of('\0') + 1;
    for (std::size_t size = 0; size < needed; size += 61) {
        INFO("cut at " << size);
        CHECK(!takes(bytes.substr(0, size)));
        CHECK(nothing_seen());
    }
    for (std::size_t at = 0; at + 512 <= bytes.size(); at += 512) {
        if (bytes.compare(at + 257, 5, "ustar") != 0) continue;
        auto size = std::stoull(bytes.substr(at + 124, 11), nullptr, 8);
        for (std::uint64_t lie : {size + 1, size + 512, size * 1000 + 4096, 077777777777ULL}) {
            INFO("header at " << at << " says " << lie);
            CHECK(!takes(with_size(bytes, at, lie)));
            CHECK(nothing_seen());
        }
    }
    auto members = members_of(file);
    auto twice = members;
    for (const auto& member : members) twice.push_back(member);
    write_members(bad_file, twice);
    if (!to.take(bad_file)) CHECK(nothing_seen());
    to.take(file);
    CHECK(to.versions("a").front().digest == from.versions("a").front().digest);
    CHECK(to.is_whole());
}

namespace {

// A bundle of one version with this tree, whose records are all what they are called.
struct Forged {
    Rows rows;
    std::map<Digest, std::string> records;
    std::map<Digest, std::string> objects;

    explicit Forged(Depot& from) {
        rows = collect_rows(*from.store->catalog().read(), "default", from.versions("a"));
    }
    DirRef node(const Node& node) {
        auto bytes = encode_node(node);
        auto ref = describe_node(node, bytes);
        records[ref.stored] = bytes;
        return ref;
    }
    Entry file(const std::string& name, const std::string& text = "x") {
        Entry entry;
        entry.name = name;
        entry.size = text.size();
        entry.digest = sha256(text);
        objects[entry.digest] = text;
        return entry;
    }
    static Entry directory(const std::string& name, const DirRef& dir) {
        Entry entry;
        entry.name = name;
        entry.kind = Kind::directory;
        entry.dir = dir;
        return entry;
    }
    void tree(const DirRef& root) {
        Snapshot snapshot;
        snapshot.root = root;
        auto bytes = encode_snapshot(snapshot);
        records[sha256(bytes)] = bytes;
        rows.versions[0].tree = tree_id(snapshot);
        rows.versions[0].digest = version_digest(snapshot);
    }
    void write(const fs::path& to) const {
        std::vector<Member> members{{"artfs-bundle", encode_rows(rows)}};
        for (const auto& [digest, bytes] : records)
            members.push_back({"records/" + digest.hex(), bytes});
        for (const auto& [digest, bytes] : objects)
            members.push_back({"objects/" + digest.hex(), bytes});
        write_members(to, members);
    }
};

}  // namespace

TEST_CASE("bundles whose records are whole and tell lies are refused") {
    Depot from;
    from.put("a", {{"x", "one"}});
    auto file = from.scratch.path() / "forged.tar";
    auto taken = [&](const Forged& forged) {
        forged.write(file);
        Depot to;
        auto merged = to.take(file);
        if (merged) return true;
        INFO(merged.error().message);
        CHECK(merged.error().code == EINVAL);
        CHECK(!to.store->catalog().read()->artifact("default", "a"));
        return false;
    };
    auto with_tree = [&](const std::function<DirRef(Forged&)>& make) {
        Forged forged(from);
        forged.rows.runs.clear();
        forged.rows.logs.clear();
        forged.rows.uses.clear();
        forged.tree(make(forged));
        return taken(forged);
    };
    CHECK(with_tree([](Forged& f) { return f.node({0, {f.file("a"), f.file("b")}, {}}); }));
    auto with_ref = [&](const std::function<void(DirRef&)>& lie) {
        return with_tree([&](Forged& f) {
            auto below = f.node({0, {f.file("a")}, {}});
            lie(below);
            return f.node({0, {Forged::directory("d", below)}, {}});
        });
    };
    CHECK(with_ref([](DirRef&) {}));
    CHECK(!with_ref([](DirRef& ref) { ref.count = 7; }));
    CHECK(!with_ref([](DirRef& ref) { ref.count = UINT32_MAX; }));
    CHECK(!with_ref([](DirRef& ref) {
        ref.size = 1;
        ref.size <<= 60U;
    }));
    CHECK(!with_ref([](DirRef& ref) { ref.content = sha256("other"); }));
    auto with_entry = [&](const std::function<void(Entry&)>& lie) {
        return with_tree([&](Forged& f) {
            auto entry = f.file("a");
            lie(entry);
            return f.node({0, {entry}, {}});
        });
    };
    CHECK(with_entry([](Entry&) {}));
    CHECK(!with_entry([](Entry& entry) { entry.attributes.mode = 04755; }));
    CHECK(!with_entry([](Entry& entry) { entry.attributes.xattrs["security.capability"] = "x"; }));
    CHECK(!with_entry([](Entry& entry) { entry.size = 1000000; }));
    for (const char* name : {"", ".", "..", "../x", "/etc/x", "a/b"})
        CHECK(!with_entry([&](Entry& entry) { entry.name = name; }));
    CHECK(!with_tree([](Forged& f) { return f.node({0, {f.file("b"), f.file("a")}, {}}); }));
    CHECK(!with_tree([](Forged& f) { return f.node({0, {f.file("a"), f.file("a")}, {}}); }));
    CHECK(!with_tree([](Forged& f) { return f.node({3, {}, {}}); }));
    CHECK(!with_tree([](Forged& f) {
        auto below = f.node({0, {f.file("a")}, {}});
        return f.node({1, {}, {{"other", below}}});
    }));
    // Directories and nodes in one another, without end as it seems.
    CHECK(!with_tree([](Forged& f) {
        auto at = f.node({0, {f.file("a")}, {}});
        for (int i = 0; i < 10000; ++i) at = f.node({0, {Forged::directory("d", at)}, {}});
        return at;
    }));
    Forged circle(from);
    REQUIRE(!circle.rows.runs.empty());
    circle.tree(circle.node({0, {circle.file("a")}, {}}));
    circle.rows.uses.push_back({circle.rows.runs[0].id, 1, circle.rows.versions[0].id, {}, false});
    CHECK(!taken(circle));
}

namespace {

using Filter = int (*)(archive*);

// The bytes of a file through one of libarchive's filters.
std::string compressed(Filter filter, const fs::path& to, const std::string& bytes) {
    auto* out = archive_write_new();
    archive_write_set_format_raw(out);
    REQUIRE(filter(out) == ARCHIVE_OK);
    REQUIRE(archive_write_open_filename(out, to.c_str()) == ARCHIVE_OK);
    auto* entry = archive_entry_new();
    archive_entry_set_filetype(entry, AE_IFREG);
    REQUIRE(archive_write_header(out, entry) == ARCHIVE_OK);
    for (std::size_t at = 0; at < bytes.size(); at += 1U << 20U) {
        auto part = std::string_view(bytes).substr(at, 1U << 20U);
        archive_write_data(out, part.data(), part.size());
    }
    archive_entry_free(entry);
    archive_write_close(out);
    archive_write_free(out);
    return *read_file(to);
}

}  // namespace

TEST_CASE(
    "compressed bundles are not unpacked: whole, cut or a bomb, and the refusal says how to") {
    Depot from;
    from.put("a", {{"x", "one"}});
    auto file = from.scratch.path() / "b.tar";
    from.bundle(from.versions("a"), file);
    const auto bytes = *read_file(file);
    // A bundle whose first file goes on as zeros: 64 MiB of what is a few KiB.
    const auto bomb = bytes.substr(0, 512) + std::string(64U << 20U, '\0');
    auto packed = from.scratch.path() / "packed";
    Depot to;
    const std::map<std::string, Filter> filters{{"gzip", archive_write_add_filter_gzip},
                                                {"zstd", archive_write_add_filter_zstd},
                                                {"xz", archive_write_add_filter_xz},
                                                {"bzip2", archive_write_add_filter_bzip2},
                                                {"lz4", archive_write_add_filter_lz4}};
    for (const auto& [name, filter] : filters) {
        const auto whole = compressed(filter, packed, bytes);
        std::vector<std::string> all{whole, whole.substr(0, whole.size() / 2)};
        if (name == "zstd" || name == "gzip") all.push_back(compressed(filter, packed, bomb));
        for (const auto& one : all) {
            CHECK(one.size() < (1U << 20U));
            std::ofstream(packed, std::ios::binary | std::ios::trunc) << one;
            auto taken = to.take(packed);
            INFO(name << ", " << one.size() << " bytes");
            REQUIRE(!taken);
            CHECK(taken.error().code == EINVAL);
            CHECK(taken.error().message.find("unpack it first (" + name + " -d)") !=
                  std::string::npos);
            CHECK(!to.store->catalog().read()->artifact("default", "a"));
            CHECK(to.store->staging_files()->empty());
        }
    }
    // Unpacked it is what it was.
    CHECK(to.take(file));
}

TEST_CASE("a file with holes in a bundle is refused: it would be larger than what was sent") {
    Depot from;
    from.put("a", {{"x", std::string(200'000, 'x')}});
    auto file = from.scratch.path() / "b.tar";
    from.bundle(from.versions("a"), file);
    const auto good = members_of(file);
    const std::string zeros(150'000, '\0');
    auto* out = archive_write_new();
    archive_write_set_format_pax(out);
    REQUIRE(archive_write_open_filename(out, file.c_str()) == ARCHIVE_OK);
    auto add = [&](const std::string& name, const std::string& bytes, bool hole) {
        auto* entry = archive_entry_new();
        archive_entry_set_pathname(entry, name.c_str());
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_size(entry, static_cast<la_int64_t>(bytes.size()));
        if (hole) archive_entry_sparse_add_entry(entry, 0, 512);
        REQUIRE(archive_write_header(out, entry) == ARCHIVE_OK);
        archive_write_data(out, bytes.data(), bytes.size());
        archive_entry_free(entry);
    };
    for (const auto& member : good) add(member.name, member.bytes, false);
    for (int i = 0; i < 3; ++i) add("objects/" + sha256(zeros).hex(), zeros, true);
    archive_write_close(out);
    archive_write_free(out);
    CHECK(read_file(file)->size() < 300'000);
    Depot to;
    auto taken = to.take(file);
    REQUIRE(!taken);
    CHECK(taken.error().message.find("holes") != std::string::npos);
    CHECK(!to.store->objects().contains(sha256(zeros)));
    CHECK(!to.store->catalog().read()->artifact("default", "a"));
}

TEST_CASE("rows nested so deeply that reading them would end the program are refused") {
    Depot from;
    from.put("a", {{"x", "one"}});
    auto file = from.scratch.path() / "b.tar";
    from.bundle(from.versions("a"), file);
    auto members = members_of(file);
    Depot to;
    auto refused = [&](const std::string& rows) {
        members[0].bytes = rows;
        write_members(file, members);
        auto taken = to.take(file);
        REQUIRE(!taken);
        CHECK(taken.error().code == EINVAL);
    };
    refused(std::string(4U << 20U, '\x81'));  // [[[[…
    // Within a record, which is CBOR of its own.
    auto good = collect_rows(*from.store->catalog().read(), "default", from.versions("a"));
    auto rows = nlohmann::json::from_cbor(encode_rows(good));
    rows["artifacts"][0] = nlohmann::json::binary(std::vector<std::uint8_t>(4U << 20U, 0x81));
    std::string bytes;
    nlohmann::json::to_cbor(rows, bytes);
    refused(bytes);
}

TEST_CASE("G7: a bundle whose edges close a circle with what the store has is refused") {
    Depot from;
    from.put("a", {{"x", "one"}});
    Forged forged(from);
    forged.tree(forged.node({0, {forged.file("a")}, {}}));
    auto file = from.scratch.path() / "forged.tar";
    const RunRecord between = a_run("between", "train");
    const auto theirs = forged.rows.versions[0].id;
    Depot to;
    to.put("mine", {{"x", "mine"}});
    const auto mine = to.versions("mine")[0];
    const auto maker = to.store->catalog().read()->loggers_of(mine.id)[0].run;
    // What is mine was made before; with its name and that of its run among theirs they say
    // mine -> between -> theirs, and that mine was made of theirs.
    {
        auto txn = to.store->catalog().read();
        forged.rows.artifacts.push_back(*txn->artifact(mine.artifact));
        auto named = mine;
        named.deleted = named.gone = true;
        forged.rows.versions.push_back(named);
        forged.rows.runs = {between, *txn->run(maker)};
    }
    forged.rows.uses = {{between.id, 1, mine.id, {}, false}};
    forged.rows.logs = {{between.id, 1, theirs}};
    auto taken = [&](const Forged& rows) {
        rows.write(file);
        Depot other;
        auto txn = to.store->catalog().read();
        REQUIRE(other.store->catalog().write([&](WriteTxn& out) {
            out.put(*txn->artifact(mine.artifact));
            out.put(mine);
            out.put(*txn->run(maker));
            for (const auto& log : txn->loggers_of(mine.id)) out.put(log);
            out.put_record(mine.tree.digest, *txn->record(mine.tree.digest));
        }));
        auto merged = other.take(file);
        if (merged) return true;
        INFO(merged.error().message);
        CHECK(merged.error().code == EINVAL);
        CHECK(merged.error().message.find("circle") != std::string::npos);
        CHECK(!other.store->catalog().read()->artifact("default", "a"));
        return false;
    };
    CHECK(taken(forged));
    auto direct = forged;
    direct.rows.uses.push_back({maker, 1, theirs, {}, false});
    CHECK(!taken(direct));
    // What the maker did after that is no part of the way.
    auto later = forged;
    later.rows.uses.push_back({maker, 2, theirs, {}, false});
    CHECK(taken(later));
    // A number that no segment has.
    auto nowhere = forged;
    nowhere.rows.uses.push_back({between.id, 0, theirs, {}, false});
    nowhere.write(file);
    CHECK(!Depot().take(file));
}

// Versions from store to store, and archives that nobody should take over.
#include "drafts/bundle.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>

#include <fstream>
#include <random>

#include "drafts/check.h"
#include "drafts/kept.h"
#include "drafts/put.h"
#include "objects/tree_nodes.h"
#include "support/catch.h"
#include "support/child.h"
#include "support/sample_records.h"
#include "support/scratch.h"

using namespace artfs;
namespace fs = std::filesystem;

namespace {

struct Depot {
    Scratch scratch;
    std::unique_ptr<Store> store =
        std::move(*Store::create_or_open(scratch.path() / "store", Store::Access::read_write));
    SealContext context = offline_context(*store);
    std::uint64_t staging = 1;

    void put(const std::string& artifact, const std::map<std::string, std::string>& files) {
        auto in = scratch.path() / ("in" + std::to_string(staging));
        for (const auto& [path, text] : files) {
            fs::create_directories((in / path).parent_path());
            std::ofstream(in / path) << text;
        }
        PutOrder order;
        order.project = "default";
        order.artifact = artifact;
        order.paths = {in};
        order.metadata = "{\"a\":1}";
        auto reserve = [&](std::uint64_t count) {
            auto first = staging;
            staging += count;
            return first;
        };
        REQUIRE(put_files(context, order, reserve, [](const PutProgress&) { return true; }));
    }
    std::vector<VersionRecord> versions(const std::string& artifact) {
        auto txn = store->catalog().read();
        return txn->versions(txn->artifact("default", artifact)->id);
    }
    void bundle(const std::vector<VersionRecord>& of, const fs::path& file) {
        auto written = write_bundle(*store, "default", of, file,
                                    [](std::uint64_t, std::uint64_t) { return true; });
        INFO((written ? "" : written.error().message));
        REQUIRE(written);
    }
    Result<Merged> take(const fs::path& file, const std::string& project = "default") {
        return read_bundle(context, project, file, ++staging,
                           [](std::uint64_t, std::uint64_t) { return true; });
    }
    bool is_whole() {
        auto checked = check_store(*store, [](std::uint64_t, std::uint64_t) {});
        REQUIRE(checked);
        for (const auto& line : checked->damage) UNSCOPED_INFO(line);
        return checked->damage.empty();
    }
};

struct Member {
    std::string name;
    std::string bytes;
    unsigned type = AE_IFREG;
    std::string link;
};

std::vector<Member> members_of(const fs::path& file) {
    std::vector<Member> members;
    auto* in = archive_read_new();
    archive_read_support_format_tar(in);
    REQUIRE(archive_read_open_filename(in, file.c_str(), 65536) == ARCHIVE_OK);
    archive_entry* entry = nullptr;
    while (archive_read_next_header(in, &entry) == ARCHIVE_OK) {
        Member member{archive_entry_pathname(entry), "", AE_IFREG, ""};
        member.bytes.resize(static_cast<std::size_t>(archive_entry_size(entry)));
        archive_read_data(in, member.bytes.data(), member.bytes.size());
        members.push_back(std::move(member));
    }
    archive_read_free(in);
    return members;
}

void write_members(const fs::path& file, const std::vector<Member>& members) {
    auto* out = archive_write_new();
    archive_write_set_format_pax(out);
    REQUIRE(archive_write_open_filename(out, file.c_str()) == ARCHIVE_OK);
    for (const auto& member : members) {
        auto* entry = archive_entry_new();
        archive_entry_set_pathname(entry, member.name.c_str());
        archive_entry_set_filetype(entry, member.type);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, static_cast<la_int64_t>(member.bytes.size()));
        if (!member.link.empty()) archive_entry_set_symlink(entry, member.link.c_str());
        archive_write_header(out, entry);
        archive_write_data(out, member.bytes.data(), member.bytes.size());
        archive_entry_free(entry);
    }
    archive_write_close(out);
    archive_write_free(out);
}

}  // namespace

TEST_CASE("bundle and unbundle give an equal version, with its run and its history") {
    Depot from;
    from.put("a", {{"x", "one"}, {"dir/y", "two"}});
    from.put("a", {{"x", "other"}, {"empty", ""}});
    RunRecord run = a_run("train-1", "train");
    REQUIRE(from.store->catalog().write([&](WriteTxn& txn) {
        auto id = txn.artifact("default", "a")->id;
        txn.put_alias(id, "best", 1);
        txn.put(run);
        txn.put(UseEdge{run.id, 1, txn.version(id, 0)->id, ranks({1}), false});
        txn.put(LogEdge{run.id, 1, txn.version(id, 1)->id});
        txn.add_history(id, {now(), "me", "describe", {{"version", "v1"}}});
    }));
    auto file = from.scratch.path() / "b.tar";
    auto v1 = from.versions("a")[1];
    from.bundle({v1}, file);
    // LMDB's environments are one a process and store: the other store is opened beside it.
    Depot to;
    auto merged = to.take(file);
    INFO((merged ? "" : merged.error().message));
    REQUIRE(merged);
    CHECK(merged_json(*merged).at("versions") == nlohmann::json({"a:v1"}));
    auto txn = to.store->catalog().read();
    auto artifact = txn->artifact("default", "a");
    REQUIRE(artifact);
    CHECK(artifact->head == 1);
    auto version = txn->version(artifact->id, 1);
    CHECK(version->digest == v1.digest);
    CHECK(version->tree == v1.tree);
    CHECK(txn->aliases(artifact->id).at("best") == 1);
    CHECK(txn->history(artifact->id).size() == 1);
    REQUIRE(txn->run(run.id));
    CHECK(txn->run(run.id)->state == RunState::lost);
    // What it was made from keeps its name, without files.
    CHECK(txn->uses_of(run.id).size() == 1);
    CHECK(txn->version(artifact->id, 0)->gone);
    CHECK(txn->versions(artifact->id).size() == 1);
    txn.reset();
    CHECK(to.is_whole());
    // Again changes nothing; the other version may come later.
    CHECK(to.take(file)->versions.empty());
    auto all = from.scratch.path() / "all.tar";
    from.bundle(from.versions("a"), all);
    CHECK(merged_json(*to.take(all)).at("versions") == nlohmann::json({"a:v0"}));
    CHECK(to.store->catalog().read()->artifact("default", "a")->head == 1);
    CHECK(to.is_whole());
    CHECK(to.store->staging_files()->empty());
    Depot other;
    other.put("a", {{"x", "mine"}});
    CHECK(other.take(file).error().code == EEXIST);
    REQUIRE(other.take(file, "second"));
    CHECK(other.store->catalog().read()->artifact("second", "a"));
    CHECK(other.is_whole());
}

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

TEST_CASE("whatever versions there are, they are equal in the store that takes their bundle") {
    std::mt19937 random(20261126);
    auto below = [&](unsigned n) { return random() % n; };
    for (int round = 0; round < 6; ++round) {
        Depot from;
        std::map<std::string, std::string> files;
        auto count = 1 + below(4);
        for (unsigned version = 0; version < count; ++version) {
            for (unsigned i = 0; i <= below(8); ++i) {
                static const char* names[] = {"x", "dir/y", "dir/deep/z", "\xff raw", "a b", "ü"};
                files[names[below(6)]] =
                    std::string(below(3) * below(5000), static_cast<char>(below(256)));
            }
            if (files.size() > 1 && below(2) == 0) files.erase(files.begin());
            from.put("a", files);
        }
        auto versions = from.versions("a");
        REQUIRE(from.store->catalog().write([&](WriteTxn& txn) {
            txn.put_alias(versions[0].artifact, "best",
                          versions[below(static_cast<unsigned>(versions.size()))].number);
            versions[0].tags = {"checked"};
            txn.put(versions[0]);
        }));
        auto file = from.scratch.path() / "b.tar";
        from.bundle(versions, file);
        Depot to;
        REQUIRE(to.take(file));
        auto taken = to.versions("a");
        REQUIRE(taken.size() == versions.size());
        for (std::size_t i = 0; i < versions.size(); ++i) {
            INFO("round " << round << ", version " << i);
            CHECK(taken[i].digest == versions[i].digest);
            CHECK(taken[i].tree == versions[i].tree);
            CHECK(taken[i].tags == versions[i].tags);
            CHECK(taken[i].created == versions[i].created);
        }
        auto aliases = [](Depot& depot) {
            auto txn = depot.store->catalog().read();
            return txn->aliases(txn->artifact("default", "a")->id);
        };
        CHECK(aliases(to) == aliases(from));
        CHECK(to.is_whole());
        // And back: nothing is new.
        auto back = from.scratch.path() / "back.tar";
        to.bundle(taken, back);
        CHECK(from.take(back)->versions.empty());
    }
}

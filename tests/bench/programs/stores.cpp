// Stores that tests/bench/run asks questions of, and the questions that are no program's whole
// work:
//
//   artfs_bench_stores files STORE FILES IN_A_DIRECTORY    artifact `files`, v0, of so many files
//   artfs_bench_stores diff STORE V W                      of two versions of `files`: milliseconds
//   artfs_bench_stores lineage STORE DEPTH NAMES...        of runs of project `many`: milliseconds,
//                                                          and how many nodes were met
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "catalog/store.h"
#include "lineage/compare.h"
#include "lineage/graph.h"

namespace {

using namespace artfs;
using Words = std::vector<std::string>;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr std::size_t file_bytes = 4096;

std::uint64_t number(const std::string& word) { return std::strtoull(word.c_str(), nullptr, 10); }

template <class Question>
double timed(Question question) {
    auto begun = std::chrono::steady_clock::now();
    question();
    return Milliseconds(std::chrono::steady_clock::now() - begun).count();
}

double median(std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

class FilesMaker {
public:
    FilesMaker(Store& store, std::size_t files, std::size_t in_a_directory)
        : store_(store), nodes_(store.catalog()), files_(files), in_each_(in_a_directory) {}

    Result<> make() {
        auto digest = store_.objects().put(std::string(file_bytes, 'x'), store_.staging_path(1));
        if (!digest) return tl::unexpected(digest.error());
        digest_ = *digest;
        std::vector<Edit> edits;
        for (std::size_t first = 0; first < files_; first += in_each_) {
            Entry entry;
            entry.name = "d" + std::to_string(first / in_each_);
            entry.kind = Kind::directory;
            entry.attributes.mode = 0755;
            auto made = directory(first, std::min(files_, first + in_each_));
            if (!made) return tl::unexpected(made.error());
            entry.dir = *made;
            edits.push_back({entry.name, entry});
        }
        auto root = keep([&](const NodeSink& sink) {
            return edit_dir(nodes_, empty_dir(), std::move(edits), sink);
        });
        if (!root) return tl::unexpected(root.error());
        return version(*root);
    }

private:
    // What `build` makes, its nodes durable: one transaction a directory.
    Result<DirRef> keep(const std::function<DirRef(const NodeSink&)>& build) {
        std::map<Digest, std::string> made;
        DirRef dir = build([&made](const Digest& stored, std::string bytes) {
            made.emplace(stored, std::move(bytes));
        });
        auto written = store_.catalog().write([&made](WriteTxn& txn) {
            for (const auto& [stored, bytes] : made) txn.put_record(stored, bytes);
        });
        if (!written) return tl::unexpected(written.error());
        return dir;
    }

    Result<DirRef> directory(std::size_t first, std::size_t last) {
        std::vector<Edit> edits;
        for (auto i = first; i < last; ++i) {
            Entry entry;
            entry.name = "f" + std::to_string(i);
            entry.size = file_bytes;
            entry.digest = digest_;
            edits.push_back({entry.name, entry});
        }
        return keep([&](const NodeSink& sink) {
            return edit_dir(nodes_, empty_dir(), std::move(edits), sink);
        });
    }

    Result<> version(const DirRef& root) {
        Snapshot snapshot;
        snapshot.root = root;
        ArtifactRecord artifact;
        artifact.id = ArtifactId::make();
        artifact.project = "default";
        artifact.name = "files";
        artifact.type_fixed = true;
        artifact.created = now();
        artifact.head = 0;
        artifact.next_version = 1;
        RunRecord run;
        run.id = RunId::make();
        run.project = artifact.project;
        run.name = "maker";
        run.job_type = "maker";
        run.state = RunState::finished;
        run.wrote = true;
        run.started = run.ended.emplace(now());
        VersionRecord version;
        version.id = VersionId::make();
        version.artifact = artifact.id;
        version.tree = tree_id(snapshot);
        version.digest = version_digest(snapshot);
        version.created = now();
        version.size = root.size;
        version.entries = root.count;
        return store_.catalog().write([&](WriteTxn& txn) {
            txn.put_record(version.tree.digest, encode_snapshot(snapshot));
            txn.put(artifact);
            txn.put(run);
            txn.put(version);
            txn.put(LogEdge{run.id, 1, version.id, LogKind::logged});
        });
    }

    Store& store_;
    CatalogNodes nodes_;
    std::size_t files_;
    std::size_t in_each_;
    Digest digest_;
};

Result<> make_files(const Words& words) {
    auto store = Store::create_or_open(words[1], Store::Access::read_write);
    if (!store) return tl::unexpected(store.error());
    return FilesMaker(**store, number(words[2]), number(words[3])).make();
}

// Each time with nothing remembered.
constexpr int times = 9;

Result<> time_diff(const Words& words) {
    auto store = Store::create_or_open(words[1], Store::Access::read_only);
    if (!store) return tl::unexpected(store.error());
    auto txn = (*store)->catalog().read();
    auto artifact = txn->artifact("default", "files");
    if (!artifact) return fail(ENOENT, "the store has no artifact files");
    auto version = [&](const std::string& word) {
        return txn->version(artifact->id, static_cast<std::uint32_t>(number(word)));
    };
    auto before = version(words[2]);
    auto after = version(words[3]);
    if (!before || !after) return fail(ENOENT, "the artifact has no such versions");
    std::vector<double> took;
    std::size_t found = 0;
    for (int i = 0; i < times; ++i) {
        CatalogNodes nodes((*store)->catalog());
        Reading at{**store, *txn, nodes};
        took.push_back(timed([&] { found = compare_files(at, *before, *after).size(); }));
    }
    std::printf("%.4f %zu\n", median(took), found);
    return {};
}

Result<> time_lineage(const Words& words) {
    auto store = Store::create_or_open(words[1], Store::Access::read_only);
    if (!store) return tl::unexpected(store.error());
    auto txn = (*store)->catalog().read();
    CatalogNodes nodes((*store)->catalog());
    Reading at{**store, *txn, nodes};
    std::vector<double> took;
    std::size_t met = 0;
    for (std::size_t i = 3; i < words.size(); ++i) {
        LineageQuery query;
        query.run = txn->run("many", words[i]);
        if (!query.run) return fail(ENOENT, "the project has no run " + words[i]);
        query.depth = static_cast<unsigned>(number(words[2]));
        took.push_back(timed([&] { met = lineage_of(at, query).size(); }));
    }
    std::printf("%.4f %zu\n", median(took), met);
    return {};
}

}  // namespace

int main(int argc, char** argv) {
    Words words(argv + 1, argv + argc);
    Result<> outcome;
    if (words.size() == 4 && words[0] == "files")
        outcome = make_files(words);
    else if (words.size() == 4 && words[0] == "diff")
        outcome = time_diff(words);
    else if (words.size() > 3 && words[0] == "lineage")
        outcome = time_lineage(words);
    else
        outcome = fail(EINVAL,
                       "files STORE FILES IN_A_DIRECTORY | diff STORE V W | "
                       "lineage STORE DEPTH NAMES...");
    if (outcome) return 0;
    std::fprintf(stderr, "artfs_bench_stores: %s\n", outcome.error().message.c_str());
    return 1;
}

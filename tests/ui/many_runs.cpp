// Makes a store of many runs, for measuring: artfs_many_runs STORE RUNS [USES LOGS SOURCES]
//
// Project `many`. Each run uses nine versions (or USES) and logs one (or LOGS); every fiftieth
// failed. With SOURCES the first so many runs use nothing, and all others only what those logged:
// what a version came from is then one run, its USES versions and their runs.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "catalog/store.h"

namespace {

using namespace artfs;

constexpr std::size_t artifacts = 200;

struct Shape {
    std::size_t runs = 0;
    std::size_t uses = 9;
    std::size_t logs = 1;
    std::size_t sources = 0;
};
const char* const job_types[] = {"load-data", "preprocess-data", "train", "report", "evaluate"};

ArtifactRecord make_artifact(std::size_t number) {
    ArtifactRecord record;
    record.id = ArtifactId::make();
    record.project = "many";
    record.name = "artifact-" + std::to_string(number);
    record.type = number % 3 == 0 ? "model" : "dataset";
    record.created = now();
    return record;
}

RunRecord make_run(std::size_t number) {
    RunRecord run;
    run.id = RunId::make();
    run.project = "many";
    run.name = "run-" + std::to_string(number);
    run.job_type = job_types[number % std::size(job_types)];
    run.state = number % 50 == 49 ? RunState::failed : RunState::finished;
    run.exit_code = run.state == RunState::failed ? 1 : 0;
    run.wrote = true;
    run.commands = {{"python3", "train.py", "--seed", std::to_string(number)}};
    run.config = {{"seed", number}, {"rate", 0.001 * static_cast<double>(number % 100)}};
    run.cwd = "/home/somebody/project";
    run.user = "somebody";
    run.host = "machine";
    run.started = now() - std::chrono::hours(24);
    run.ended = now();
    return run;
}

class Maker {
public:
    Maker(Store& store, const Shape& shape) : store_(store), shape_(shape) {}

    Result<> make() {
        for (std::size_t i = 0; i < artifacts; ++i) artifacts_.push_back(make_artifact(i));
        Snapshot snapshot{.root = empty_dir(), .metadata = {}, .description = {}};
        tree_ = tree_id(snapshot);
        auto put_tree = [&](WriteTxn& txn) {
            txn.put_record(tree_.digest, encode_snapshot(snapshot));
        };
        if (auto written = store_.catalog().write(put_tree); !written) return written;
        constexpr std::size_t group = 500;
        for (std::size_t first = 0; first < shape_.runs; first += group) {
            auto last = std::min(shape_.runs, first + group);
            auto versions = versions_;
            auto heads = artifacts_;
            auto put_group = [&](WriteTxn& txn) {
                versions_ = versions;
                artifacts_ = heads;
                for (auto i = first; i < last; ++i) put(txn, i);
            };
            if (auto written = store_.catalog().write(put_group); !written) return written;
        }
        return store_.catalog().write([&](WriteTxn& txn) {
            for (const auto& artifact : artifacts_) txn.put(artifact);
        });
    }

private:
    void put(WriteTxn& txn, std::size_t number) {
        auto run = make_run(number);
        txn.put(run);
        auto uses = number < shape_.sources ? 0 : std::min(shape_.uses, versions_.size());
        for (std::size_t i = 0; i < uses; ++i) {
            UseEdge use;
            use.run = run.id;
            use.version = used(number, i);
            use.ranks.add(1);
            txn.put(use);
        }
        for (std::size_t i = 0; i < shape_.logs; ++i) log(txn, run, number * shape_.logs + i);
    }

    VersionId used(std::size_t number, std::size_t nth) const {
        if (shape_.sources != 0)
            return versions_[(number * shape_.uses + nth) % (shape_.sources * shape_.logs)];
        return versions_[versions_.size() - 1 - (nth * (number % 17 + 1)) % versions_.size()];
    }

    void log(WriteTxn& txn, const RunRecord& run, std::size_t number) {
        auto& artifact = artifacts_[number % artifacts_.size()];
        VersionRecord version;
        version.id = VersionId::make();
        version.artifact = artifact.id;
        version.number = artifact.next_version;
        version.tree = tree_;
        version.digest = sha256(std::to_string(number));
        version.created = now();
        artifact.head = version.number;
        artifact.next_version = version.number + 1;
        txn.put(version);
        txn.put(LogEdge{run.id, 1, version.id, LogKind::logged});
        versions_.push_back(version.id);
    }

    Store& store_;
    Shape shape_;
    TreeId tree_;
    std::vector<ArtifactRecord> artifacts_;
    std::vector<VersionId> versions_;
};

}  // namespace

int main(int argc, char** argv) {
    auto number = [argv](int word) { return std::strtoull(argv[word], nullptr, 10); };
    Shape shape;
    if (argc == 3 || argc == 6) shape.runs = number(2);
    if (argc == 6) shape = {shape.runs, number(3), number(4), number(5)};
    if (shape.runs == 0) {
        std::fprintf(stderr, "usage: artfs_many_runs STORE RUNS [USES LOGS SOURCES]\n");
        return 2;
    }
    auto store = Store::create_or_open(argv[1], Store::Access::read_write);
    auto made = store ? Maker(**store, shape).make() : tl::unexpected(store.error());
    if (!made) {
        std::fprintf(stderr, "artfs_many_runs: %s\n", made.error().message.c_str());
        return 5;
    }
    return 0;
}

#include "catalog/catalog.h"

#include <atomic>
#include <system_error>

#include "base/bytes.h"
#include "catalog/lmdb.h"

namespace artfs {

namespace {

std::atomic<std::size_t> initial_map_size{std::size_t{256} << 20U};

tl::unexpected<Error> failed(const LmdbError& error) {
    // LMDB's own codes are negative; the others are errnos.
    if (error.code == ENOSPC)
        return fail(ENOSPC,
                    "the disk of the store is full: art gc or art discard gives space back");
    return fail(error.code > 0 ? error.code : EIO, error.what());
}

}  // namespace

Catalog::Catalog() : env_(std::make_unique<Env>()) {}
Catalog::~Catalog() = default;

void Catalog::set_initial_map_size(std::size_t bytes) { initial_map_size = bytes; }

Result<std::unique_ptr<Catalog>> Catalog::open(const std::filesystem::path& dir, Access access) {
    std::unique_ptr<Catalog> catalog(new Catalog());
    auto& env = *catalog->env_;
    env.read_only = access == Access::read_only;
    try {
        check_lmdb(mdb_env_create(&env.env), "preparing the catalog");
        check_lmdb(mdb_env_set_maxdbs(env.env, table_count), "preparing the catalog");
        check_lmdb(mdb_env_set_maxreaders(env.env, 512), "preparing the catalog");
        check_lmdb(mdb_env_set_mapsize(env.env, initial_map_size), "preparing the catalog");
        unsigned flags = MDB_NOTLS | (env.read_only ? MDB_RDONLY : 0U);
        int code = mdb_env_open(env.env, dir.c_str(), flags, 0600);
        if (env.read_only && (code == EROFS || code == EACCES)) {
            // Nobody can write here, so nobody needs to know of readers.
            code = mdb_env_open(env.env, dir.c_str(), flags | MDB_NOLOCK, 0600);
        }
        check_lmdb(code, "opening the catalog");
        if (!env.read_only) {
            int dead = 0;
            check_lmdb(mdb_reader_check(env.env, &dead), "clearing dead readers");
        }
        env.open_tables();
    } catch (const LmdbError& error) {
        return failed(error);
    }
    return catalog;
}

std::unique_ptr<ReadTxn> Catalog::read() const {
    return std::make_unique<ReadTxn>(std::make_unique<ReadTxn::State>(*env_));
}

std::vector<Result<>> Catalog::write_group(const std::vector<const Change*>& changes) {
    while (true) {
        std::vector<Result<>> outcomes(changes.size());
        try {
            ReadTxn::State whole(*env_, nullptr);
            for (std::size_t i = 0; i < changes.size(); ++i) {
                auto part = std::make_unique<ReadTxn::State>(*env_, whole.txn);
                auto* state = part.get();
                WriteTxn txn(std::move(part));
                try {
                    (*changes[i])(txn);
                    state->commit();
                } catch (const FormatError& damage) {
                    outcomes[i] = fail(EIO, damage.what());
                } catch (const std::system_error& error) {
                    outcomes[i] = fail(error.code().value(), error.what());
                }
            }
            whole.commit();
            return outcomes;
        } catch (const LmdbError& error) {
            if (error.code != MDB_MAP_FULL) {
                for (auto& outcome : outcomes) outcome = failed(error);
                return outcomes;
            }
        }
        try {
            env_->grow();
        } catch (const LmdbError& error) {
            std::vector<Result<>> none(changes.size());
            for (auto& outcome : none) outcome = failed(error);
            return none;
        }
    }
}

Result<> Catalog::write(const Change& change) { return write_group({&change}).front(); }

CatalogThread::CatalogThread(Catalog& catalog) : catalog_(catalog), thread_([this] { loop(); }) {}

CatalogThread::~CatalogThread() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void CatalogThread::submit(Change change, Done done) {
    {
        std::lock_guard lock(mutex_);
        jobs_.push_back({std::move(change), std::move(done)});
    }
    wake_.notify_one();
}

Result<> CatalogThread::write(Change change) {
    std::mutex mutex;
    std::condition_variable ready;
    std::optional<Result<>> outcome;
    submit(std::move(change), [&](Result<> result) {
        std::lock_guard lock(mutex);
        outcome = std::move(result);
        ready.notify_one();
    });
    std::unique_lock lock(mutex);
    ready.wait(lock, [&] { return outcome.has_value(); });
    return *outcome;
}

void CatalogThread::loop() {
    std::unique_lock lock(mutex_);
    while (true) {
        wake_.wait(lock, [this] { return stop_ || !jobs_.empty(); });
        if (jobs_.empty()) return;
        std::deque<Job> group;
        group.swap(jobs_);
        lock.unlock();
        std::vector<const Change*> changes;
        for (const auto& job : group) changes.push_back(&job.change);
        auto outcomes = catalog_.write_group(changes);
        for (std::size_t i = 0; i < group.size(); ++i)
            if (group[i].done) group[i].done(std::move(outcomes[i]));
        group.clear();
        lock.lock();
    }
}

std::shared_ptr<const Node> CatalogNodes::node(const Digest& stored) {
    auto& known = cache_[stored];
    if (!known) known = catalog_.read()->node(stored);
    return known;
}

}  // namespace artfs

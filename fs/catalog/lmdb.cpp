#include "catalog/lmdb.h"

#include <mutex>

namespace artfs {

namespace {

MDB_val to_val(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }

std::string_view to_view(const MDB_val& value) {
    return {static_cast<const char*>(value.mv_data), value.mv_size};
}

constexpr const char* table_names[table_count] = {
    "artifacts", "artifact_names", "versions",   "version_ids", "aliases",  "history",
    "runs",      "run_names",      "run_list",   "uses",        "used_by",  "logs",
    "logged_by", "drafts",         "draft_rows", "records",     "settings",
};

// Cursors are closed whatever happens.
struct LmdbCursor {
    MDB_cursor* cursor = nullptr;
    LmdbCursor(MDB_txn* txn, MDB_dbi table) {
        check_lmdb(mdb_cursor_open(txn, table, &cursor), "opening a cursor");
    }
    ~LmdbCursor() { mdb_cursor_close(cursor); }
    LmdbCursor(const LmdbCursor&) = delete;
    LmdbCursor& operator=(const LmdbCursor&) = delete;
};

}  // namespace

void Catalog::Env::open_tables() {
    MDB_txn* txn = nullptr;
    check_lmdb(mdb_txn_begin(env, nullptr, read_only ? MDB_RDONLY : 0, &txn),
               "opening the catalog");
    for (unsigned table = 0; table < table_count; ++table) {
        int code =
            mdb_dbi_open(txn, table_names[table], read_only ? 0 : MDB_CREATE, &tables[table]);
        if (code != MDB_SUCCESS) {
            mdb_txn_abort(txn);
            throw LmdbError(code, std::string("opening table ") + table_names[table]);
        }
    }
    check_lmdb(mdb_txn_commit(txn), "opening the catalog");
}

void Catalog::Env::grow() const {
    std::unique_lock alone(resizing);
    MDB_envinfo info{};
    mdb_env_info(env, &info);
    check_lmdb(mdb_env_set_mapsize(env, info.me_mapsize * 2), "growing the catalog's map");
}

void Catalog::Env::adopt_growth() const {
    std::unique_lock alone(resizing);
    check_lmdb(mdb_env_set_mapsize(env, 0), "adopting a larger map");
}

ReadTxn::State::State(const Catalog::Env& of) : env(of) {
    while (true) {
        lock = std::shared_lock(of.resizing);
        int code = mdb_txn_begin(of.env, nullptr, MDB_RDONLY, &txn);
        if (code == MDB_SUCCESS) return;
        txn = nullptr;
        lock.unlock();
        if (code != MDB_MAP_RESIZED) throw LmdbError(code, "reading the catalog");
        of.adopt_growth();
    }
}

ReadTxn::State::State(const Catalog::Env& of, MDB_txn* parent) : env(of) {
    if (parent == nullptr) lock = std::shared_lock(of.resizing);
    check_lmdb(mdb_txn_begin(of.env, parent, 0, &txn), "writing the catalog");
}

void ReadTxn::State::commit() {
    MDB_txn* done = std::exchange(txn, nullptr);
    check_lmdb(mdb_txn_commit(done), "committing to the catalog");
}

std::optional<std::string_view> ReadTxn::State::get(Table table, std::string_view key) const {
    MDB_val wanted = to_val(key);
    MDB_val value{};
    int code = mdb_get(txn, env.tables[table], &wanted, &value);
    if (code == MDB_NOTFOUND) return std::nullopt;
    check_lmdb(code, "reading the catalog");
    return to_view(value);
}

void ReadTxn::State::put(Table table, std::string_view key, std::string_view value) const {
    MDB_val wanted = to_val(key);
    MDB_val bytes = to_val(value);
    check_lmdb(mdb_put(txn, env.tables[table], &wanted, &bytes, 0), "writing the catalog");
}

void ReadTxn::State::erase(Table table, std::string_view key) const {
    MDB_val wanted = to_val(key);
    int code = mdb_del(txn, env.tables[table], &wanted, nullptr);
    if (code != MDB_NOTFOUND) check_lmdb(code, "writing the catalog");
}

void ReadTxn::State::scan(
    Table table, std::string_view prefix,
    const std::function<bool(std::string_view key, std::string_view value)>& visit,
    bool backwards) const {
    LmdbCursor at(txn, env.tables[table]);
    MDB_val key = to_val(prefix);
    MDB_val value{};
    int code = MDB_NOTFOUND;
    if (!backwards) {
        code = mdb_cursor_get(at.cursor, &key, &value, prefix.empty() ? MDB_FIRST : MDB_SET_RANGE);
    } else {
        // The first key after all that have the prefix; then one back.
        std::string end(prefix);
        end.append(16, '\xff');
        key = to_val(end);
        code = mdb_cursor_get(at.cursor, &key, &value, MDB_SET_RANGE);
        code = mdb_cursor_get(at.cursor, &key, &value, code == MDB_SUCCESS ? MDB_PREV : MDB_LAST);
    }
    while (code == MDB_SUCCESS && to_view(key).starts_with(prefix)) {
        if (!visit(to_view(key), to_view(value))) return;
        code = mdb_cursor_get(at.cursor, &key, &value, backwards ? MDB_PREV : MDB_NEXT);
    }
    if (code != MDB_SUCCESS && code != MDB_NOTFOUND) throw LmdbError(code, "scanning the catalog");
}

}  // namespace artfs

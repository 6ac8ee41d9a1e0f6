// Inside catalog/: a thin hold on LMDB (lmdb.h documents the API; version 0.9.24 and later).
#pragma once

#include <lmdb.h>

#include <array>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <string>
#include <string_view>

#include "catalog/catalog.h"

namespace artfs {

// One named database each. The keys and values of all are described in tables.cpp.
enum Table : unsigned {
    artifacts_table,
    artifact_names_table,
    versions_table,
    version_ids_table,
    aliases_table,
    history_table,
    runs_table,
    run_names_table,
    run_list_table,
    uses_table,
    used_by_table,
    logs_table,
    logged_by_table,
    drafts_table,
    draft_rows_table,
    records_table,
    settings_table,
    table_count,
};

class LmdbError : public std::runtime_error {
public:
    LmdbError(int code_value, const std::string& doing)
        : std::runtime_error(doing + ": " + mdb_strerror(code_value)), code(code_value) {}
    int code;
};

inline void check_lmdb(int code, const char* doing) {
    if (code != MDB_SUCCESS) throw LmdbError(code, doing);
}

struct Catalog::Env {
    MDB_env* env = nullptr;
    std::array<MDB_dbi, table_count> tables{};
    bool read_only = false;
    // Transactions hold it shared; growing the map needs that there are none.
    mutable std::shared_mutex resizing;

    Env() = default;
    ~Env() {
        if (env != nullptr) mdb_env_close(env);
    }
    Env(const Env&) = delete;
    Env& operator=(const Env&) = delete;

    void open_tables();
    void grow() const;          // no transaction may be open in this thread
    void adopt_growth() const;  // by another process
};

// A transaction; aborted unless committed.
struct ReadTxn::State {
    const Catalog::Env& env;
    std::shared_lock<std::shared_mutex> lock;
    MDB_txn* txn = nullptr;

    // A reader, the writer, or (with `parent`) a part of the writer that can fail alone.
    explicit State(const Catalog::Env& of);
    State(const Catalog::Env& of, MDB_txn* parent);
    ~State() {
        if (txn != nullptr) mdb_txn_abort(txn);
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    void commit();

    std::optional<std::string_view> get(Table table, std::string_view key) const;
    void put(Table table, std::string_view key, std::string_view value) const;
    void erase(Table table, std::string_view key) const;
    // Entries whose keys start with `prefix`, in key order (or from the last back), until `visit`
    // returns false.
    void scan(Table table, std::string_view prefix,
              const std::function<bool(std::string_view key, std::string_view value)>& visit,
              bool backwards = false) const;
};

}  // namespace artfs

// The table of subcommands, and what they share. The table is what --help prints.
#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "catalog/store.h"
#include "client.h"
#include "failure.h"
#include "lineage/describe.h"

namespace artfs {

namespace po = boost::program_options;

struct Arguments {
    po::variables_map values;
    std::vector<std::string> positional;
    std::vector<std::string> command;  // after --

    bool has(const char* name) const { return values.count(name) > 0; }
    bool flag(const char* name) const { return has(name) && values[name].as<bool>(); }
    std::string text(const char* name, const std::string& otherwise = "") const {
        return has(name) ? values[name].as<std::string>() : otherwise;
    }
    std::vector<std::string> list(const char* name) const {
        return has(name) ? values[name].as<std::vector<std::string>>() : std::vector<std::string>();
    }
};

struct Command {
    const char* name;
    const char* usage;    // after the name
    const char* summary;  // one line
    std::size_t least;    // positional arguments
    std::size_t most;
    bool runs_command;  // takes a command line of its own
    std::function<void(po::options_description&)> options;
    std::function<int(const Arguments&)> run;
};

const std::vector<Command>& commands();

// A store found by interface.md's rules, and the daemon that serves it, if one does.
struct Site {
    std::filesystem::path store;
    std::string project;
    std::filesystem::path mountpoint;  // empty: not mounted
};
Site find_site(const Arguments& arguments);

// A mount as the kernel lists it.
struct MountRow {
    std::filesystem::path where;
    std::filesystem::path store;
};
// The mount that a path, as it is written, lies on.
std::optional<MountRow> mount_at(const std::filesystem::path& path);
// Of its live daemon; `default` if there is none.
std::string project_of(const MountRow& mount);

// The store opened for reading, after a live daemon has made all that is over durable.
class Reader {
public:
    enum class Look { settled, as_it_is };  // as_it_is: nothing is asked of the daemon
    explicit Reader(const Arguments& arguments, Look look = Look::settled);
    const ReadTxn& txn() const { return *txn_; }
    Reading reading() { return {*store_, *txn_, *nodes_}; }
    const std::string& project() const { return site_.project; }
    const Site& site() const { return site_; }
    const Store& store() const { return *store_; }
    // Config and summary of a run that is still live.
    nlohmann::json live_data(const RunRecord& run) const;

private:
    Site site_;
    std::unique_ptr<Store> store_;
    std::unique_ptr<ReadTxn> txn_;
    std::unique_ptr<CatalogNodes> nodes_;
};

// What begins a run, from the options of art run and art begin.
nlohmann::json beginning(const Arguments& arguments);

// Has the daemon apply a change (catalog/changes.h), or applies it with the store's lock.
void send_change(const Site& site, nlohmann::json change);
// Of a file that the user names; it must hold an object.
nlohmann::json json_file(const std::string& path);

// One command, or family, a file.
void alias_options(po::options_description& options);
int run_alias(const Arguments& arguments);
int run_describe(const Arguments& arguments);
void bundle_options(po::options_description& options);
int run_bundle(const Arguments& arguments);
int run_unbundle(const Arguments& arguments);
int run_complete(const Arguments& arguments);
int run_manual(const Arguments& arguments);
int run_config(const Arguments& arguments);
int run_doctor(const Arguments& arguments);
void export_options(po::options_description& options);
int run_export(const Arguments& arguments);
void fsck_options(po::options_description& options);
int run_fsck(const Arguments& arguments);
void gc_options(po::options_description& options);
int run_gc(const Arguments& arguments);
int run_get(const Arguments& arguments);
void put_options(po::options_description& options);
int run_put(const Arguments& arguments);
void metrics_options(po::options_description& options);
int run_metrics(const Arguments& arguments);
void rerun_options(po::options_description& options);
int run_rerun(const Arguments& arguments);
int run_verify(const Arguments& arguments);
void rm_options(po::options_description& options);
int run_rm(const Arguments& arguments);
int run_stale(const Arguments& arguments);
void diff_options(po::options_description& options);
int run_diff(const Arguments& arguments);
void metadata_options(po::options_description& options);
int run_metadata(const Arguments& arguments);
void tag_options(po::options_description& options);
int run_tag(const Arguments& arguments);
int run_ttl(const Arguments& arguments);
int run_mount(const Arguments& arguments);
int run_umount(const Arguments& arguments);
int run_status(const Arguments& arguments);
int run_run(const Arguments& arguments);
int run_begin(const Arguments& arguments);
int run_end(const Arguments& arguments);
int run_next(const Arguments& arguments);
int run_why(const Arguments& arguments);
int run_commit(const Arguments& arguments);
int run_discard(const Arguments& arguments);
int run_revert(const Arguments& arguments);
int run_ls(const Arguments& arguments);
void log_options(po::options_description& options);
int run_log(const Arguments& arguments);
int run_show(const Arguments& arguments);
int run_cat(const Arguments& arguments);
int run_runs(const Arguments& arguments);
int run_lineage(const Arguments& arguments);
int run_graph(const Arguments& arguments);
int run_ui(const Arguments& arguments);

}  // namespace artfs

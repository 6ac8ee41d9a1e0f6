// What the pages ask for: the routes of openapi.json, as functions from a request to a document.
//
// Nothing here knows HTTP. Each answer reads one state of the catalog and may block; a refusal is a
// Failure, whose exit status gives the response its status.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "catalog/store.h"
#include "command.h"
#include "lineage/describe.h"
#include "ui/index.h"

namespace artfs::ui {

using Json = nlohmann::json;

struct Request {
    std::vector<std::string> parts;  // what the route's {names} matched
    std::map<std::string, std::string> query;
    Json body;  // of a change

    std::string text(const std::string& key, const std::string& otherwise = "") const;
    bool flag(const std::string& key) const { return text(key) == "1" || text(key) == "true"; }
    std::uint64_t number(const std::string& key, std::uint64_t otherwise) const;  // or Failure
    // Values of a list: ?type=a,b
    std::vector<std::string> list(const std::string& key) const;
};

// Bytes to send as they are: of an object, or of a file that still grows.
struct Bytes {
    std::shared_ptr<Fd> fd;
    std::uint64_t offset = 0;
    std::uint64_t length = 0;
    std::string name;  // what it is called where it came from
};

// What all requests share. Thread-safe.
struct Place {
    Site site;
    std::unique_ptr<Store> store;
    std::unique_ptr<IndexKeeper> index;
};

// One state of the catalog, for one request.
class View {
public:
    explicit View(const Place& place)
        : place_(place), txn_(place.store->catalog().read()), nodes_(place.store->catalog()) {}
    const ReadTxn& txn() const { return *txn_; }
    Reading reading() { return {*place_.store, *txn_, nodes_}; }
    const Place& place() const { return place_; }

private:
    const Place& place_;
    std::unique_ptr<ReadTxn> txn_;
    CatalogNodes nodes_;
};

struct Route {
    const char* method;
    const char* path;  // as in openapi.json, with {names}
    Json (*answer)(const Place&, const Request&);
};
struct BytesRoute {
    const char* path;
    Bytes (*answer)(const Place&, const Request&);
};
const std::vector<Route>& routes();
const std::vector<BytesRoute>& bytes_routes();

// One group a file.
Json list_projects(const Place& place, const Request& request);
Json show_project(const Place& place, const Request& request);
Json show_graph(const Place& place, const Request& request);
Json show_edge(const Place& place, const Request& request);
Json list_artifacts(const Place& place, const Request& request);
Json show_artifact(const Place& place, const Request& request);
Json show_version(const Place& place, const Request& request);
Json list_files(const Place& place, const Request& request);
Json preview_file(const Place& place, const Request& request);
Json compare_versions(const Place& place, const Request& request);
Json show_lineage(const Place& place, const Request& request);
Bytes version_file(const Place& place, const Request& request);
Json list_runs(const Place& place, const Request& request);
Json show_run(const Place& place, const Request& request);
Json run_metrics(const Place& place, const Request& request);
Json run_media(const Place& place, const Request& request);
Json run_log(const Place& place, const Request& request);
Bytes run_data_file(const Place& place, const Request& request);
Json search_names(const Place& place, const Request& request);
Json change(const Place& place, const Request& request);

// The version or run that a request's parts name.
VersionRecord version_named(View& view, const std::string& project, const std::string& artifact,
                            const std::string& version);

}  // namespace artfs::ui

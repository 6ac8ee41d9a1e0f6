// Artifacts, their versions, the files of a version, and two versions side by side.
#include <fcntl.h>

#include <algorithm>
#include <set>

#include "lineage/text.h"
#include "ref.h"
#include "ui/api.h"
#include "ui/preview.h"

namespace artfs::ui {

namespace {

Json file_row(const std::string& name, const Entry& entry) {
    Json row;
    put_name(row, "name", name);
    switch (entry.kind) {
        case Kind::file:
            row["type"] = "file";
            row["size"] = entry.size;
            row["sha256"] = entry.digest.hex();
            break;
        case Kind::directory:
            row["type"] = "dir";
            row["size"] = entry.dir.size;
            row["entries"] = entry.dir.count;
            break;
        case Kind::symlink:
            row["type"] = "symlink";
            row["size"] = entry.target.size();
            put_name(row, "target", entry.target);
            break;
    }
    return row;
}

Entry entry_at(View& view, const VersionRecord& version, const std::string& path) {
    auto at = view.reading();
    auto found = find_path(at.nodes, view.txn().snapshot(version.tree).root, path);
    if (!found) throw Failure(exit_not_found, "the version has no file '" + lossy_utf8(path) + "'");
    return found->entry;
}

VersionRecord version_of(View& view, const Request& request) {
    return version_named(view, request.parts[0], request.parts[1], request.parts[2]);
}

std::string ref_of(const Request& request, const VersionRecord& version) {
    return request.parts[1] + ":v" + std::to_string(version.number);
}

// Without the list of its files, of which there may be a million.
Json describe_without_files(View& view, const VersionRecord& version) {
    auto document = describe_version(view.reading(), version, Detail::brief);
    std::set<std::string> users;
    for (const auto& use : view.txn().users_of(version.id))
        if (auto run = view.txn().run(use.run)) users.insert(run->name);
    document["used_by"] = users;
    auto snapshot = view.txn().snapshot(version.tree);
    Json sealed = Json::object();
    if (snapshot.metadata)
        if (auto text = object_text(view.reading().store, snapshot.metadata->digest))
            sealed = parse_metadata(*text);
    document["sealed_metadata"] = sealed;
    document["metadata"] = version.metadata.is_null() ? sealed : version.metadata;
    document["entries"] = version.entries;
    return document;
}

}  // namespace

Json list_artifacts(const Place& place, const Request& request) {
    View view(place);
    auto index = place.index->of(request.parts[0]);
    std::vector<std::size_t> counts(index->artifacts.size());
    for (const auto& version : index->versions) ++counts[version.artifact];
    auto list = Json::array();
    for (std::size_t i = 0; i < index->artifacts.size(); ++i) {
        const auto& artifact = index->artifacts[i];
        auto head = artifact.head ? view.txn().version(artifact.id, *artifact.head) : std::nullopt;
        list.push_back({{"artifact", artifact.name},
                        {"type", artifact.type},
                        {"versions", counts[i]},
                        {"created", rfc3339(artifact.created)},
                        {"latest", head ? describe_version(view.reading(), *head, Detail::brief)
                                        : Json(nullptr)}});
    }
    return list;
}

Json show_artifact(const Place& place, const Request& request) {
    View view(place);
    Ref ref;
    ref.name = request.parts[1];
    auto artifact = find_artifact(view.txn(), request.parts[0], ref);
    auto versions = view.txn().versions(artifact.id);
    std::reverse(versions.begin(), versions.end());
    auto total = versions.size();
    auto offset = std::min<std::size_t>(request.number("offset", 0), total);
    auto limit = std::min<std::size_t>(request.number("limit", 200), total - offset);
    auto list = Json::array();
    for (std::size_t i = offset; i < offset + limit; ++i)
        list.push_back(describe_version(view.reading(), versions[i], Detail::brief));
    auto history = Json::array();
    for (const auto& entry : view.txn().history(artifact.id))
        history.push_back({{"when", rfc3339(entry.when)},
                           {"who", lossy_utf8(entry.who)},
                           {"what", entry.what},
                           {"detail", entry.detail}});
    std::reverse(history.begin(), history.end());
    return {{"artifact", artifact.name},
            {"type", artifact.type},
            {"created", rfc3339(artifact.created)},
            {"total", total},
            {"versions", list},
            {"history", history}};
}

Json show_version(const Place& place, const Request& request) {
    View view(place);
    return describe_without_files(view, version_of(view, request));
}

// The entries of one directory.
Json list_files(const Place& place, const Request& request) {
    View view(place);
    auto version = version_of(view, request);
    auto directory = request.text("dir");
    auto at = view.reading();
    auto root = view.txn().snapshot(version.tree).root;
    if (!directory.empty()) {
        auto entry = entry_at(view, version, directory);
        if (entry.kind != Kind::directory)
            throw Failure(exit_usage, "'" + lossy_utf8(directory) + "' is no directory");
        root = entry.dir;
    }
    auto offset = request.number("offset", 0);
    auto limit = request.number("limit", 500);
    std::uint64_t place_in_list = 0;
    auto rows = Json::array();
    bool more = false;
    list(at.nodes, root, 0, 0, [&](const Entry& entry, std::uint32_t) {
        if (place_in_list++ < offset) return true;
        if (rows.size() == limit) {
            more = true;
            return false;
        }
        rows.push_back(file_row(entry.name, entry));
        return true;
    });
    return {{"dir", lossy_utf8(directory)}, {"files", rows}, {"more", more}};
}

Json preview_file(const Place& place, const Request& request) {
    View view(place);
    auto version = version_of(view, request);
    auto path = request.text("path");
    auto entry = entry_at(view, version, path);
    auto row = file_row(path, entry);
    row["ref"] = lossy_utf8(ref_of(request, version) + "/" + path);
    if (entry.kind == Kind::file) {
        auto object = value_of(view.reading().store.objects().open(entry.digest));
        row["preview"] = preview(path, object.fd.get(), object.offset, object.length);
    }
    return row;
}

Bytes version_file(const Place& place, const Request& request) {
    View view(place);
    auto path = request.text("path");
    auto entry = entry_at(view, version_of(view, request), path);
    if (entry.kind != Kind::file)
        throw Failure(exit_usage, "'" + lossy_utf8(path) + "' is no file");
    auto object = value_of(view.reading().store.objects().open(entry.digest));
    return {std::make_shared<Fd>(std::move(object.fd)), object.offset, object.length, path};
}

Json compare_versions(const Place& place, const Request& request) {
    View view(place);
    auto named = [&](const char* key) {
        return version_named(view, request.parts[0], request.parts[1], request.text(key));
    };
    auto before = named("from");
    auto after = named("to");
    auto at = view.reading();
    constexpr std::size_t most = 2000;
    auto files = Json::array();
    std::map<std::string, std::size_t> counts{{"added", 0}, {"removed", 0}, {"changed", 0}};
    diff(at.nodes, view.txn().snapshot(before.tree).root, view.txn().snapshot(after.tree).root,
         false, [&](const Difference& difference) {
             const char* what = difference.before == nullptr  ? "added"
                                : difference.after == nullptr ? "removed"
                                                              : "changed";
             ++counts[what];
             if (files.size() == most) return;
             Json row{{"what", what}};
             put_name(row, "path", difference.path);
             if (difference.before != nullptr) row["before"] = file_row("", *difference.before);
             if (difference.after != nullptr) row["after"] = file_row("", *difference.after);
             files.push_back(std::move(row));
         });
    return {{"from", describe_without_files(view, before)},
            {"to", describe_without_files(view, after)},
            {"counts", counts},
            {"files", files}};
}

}  // namespace artfs::ui

#include "namespace/documents.h"

#include "drafts/draft_files.h"
#include "lineage/describe.h"
#include "lineage/event_media.h"
#include "lineage/graph.h"
#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string pretty(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

// A file's JSON as a run shows it; null where there is none.
Json object_in(const std::filesystem::path& file) {
    auto text = file.empty() ? fail(ENOENT, "no file") : read_file(file);
    return text ? parse_metadata(*text) : Json(nullptr);
}

std::string version_text(const Reading& at, const VersionRecord& version, const std::string& name) {
    if (name == "version.json") return pretty(describe_version(at, version, Detail::full));
    if (name == "manifest.jsonl") {
        std::string lines;
        const auto document = describe_version(at, version, Detail::full);
        for (const auto& file : document.at("files"))
            lines += file.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
        return lines;
    }
    auto steps = Json::array();
    LineageQuery query;
    query.version = version;
    query.files = true;
    for (const auto& step : lineage_of(at, query)) {
        Json one{{"depth", step.depth}, {"node", step.node}};
        put_names(one, "files", step.files);
        steps.push_back(std::move(one));
    }
    return pretty({{"upstream", steps}});
}

}  // namespace

const std::vector<std::string>& version_documents() {
    static const std::vector<std::string> names{"version.json", metadata_name, description_name,
                                                type_name,      "tags",        "manifest.jsonl",
                                                "lineage.json"};
    return names;
}

std::optional<std::string> short_document(const Mount& mount, const Synthetic& what) {
    const auto* artifact = mount.loader.artifact(what.artifact);
    if (what.place == Place::view_document && artifact != nullptr) {
        if (what.name == type_name) return artifact->record.type + "\n";
        const auto* view = mount.session.view(what.view);
        const auto* base = view == nullptr ? nullptr : mount.session.view_base(view->base_serial);
        if (base == nullptr || !base->base.version || !artifact->versions) return "\n";
        for (const auto& [number, version] : *artifact->versions)
            if (version.id == *base->base.version) return "v" + std::to_string(number) + "\n";
        return "\n";
    }
    if (what.place != Place::version_document || artifact == nullptr) return std::nullopt;
    if (what.name == type_name) return artifact->record.type + "\n";
    const auto* tree = mount.session.find_version_tree(what.version);
    if (what.name == description_name && tree != nullptr)
        return tree->snapshot.description.value_or("");
    if (what.name == "tags" && artifact->versions) {
        std::string lines;
        for (const auto& [number, version] : *artifact->versions)
            if (version.id == what.version)
                for (const auto& tag : version.tags) lines += tag + "\n";
        return lines;
    }
    return std::nullopt;
}

Present present_for(const Mount& mount, const Synthetic& what) {
    Present present;
    if (what.place == Place::status_json && mount.status) present.status = mount.status();
    const auto* live = what.place == Place::run_json ? mount.session.run(what.run) : nullptr;
    if (live == nullptr) return present;
    present.run = live->record;
    const auto* view = mount.session.view(live->data_view);
    if (view == nullptr) return present;
    const auto& names = view->overlay.names(root_number);
    auto path_of = [&](std::string_view name) -> std::filesystem::path {
        auto found = names.find(name);
        const auto* node = found == names.end() ? nullptr : view->overlay.node(found->second.node);
        if (node == nullptr || node->staging == 0) return {};
        return mount.store.staging_path(node->staging);
    };
    present.config = path_of("config.json");
    present.summary = path_of("summary.json");
    return present;
}

Result<std::string> version_attribute(const Store& store, const VersionId& version,
                                      const std::string& fact) {
    auto txn = store.catalog().read();
    CatalogNodes nodes(store.catalog());
    auto record = txn->version(version);
    if (!record) return fail(ENODATA, "no such version");
    auto document = describe_version({store, *txn, nodes}, *record, Detail::brief);
    auto field = document.find(fact == "base" ? "parent" : fact);
    if (field == document.end() || field->is_null()) return fail(ENODATA, "no such attribute");
    if (field->is_string()) return field->get<std::string>();
    if (!field->is_array()) return field->dump();
    std::string lines;
    for (const auto& element : *field)
        lines += (lines.empty() ? "" : "\n") + element.get<std::string>();
    return lines;
}

Result<std::string> make_document(Store& store, const std::string& project, const Synthetic& what,
                                  const Present& present) {
    try {
        auto txn = store.catalog().read();
        CatalogNodes nodes(store.catalog());
        Reading at{store, *txn, nodes};
        switch (what.place) {
            case Place::version_document:
                if (auto version = txn->version(what.version))
                    return version_text(at, *version, what.name);
                return fail(ENOENT, "no such version");
            case Place::run_json: {
                auto run = present.run ? present.run : txn->run(what.run);
                if (!run) return fail(ENOENT, "the run was not kept");
                auto document = describe_run(at, *run, Detail::full, object_in(present.config),
                                             object_in(present.summary));
                document["media"] = media_json(at, *run, draft_files(at, *run));
                return pretty(document);
            }
            case Place::status_json: {
                Json status = present.status;
                status["stale"] = Json::array();
                for (const auto& version : stale_versions(*txn, project)) {
                    auto artifact = txn->artifact(version.artifact);
                    status["stale"].push_back({{"artifact", artifact ? artifact->name : ""},
                                               {"version", "v" + std::to_string(version.number)}});
                }
                return pretty(status);
            }
            case Place::graph_dot:
                return graph_dot(project_graph(*txn, project, GraphForm::exploded));
            case Place::graph_json:
                return pretty(graph_json(project_graph(*txn, project, GraphForm::exploded), false));
            default:
                return fail(EIO, "no document");
        }
    } catch (const std::exception& damage) {
        return fail(EIO, damage.what());
    }
}

}  // namespace artfs

#include "namespace/documents.h"

#include "lineage/describe.h"
#include "lineage/graph.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

std::string pretty(const Json& document) {
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string version_text(const Reading& at, const VersionRecord& version, const std::string& name) {
    if (name == "version.json") return pretty(describe_version(at, version, Detail::full));
    if (name == "manifest.jsonl") {
        std::string lines;
        for (const auto& file : describe_version(at, version, Detail::full).at("files"))
            lines += file.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
        return lines;
    }
    auto steps = Json::array();
    LineageQuery query;
    query.version = version;
    query.files = true;
    for (const auto& step : lineage_of(at, query))
        steps.push_back({{"depth", step.depth}, {"node", step.node}, {"files", step.files}});
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

Result<std::string> make_document(Store& store, const std::string& project, const Synthetic& what) {
    try {
        auto txn = store.catalog().read();
        CatalogNodes nodes(store.catalog());
        Reading at{store, *txn, nodes};
        switch (what.place) {
            case Place::version_document:
                if (auto version = txn->version(what.version))
                    return version_text(at, *version, what.name);
                return fail(ENOENT, "no such version");
            case Place::run_json:
                if (auto run = txn->run(what.run))
                    return pretty(describe_run(at, *run, Detail::full));
                return fail(ENOENT, "the run is not recorded yet");
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

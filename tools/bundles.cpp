// art bundle, art unbundle: versions with their history, from store to store.
#include <unistd.h>

#include <filesystem>
#include <set>

#include "command.h"
#include "drafts/bundle.h"
#include "drafts/kept.h"
#include "files.h"
#include "interrupt.h"
#include "lineage/text.h"
#include "output.h"
#include "progress.h"
#include "ref.h"

namespace artfs {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// An artifact alone stands for all its versions.
std::vector<VersionRecord> versions_named(const Reader& reader, const Arguments& arguments) {
    std::vector<VersionRecord> versions;
    std::set<VersionId> known;
    for (const auto& word : arguments.positional) {
        Ref ref = parse_ref(word);
        if (ref.run || !ref.path.empty())
            throw Failure(exit_usage, "'" + word +
                                          "': name versions, or artifacts with all of "
                                          "theirs");
        std::vector<VersionRecord> found;
        if (ref.versioned)
            found = {find_version(reader.txn(), reader.project(), ref)};
        else
            found = reader.txn().versions(find_artifact(reader.txn(), reader.project(), ref).id);
        for (const auto& version : found)
            if (known.insert(version.id).second) versions.push_back(version);
    }
    if (versions.empty())
        throw Failure(exit_not_found, "there is no version to bundle: art ls lists them");
    return versions;
}

Json unbundle_alone(const Site& site, const fs::path& file, Progress& bar) {
    auto store = value_of(Store::create_or_open(site.store, Store::Access::read_write));
    SealContext context = offline_context(*store);
    auto staging = value_of(recover(context));
    auto merged = value_of(read_bundle(context, site.project, file, staging,
                                       [&](std::uint64_t bytes, std::uint64_t all) {
                                           bar.show(bytes, all);
                                           return !interrupted();
                                       }));
    return merged_json(merged);
}

}  // namespace

void bundle_options(po::options_description& options) {
    options.add_options()("output,o", po::value<std::string>()->value_name("FILE.tar"),
                          "the archive to make")("force", po::bool_switch(),
                                                 "replace the file if it is there");
}

int run_bundle(const Arguments& arguments) {
    if (!arguments.has("output"))
        throw Failure(exit_usage, "say where the bundle goes: -o FILE.tar");
    auto file = fs::absolute(arguments.text("output")).lexically_normal();
    check_output(file);
    std::error_code error;
    if (fs::exists(file, error) && !arguments.flag("force"))
        throw Failure(exit_refused, file.string() + " is there: name another file, or --force");
    Reader reader(arguments);
    auto versions = versions_named(reader, arguments);
    end_in_good_order();
    Progress bar("bundling");
    value_of(write_bundle(reader.store(), reader.project(), versions, file,
                          [&](std::uint64_t bytes, std::uint64_t all) {
                              bar.show(bytes, all);
                              return !interrupted();
                          }));
    return exit_done;
}

int run_unbundle(const Arguments& arguments) {
    Site site = find_site(arguments);
    auto file = fs::absolute(arguments.positional[0]).lexically_normal();
    std::error_code error;
    if (!fs::exists(file, error))
        throw Failure(exit_not_found, file.string() + " is not there: name a file of art bundle");
    if (!is_utf8(file.string()))
        throw Failure(exit_usage, "the file's name is no UTF-8: rename it");
    end_in_good_order();
    Json reply;
    {
        Progress bar("unbundling");
        auto served = ask_in_good_order(
            site, {{"op", "unbundle"}, {"file", file.string()}, {"project", site.project}}, bar);
        reply = served ? *served : unbundle_alone(site, file, bar);
    }
    if (arguments.flag("json")) {
        show_json({{"versions", reply.at("versions")}});
        return exit_done;
    }
    std::string text;
    for (const auto& version : reply.at("versions")) text += version.get<std::string>() + "\n";
    show_text(text.empty() ? "all of it is here already\n" : text);
    return exit_done;
}

}  // namespace artfs

// art revert: an older version becomes `latest` again.
#include <pwd.h>
#include <unistd.h>

#include "client.h"
#include "command.h"
#include "drafts/revert.h"
#include "files.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace {
std::string caller_name() {
    const passwd* entry = getpwuid(getuid());
    return entry == nullptr ? std::to_string(getuid()) : entry->pw_name;
}
}  // namespace

int run_revert(const Arguments& arguments) {
    auto ref = parse_ref(arguments.positional[0]);
    if (!ref.versioned || !ref.path.empty())
        throw Failure(exit_usage, "name the version to go back to, like " + ref.name + ":v0");
    Site site;
    ArtifactRecord artifact;
    VersionRecord version;
    {
        Reader reader(arguments);
        site = reader.site();
        artifact = find_artifact(reader.txn(), reader.project(), ref);
        version = find_version(reader.txn(), reader.project(), ref);
    }
    nlohmann::json request{{"op", "revert"},
                           {"artifact", artifact.id.text()},
                           {"version", version.number},
                           {"who", caller_name()}};
    if (!ask_daemon(site.store, request)) {
        auto store = store_to_change(site);
        bool reverted = false;
        auto written = store->catalog().write([&](WriteTxn& txn) {
            reverted = revert_head(txn, artifact.id, version.number, caller_name()).has_value();
        });
        if (!written) fail_with(written.error());
        if (!reverted) throw Failure(exit_not_found, "the version was deleted");
    }
    show_text(artifact.name + ":latest is v" + std::to_string(version.number) + "\n");
    return exit_done;
}

}  // namespace artfs

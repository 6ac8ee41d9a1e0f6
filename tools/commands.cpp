#include "command.h"

namespace artfs {

namespace {

using Description = po::options_description;

void no_options(Description&) {}

void json_option(Description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document");
}

void list_options(Description& options) {
    json_option(options);
    options.add_options()("limit", po::value<std::string>()->value_name("N"), "at most N")(
        "long", po::bool_switch(), "everything about each");
}

void mount_options(Description& options) {
    options.add_options()("options,o", po::value<std::string>()->value_name("LIST"),
                          "mount options: allow_other, ro, passthrough=on|off")(
        "foreground", po::bool_switch(), "stay in the foreground")(
        "allow-other", po::bool_switch(), "let other users in")("read-only", po::bool_switch(),
                                                                "refuse all writing");
}

void umount_options(Description& options) {
    options.add_options()("lazy", po::bool_switch(), "even while files are open");
}

void run_options(Description& options) {
    auto many = [] { return po::value<std::vector<std::string>>()->composing(); };
    options.add_options()("job-type", po::value<std::string>()->value_name("T"),
                          "what kind of work it is")(
        "name", po::value<std::string>()->value_name("N"), "the run's name")(
        "config", many()->value_name("K=V|FILE.json"), "configuration to record")(
        "tag", many()->value_name("T"), "a label")("pin", many()->value_name("ARTIFACT=REF"),
                                                   "the version it sees as latest")(
        "type", many()->value_name("ARTIFACT=TYPE"), "type of an artifact it makes")(
        "alias", many()->value_name("ARTIFACT=NAME"), "alias for what it logs")(
        "ok-exit", po::value<std::string>()->value_name("0,1"),
        "exit statuses that count as success");
}

void runs_options(Description& options) {
    list_options(options);
    options.add_options()("job-type", po::value<std::string>()->value_name("T"),
                          "of this job type")("state", po::value<std::string>()->value_name("S"),
                                              "running, finished, failed, killed or lost")(
        "artifact", po::value<std::string>()->value_name("A"), "that used or logged the artifact")(
        "since", po::value<std::string>()->value_name("AGE"), "started within 30min, 12h, 7d …")(
        "all", po::bool_switch(), "also runs that only read");
}

void lineage_options(Description& options) {
    json_option(options);
    options.add_options()("upstream", po::bool_switch(), "what it came from (default)")(
        "downstream", po::bool_switch(), "what came from it")(
        "depth", po::value<std::string>()->value_name("N"), "so many steps")(
        "files", po::bool_switch(), "the files of each use");
}

void graph_options(Description& options) {
    json_option(options);
    options.add_options()("explode", po::bool_switch(), "one node a version and a run")(
        "segments", po::bool_switch(), "one node a segment of a run (implies --explode)")(
        "format", po::value<std::string>()->value_name("F"), "text, dot, mermaid or json");
}

}  // namespace

const std::vector<Command>& commands() {
    static const std::vector<Command> all{
        {"mount", "[DIR] [options]", "mount the store; make it if there is none", 0, 1, false,
         mount_options, run_mount},
        {"umount", "[DIR] [--lazy]", "unmount; refused while files are open", 0, 1, false,
         umount_options, run_umount},
        {"status", "[--json]", "mounts, live runs, unsealed drafts, what is stale", 0, 0, false,
         json_option, run_status},
        {"run", "[options] -- COMMAND…", "run a command as one run", 0, 0, true, run_options,
         run_run},
        {"commit", "[RUN]", "seal the drafts of a run now", 0, 1, false, json_option, run_commit},
        {"discard", "[RUN]", "drop the drafts of a run", 0, 1, false, json_option, run_discard},
        {"ls", "[ARTIFACT | REF]", "artifacts; versions; files", 0, 1, false, list_options, run_ls},
        {"log", "[ARTIFACT]", "versions, newest first, and the runs that made them", 0, 1, false,
         list_options, run_log},
        {"show", "REF | RUN", "everything about a version or a run", 1, 1, false, json_option,
         run_show},
        {"cat", "REF/path", "a file's bytes", 1, 1, false, no_options, run_cat},
        {"runs", "[options]", "runs, newest first", 0, 0, false, runs_options, run_runs},
        {"lineage", "REF | RUN [options]", "what it came from, or what came from it", 1, 1, false,
         lineage_options, run_lineage},
        {"graph", "[--explode] [--format F]", "the project's graph", 0, 0, false, graph_options,
         run_graph},
    };
    return all;
}

}  // namespace artfs

#include "command.h"
#include "printed.h"
#include "repeat.h"

namespace artfs {

namespace {

using Description = po::options_description;

constexpr std::size_t any_number = 1000000;

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
    options.add_options()("options,o",
                          po::value<std::vector<std::string>>()->composing()->value_name("LIST"),
                          "mount options: allow_other, ro, rw, passthrough=on|off")(
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
        "exit statuses that count as success")("resume",
                                               po::value<std::string>()->value_name("RUN"),
                                               "go on where that run left its drafts");
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
        "format", po::value<std::string>()->value_name("F"), "text, dot, mermaid, json or svg");
}

void ui_options(Description& options) {
    options.add_options()("port", po::value<std::string>()->value_name("N"),
                          "the port (else any free one)")("open", po::bool_switch(),
                                                          "open it in the browser");
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
        {"begin", "[options]", "begin a run in a shell: eval \"$(art begin)\"", 0, 0, false,
         run_options, run_begin},
        {"end", "", "end the run that this shell began", 0, 0, false, json_option, run_end},
        {"next", "", "end the caller's run and go on as a new one", 0, 0, false, json_option,
         run_next},
        {"why", "PID | PATH", "which run a process belongs to, or what a path is, by which rule", 1,
         1, false, json_option, run_why},
        {"commit", "[RUN]", "seal the drafts of a run now", 0, 1, false, json_option, run_commit},
        {"discard", "[RUN]", "drop the drafts of a run", 0, 1, false, json_option, run_discard},
        {"revert", "REF", "make an older version latest again", 1, 1, false, no_options,
         run_revert},
        {"ls", "[ARTIFACT | REF]", "artifacts; versions; files", 0, 1, false, list_options, run_ls},
        {"log", "[ARTIFACT] [--changes]", "versions, newest first, and the runs that made them", 0,
         1, false, log_options, run_log},
        {"show", "REF | RUN", "everything about a version or a run", 1, 1, false, json_option,
         run_show},
        {"cat", "REF/path | @RUN/path", "a file's bytes", 1, 1, false, no_options, run_cat},
        {"diff", "REF REF [--stat | --content]", "what differs between two versions or runs", 2, 2,
         false, diff_options, run_diff},
        {"describe", "REF | RUN TEXT", "say what a version or a run is", 2, 2, false, no_options,
         run_describe},
        {"metadata", "REF [FILE.json | KEY=VALUE…]", "show or annotate a version's metadata", 1,
         any_number, false, metadata_options, run_metadata},
        {"tag", "REF | RUN [TAG…] [--delete]", "labels of a version or a run", 1, any_number, false,
         tag_options, run_tag},
        {"alias", "REF NAME… | --delete ARTIFACT NAME…", "move or drop aliases", 2, any_number,
         false, alias_options, run_alias},
        {"ttl", "REF [AGE | never | inherit]", "how long a version without an alias is kept", 1, 2,
         false, json_option, run_ttl},
        {"put", "PATH… ARTIFACT [options]", "files, and what is in directories, as a new version",
         2, any_number, false, put_options, run_put},
        {"get", "REF [DEST]", "copy a version, or a file of one, out of the store", 1, 2, false,
         no_options, run_get},
        {"rm", "REF… [--dry-run]", "delete versions; art gc gives their space back", 1, any_number,
         false, rm_options, run_rm},
        {"gc", "[--dry-run] [--older-than AGE]", "give the space of what is deleted back", 0, 0,
         false, gc_options, run_gc},
        {"fsck", "[--repair]", "verify every object, tree, edge and alias", 0, 0, false,
         fsck_options, run_fsck},
        {"stale", "[--json]", "versions whose inputs have newer versions, and what to repeat", 0, 0,
         false, json_option, run_stale},
        {"verify", "REF", "make a version again, beside it, and compare", 1, 1, false,
         verify_options, run_verify},
        {"metrics", "RUN [METRIC…] [--csv]", "what a run measured", 1, any_number, false,
         metrics_options, run_metrics},
        {"output", "RUN [--times]", "what a run printed, and when", 1, 1, false, output_options,
         run_output},
        {"rerun", "RUN [--with ARTIFACT=REF]… | --stale [-j N]",
         "run the same command on the same or other inputs", 0, 1, false, rerun_options, run_rerun},
        {"export", "REF | RUN --format F", "lineage in the words of other tools", 1, 1, false,
         export_options, run_export},
        {"bundle", "REF… -o FILE.tar", "versions with their history, for another store", 1,
         any_number, false, bundle_options, run_bundle},
        {"unbundle", "FILE", "take the versions of a bundle over", 1, 1, false, json_option,
         run_unbundle},
        {"config", "[KEY [VALUE]]", "list, explain and set the store's settings", 0, 2, false,
         json_option, run_config},
        {"doctor", "[--json]", "what this machine allows, and what to do about it", 0, 0, false,
         json_option, run_doctor},
        // For other programs: completion, and the build of the manual.
        {"complete", "-- WORD…", "", 0, 0, true, no_options, run_complete},
        {"manual", "DIR", "", 1, 1, false, no_options, run_manual},
        {"runs", "[options]", "runs, newest first", 0, 0, false, runs_options, run_runs},
        {"lineage", "REF | RUN [options]", "what it came from, or what came from it", 1, 1, false,
         lineage_options, run_lineage},
        {"graph", "[--explode] [--format F]", "the project's graph", 0, 0, false, graph_options,
         run_graph},
        {"ui", "[--port N] [--open]", "the graph, runs and versions in a browser", 0, 0, false,
         ui_options, run_ui},
    };
    return all;
}

}  // namespace artfs

// art rerun: the command of a run, in its directory and with its recorded environment, on the same
// inputs or others. It becomes an explicit run, like art run would start it.
#include <unistd.h>

#include <map>

#include "command.h"
#include "lineage/text.h"
#include "output.h"
#include "ref.h"
#include "repeat.h"

namespace artfs {

namespace {

using Json = nlohmann::json;
std::string number(const VersionRecord& version) { return "v" + std::to_string(version.number); }

Versions replacements(const Arguments& arguments, const ReadTxn& txn, const std::string& project) {
    Versions with;
    for (const auto& word : arguments.list("with")) {
        auto equals = word.find('=');
        if (equals == 0 || equals == std::string::npos)
            throw Failure(exit_usage, "--with takes ARTIFACT=REF, like mnist-raw=v1");
        std::string name = word.substr(0, equals);
        std::string ref = word.substr(equals + 1);
        if (ref.find(':') == std::string::npos && ref.find('@') == std::string::npos)
            ref = name + ":" + ref;
        auto version = find_version(txn, project, parse_ref(ref));
        if (txn.artifact(version.artifact)->name != name)
            throw Failure(exit_usage, "'" + word + "': the version is of another artifact");
        with[name] = number(version);
    }
    return with;
}

std::string shell_word(const std::string& word) {
    bool plain = !word.empty() && word.find_first_not_of(
                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                      "0123456789_@%+=:,./-") == std::string::npos;
    if (plain) return word;
    std::string text = "'";
    for (char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return text + "'";
}

}  // namespace

Versions inputs_of(const ReadTxn& txn, const RunRecord& run, const Versions& replaced) {
    Versions inputs;
    for (const auto& use : txn.uses_of(run.id)) {
        auto version = txn.version(use.version);
        auto artifact = version ? txn.artifact(version->artifact) : std::nullopt;
        if (!artifact) continue;
        // A run that read what it had sealed itself began with the first.
        auto [known, fresh] = inputs.emplace(artifact->name, number(*version));
        if (fresh && version->deleted && !replaced.contains(artifact->name))
            throw Failure(exit_not_found, artifact->name + ":" + number(*version) +
                                              ", which it used, was deleted: give another with "
                                              "--with " +
                                              artifact->name + "=REF");
    }
    return inputs;
}

void check_repeatable(const RunRecord& run) {
    if (run.state == RunState::running)
        throw Failure(exit_refused, "run " + run.name + " is not over: wait for it");
    if (run.job_type == "put" && run.explicitly_started)
        throw Failure(exit_refused, "run " + run.name + " is an art put: put the files again");
    if (run.commands.size() != 1 || run.commands.front().empty())
        throw Failure(exit_refused, "run " + run.name + " was " +
                                        std::to_string(run.commands.size()) +
                                        " commands of a shell: repeat them there");
    for (const auto& word : run.commands.front())
        if (word.find("***") != std::string::npos)
            throw Failure(exit_refused,
                          "run " + run.name +
                              " had a secret on its command line, which was not kept: start it "
                              "with art run");
}

Repeat repeat_of(const Site& site, const RunRecord& run, const Versions& pins,
                 const std::vector<std::string>& options) {
    Repeat repeat{{"art", "run", "--store", site.store.string()}, run.cwd, run.environment};
    auto& command = repeat.command;
    command.insert(command.end(), {"--job-type", run.job_type});
    for (const auto& [artifact, version] : pins)
        command.insert(command.end(), {"--pin", artifact + "=" + version});
    command.insert(command.end(), options.begin(), options.end());
    command.emplace_back("--");
    command.insert(command.end(), run.commands.front().begin(), run.commands.front().end());
    return repeat;
}

Repeat rerun_of(const Site& site, const RunRecord& run, const Versions& pins,
                std::vector<std::string> options) {
    std::string exits;
    for (int exit : run.ok_exit) exits += (exits.empty() ? "" : ",") + std::to_string(exit);
    options.insert(options.end(), {"--tag", "rerun-of-" + run.name, "--ok-exit", exits});
    return repeat_of(site, run, pins, options);
}

std::string line_of(const Repeat& repeat) {
    std::string line = "cd " + shell_word(repeat.cwd) + " &&";
    for (const auto& word : repeat.command) line += " " + shell_word(lossy_utf8(word));
    return line;
}

void start_repeat(const Repeat& repeat) {
    if (chdir(repeat.cwd.c_str()) != 0)
        throw Failure(exit_not_found, "its directory " + lossy_utf8(repeat.cwd) +
                                          " is not there: make it, or start it with art run");
    for (const auto& [name, value] : repeat.environment) setenv(name.c_str(), value.c_str(), 1);
    // The recorded one is of the run that was.
    unsetenv("ART_RUN");
    std::vector<char*> words;
    for (const auto& word : repeat.command) words.push_back(const_cast<char*>(word.c_str()));
    words.push_back(nullptr);
    execv("/proc/self/exe", words.data());
    throw Failure(exit_failed, "art cannot start itself: is /proc mounted?");
}

void rerun_options(po::options_description& options) {
    options.add_options()(
        "with", po::value<std::vector<std::string>>()->composing()->value_name("ARTIFACT=REF"),
        "another version of an input")("newest", po::bool_switch(),
                                       "inputs as they are now, but for --with")(
        "name", po::value<std::string>()->value_name("N"), "the new run's name")(
        "dry-run,n", po::bool_switch(), "show the command")(
        "stale", po::bool_switch(),
        "no RUN: make anew what is stale, and what becomes so by that (art stale)")(
        "jobs,j", po::value<std::string>()->value_name("N"),
        "with --stale: so many at once, where none needs the other");
}

int run_rerun(const Arguments& arguments) {
    if (arguments.flag("stale")) return rerun_stale(arguments);
    if (arguments.positional.empty() || arguments.has("jobs"))
        throw Failure(exit_usage,
                      "name a run, or --stale with -j N: art rerun RUN [--with ARTIFACT=REF]…");
    std::optional<Repeat> repeat;
    {
        Reader reader(arguments);
        Ref ref = parse_ref(arguments.positional[0]);
        if (ref.versioned || !ref.path.empty())
            throw Failure(exit_usage, "name a run: art show tells which one logged a version");
        auto run = find_run(reader.txn(), reader.project(), ref.name);
        check_repeatable(run);
        auto pins = replacements(arguments, reader.txn(), reader.project());
        if (!arguments.flag("newest")) pins.merge(inputs_of(reader.txn(), run, pins));
        std::vector<std::string> options;
        if (arguments.has("name")) options = {"--name", arguments.text("name")};
        repeat = rerun_of(reader.site(), run, pins, options);
    }
    if (!arguments.flag("dry-run")) start_repeat(*repeat);
    show_text(line_of(*repeat) + "\n");
    return exit_done;
}

}  // namespace artfs

// art rerun: the command of a run, in its directory and with its recorded environment, on the same
// inputs or others. It becomes an explicit run, like art run would start it.
#include <unistd.h>

#include <map>

#include "command.h"
#include "lineage/text.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace {

using Json = nlohmann::json;
using Versions = std::map<std::string, std::string>;  // artifact -> "v3"

std::string number(const VersionRecord& version) { return "v" + std::to_string(version.number); }

// What the run saw of each artifact that it read.
Versions inputs_of(const ReadTxn& txn, const RunRecord& run) {
    Versions inputs;
    for (const auto& use : txn.uses_of(run.id)) {
        auto version = txn.version(use.version);
        auto artifact = version ? txn.artifact(version->artifact) : std::nullopt;
        if (!artifact) continue;
        // A run that read what it had sealed itself began with the first.
        auto [known, fresh] = inputs.emplace(artifact->name, number(*version));
        if (fresh && version->deleted)
            throw Failure(exit_not_found, artifact->name + ":" + number(*version) +
                                              ", which it used, was deleted: give another with "
                                              "--with " +
                                              artifact->name + "=REF");
    }
    return inputs;
}

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

struct Repeat {
    std::vector<std::string> command;  // of art run
    std::string cwd;
    std::map<std::string, std::string> environment;
};

Repeat repeat_of(const Arguments& arguments) {
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    if (ref.versioned || !ref.path.empty())
        throw Failure(exit_usage, "name a run: art show tells which one logged a version");
    auto run = find_run(reader.txn(), reader.project(), ref.name);
    check_repeatable(run);
    auto with = replacements(arguments, reader.txn(), reader.project());
    Versions pins = with;
    if (!arguments.flag("newest"))
        for (const auto& [artifact, version] : inputs_of(reader.txn(), run))
            pins.emplace(artifact, version);
    Repeat repeat{
        {"art", "run", "--store", reader.site().store.string()}, run.cwd, run.environment};
    auto option = [&](const std::string& name, const std::string& value) {
        repeat.command.push_back("--" + name);
        repeat.command.push_back(value);
    };
    option("job-type", run.job_type);
    if (arguments.has("name")) option("name", arguments.text("name"));
    option("tag", "rerun-of-" + run.name);
    for (const auto& [artifact, version] : pins) option("pin", artifact + "=" + version);
    std::string exits;
    for (int exit : run.ok_exit) exits += (exits.empty() ? "" : ",") + std::to_string(exit);
    if (!exits.empty()) option("ok-exit", exits);
    repeat.command.emplace_back("--");
    for (const auto& word : run.commands.front()) repeat.command.push_back(word);
    return repeat;
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

void rerun_options(po::options_description& options) {
    options.add_options()(
        "with", po::value<std::vector<std::string>>()->composing()->value_name("ARTIFACT=REF"),
        "another version of an input")("newest", po::bool_switch(),
                                       "inputs as they are now, but for --with")(
        "name", po::value<std::string>()->value_name("N"), "the new run's name")(
        "dry-run,n", po::bool_switch(), "show the command");
}

int run_rerun(const Arguments& arguments) {
    Repeat repeat = repeat_of(arguments);
    if (arguments.flag("dry-run")) {
        std::string line = "cd " + shell_word(repeat.cwd) + " &&";
        for (const auto& word : repeat.command) line += " " + shell_word(lossy_utf8(word));
        show_text(line + "\n");
        return exit_done;
    }
    if (chdir(repeat.cwd.c_str()) != 0)
        throw Failure(exit_not_found, "its directory " + lossy_utf8(repeat.cwd) +
                                          " is not there: make it, or start it with art run");
    for (const auto& [name, value] : repeat.environment) setenv(name.c_str(), value.c_str(), 1);
    // The recorded one is of the run that was.
    unsetenv("ART_RUN");
    std::vector<char*> words;
    for (auto& word : repeat.command) words.push_back(word.data());
    words.push_back(nullptr);
    execv("/proc/self/exe", words.data());
    throw Failure(exit_failed, "art cannot start itself: is /proc mounted?");
}

}  // namespace artfs

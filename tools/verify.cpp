// art verify: makes a version again, in a draft that nobody sees, and compares; or compares it with
// what somebody signed.
#include "drafts/verify.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>

#include "base/uid.h"
#include "command.h"
#include "drafts/kept.h"
#include "files.h"
#include "lineage/attestation.h"
#include "lineage/compare.h"
#include "lineage/text.h"
#include "output.h"
#include "ref.h"
#include "repeat.h"
#include "runs/trial.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

struct Plan {
    Site site;
    VersionRecord version;
    std::string label;
    std::string run;  // the scratch run's name
    Repeat repeat;
    std::vector<int> ok_exit;
};

RunRecord known_maker(const ReadTxn& txn, const VersionRecord& version, const std::string& label) {
    if (auto run = first_maker_of(txn, version)) return *run;
    throw Failure(exit_refused, label + " was made by no run that is known: nothing can repeat it");
}

// Where the run began: on what its versions were made from, else on nothing.
void pin_outputs(const ReadTxn& txn, const RunRecord& run, Versions& pins) {
    for (const auto& log : txn.logs_of(run.id)) {
        auto version = txn.version(log.version);
        auto artifact = version ? txn.artifact(version->artifact) : std::nullopt;
        if (!artifact) continue;
        auto base = version->parent ? "v" + std::to_string(*version->parent) : std::string("new");
        pins.emplace(artifact->name, base);
    }
}

Plan plan_of(const Arguments& arguments) {
    Reader reader(arguments);
    const auto& txn = reader.txn();
    Ref ref = parse_ref(arguments.positional[0]);
    if (ref.run || !ref.path.empty())
        throw Failure(exit_usage, "name a version, like trained-model:v0");
    auto version = find_version(txn, reader.project(), ref);
    std::string label = ref.name + ":v" + std::to_string(version.number);
    auto run = known_maker(txn, version, label);
    check_repeatable(run);
    ask_live_daemon(reader.site().store, {{"op", "status"}});
    auto pins = inputs_of(txn, run);
    pin_outputs(txn, run, pins);
    std::string name = "verify-" + RunId::make().text();
    std::string exits = std::to_string(trial_mark);
    for (int exit : run.ok_exit) exits += "," + std::to_string(exit);
    auto repeat = repeat_of(reader.site(), run, pins,
                            {"--name", name, "--tag", "verify-of-" + run.name, "--ok-exit", exits});
    return {reader.site(), version, label, name, repeat, run.ok_exit};
}

int run_repeat(const Plan& plan) {
    pid_t child = fork();
    if (child < 0) fail_with(fail_errno("starting the command").value());
    if (child == 0) {
        // What it prints is no part of the answer.
        dup2(STDERR_FILENO, STDOUT_FILENO);
        try {
            start_repeat(plan.repeat);
        } catch (const Failure& failure) {
            std::fprintf(stderr, "art: %s\n", failure.what());
            _exit(failure.status);
        }
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// What the scratch run left goes, whatever the outcome.
class Scratch {
public:
    explicit Scratch(const Plan& plan) : plan_(plan) {}
    ~Scratch() {
        try {
            ask_daemon(plan_.site, {{"op", "discard"}, {"run", plan_.run}});
        } catch (const Failure&) {
            // It wrote nothing.
        }
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

private:
    const Plan& plan_;
};

Verified compare(const Arguments& arguments, const Plan& plan) {
    std::optional<RunId> run;
    {
        Reader reader(arguments);
        run = find_run(reader.txn(), reader.project(), plan.run).id;
    }
    auto store = value_of(Store::create_or_open(plan.site.store, Store::Access::read_only));
    SealContext context = offline_context(*store);  // nothing is written through it
    return value_of(verify_draft(context, *run, plan.version));
}

int compare_attestation(const Arguments& arguments) {
    const auto file = arguments.text("attestation");
    if (!arguments.has("key"))
        throw Failure(exit_usage, "--attestation needs the signer's --key PUBLIC.pem");
    auto statement = open_envelope(json_file(file),
                                   text_of_file(arguments.text("key"), "the signer's public key"));
    if (!statement && statement.error().code == EPERM)
        throw Failure(exit_no, file + ": " + statement.error().message);
    if (!statement) throw Failure(exit_usage, file + ": " + statement.error().message);
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    if (ref.run || !ref.path.empty())
        throw Failure(exit_usage, "name a version, like trained-model:v0");
    auto version = find_version(reader.txn(), reader.project(), ref);
    auto wrong = contradictions(reader.reading(), version, *statement);
    if (arguments.flag("json")) {
        show_json({{"same", wrong.empty()}, {"contradictions", wrong}});
    } else {
        std::string text;
        for (const auto& line : wrong) text += line + "\n";
        show_text(wrong.empty() ? "every file is as it was signed\n" : text);
    }
    return wrong.empty() ? exit_done : exit_no;
}

}  // namespace

void verify_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "attestation", po::value<std::string>()->value_name("FILE"),
        "compare with a signed statement (art export --sign) instead")(
        "key", po::value<std::string>()->value_name("PUBLIC.pem"), "the signer's public key");
}

int run_verify(const Arguments& arguments) {
    if (arguments.has("attestation")) return compare_attestation(arguments);
    Plan plan = plan_of(arguments);
    int status = run_repeat(plan);
    Scratch scratch(plan);
    if (std::find(plan.ok_exit.begin(), plan.ok_exit.end(), status) == plan.ok_exit.end())
        throw Failure(exit_no, "the command ended with " + std::to_string(status) +
                                   " this time: it makes no " + plan.label + " any more");
    auto verified = compare(arguments, plan);
    if (arguments.flag("json")) {
        Json different = Json::array();
        for (const auto& path : verified.different) different.push_back(lossy_utf8(path));
        show_json({{"version", plan.label},
                   {"same", verified.same},
                   {"different", different},
                   {"metadata_differs", verified.metadata_differs}});
        return verified.same ? exit_done : exit_no;
    }
    if (verified.same) {
        show_text(plan.label + " is the same, made again\n");
        return exit_done;
    }
    std::string what =
        verified.different.empty() ? "the metadata" : lossy_utf8(verified.different.front());
    if (verified.different.size() > 1)
        what += " and " + std::to_string(verified.different.size() - 1) + " more";
    show_text(plan.label + " is another, made again: " + what + "\n");
    return exit_no;
}

}  // namespace artfs

// art rerun --stale: what art stale lists is made anew from inputs as they are now, and then what
// has become stale by that, until nothing is. Runs of which none needs what another makes go at the
// same time, with -j.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "lineage/stale.h"
#include "output.h"
#include "ref.h"
#include "repeat.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

// A run to repeat, for all that it made.
struct Job {
    std::string run;
    std::set<std::string> artifacts;
    std::set<std::string> waits_for;
    std::string why;  // "raw:v1 is newer than v0"
    std::optional<Repeat> repeat;
    std::string refusal;  // why it cannot be repeated
};

std::string newer_inputs(const Json& stale) {
    std::string text;
    for (const auto& input : stale["inputs"])
        text += fmt::format("{}{}:{} is newer than {}", text.empty() ? "" : ", ",
                            input["artifact"].get<std::string>(),
                            input["newest"].get<std::string>(), input["used"].get<std::string>());
    return text;
}

// In art stale's order. Nothing of the store stays open: children are made.
std::vector<Job> jobs_now(const Arguments& arguments) {
    Reader reader(arguments);
    std::vector<Job> jobs;
    for (const auto& stale : stale_json(reader.txn(), reader.project())) {
        std::string name = stale["run"];
        auto job =
            std::find_if(jobs.begin(), jobs.end(), [&](const Job& one) { return one.run == name; });
        if (job == jobs.end()) {
            job = jobs.insert(jobs.end(), {name, {}, {}, newer_inputs(stale), {}, {}});
            try {
                auto run = find_run(reader.txn(), reader.project(), name);
                check_repeatable(run);
                job->repeat = rerun_of(reader.site(), run, {});
            } catch (const Failure& refusal) {
                job->refusal = refusal.what();
            }
        }
        job->artifacts.insert(stale["artifact"]);
        for (const auto& artifact : stale["waits_for"]) job->waits_for.insert(artifact);
    }
    for (auto& job : jobs)
        for (const auto& own : job.artifacts) job.waits_for.erase(own);
    return jobs;
}

std::size_t jobs_wanted(const Arguments& arguments) {
    std::string text = arguments.text("jobs", "1");
    std::size_t jobs = 0;
    auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), jobs);
    if (bad != std::errc() || end != text.data() + text.size() || jobs == 0 || jobs > 1000)
        throw Failure(exit_usage, "--jobs takes a number from 1 to 1000");
    return jobs;
}

void say(const std::string& line) { std::fprintf(stderr, "%s\n", line.c_str()); }

class Remaking {
public:
    explicit Remaking(const Arguments& arguments)
        : arguments_(arguments), at_once_(jobs_wanted(arguments)) {}

    int run() {
        while (true) {
            auto jobs = stopped_ ? std::vector<Job>() : jobs_now(arguments_);
            std::erase_if(jobs, [this](const Job& job) { return is_done(job); });
            start_ready(jobs);
            if (running_.empty()) break;
            wait_for_one();
        }
        if (started_ == 0 && failed_ == 0) show_text("nothing is stale\n");
        return failed_ == 0 ? exit_done : exit_no;
    }

private:
    // Each artifact is made anew once: what is still stale then will not become better.
    bool is_done(const Job& job) const {
        return std::any_of(job.artifacts.begin(), job.artifacts.end(),
                           [this](const auto& name) { return done_.contains(name); });
    }
    bool waits(const Job& job, const std::set<std::string>& on) const {
        return std::any_of(job.waits_for.begin(), job.waits_for.end(),
                           [&](const auto& name) { return on.contains(name); });
    }

    void start_ready(std::vector<Job>& jobs) {
        std::set<std::string> to_come;
        for (const auto& [pid, job] : running_)
            to_come.insert(job.artifacts.begin(), job.artifacts.end());
        bool before = !running_.empty();
        for (const auto& job : jobs) to_come.insert(job.artifacts.begin(), job.artifacts.end());
        for (auto& job : jobs) {
            if (running_.size() >= at_once_) return;
            if (waits(job, bad_)) {
                give_up(job, "what it is made from could not be made anew");
            } else if (!waits(job, to_come)) {
                start(job);
            }
        }
        // Artifacts may be made from each other in turns: then the first begins.
        if (before || !running_.empty() || stopped_) return;
        for (auto& job : jobs)
            if (!is_done(job)) return start(job);
    }

    void give_up(const Job& job, const std::string& why) {
        ++failed_;
        done_.insert(job.artifacts.begin(), job.artifacts.end());
        bad_.insert(job.artifacts.begin(), job.artifacts.end());
        say("art: " + label(job) + " stays stale: " + why);
    }

    static std::string label(const Job& job) {
        std::string text;
        for (const auto& name : job.artifacts) text += (text.empty() ? "" : ", ") + name;
        return text;
    }

    void start(const Job& job) {
        if (!job.repeat) return give_up(job, job.refusal);
        say("making " + label(job) + " anew like run " + job.run + ": " + job.why);
        std::fflush(nullptr);
        pid_t child = fork();
        if (child < 0) throw Failure(exit_failed, "no process could be made");
        if (child == 0) become(*job.repeat);
        ++started_;
        done_.insert(job.artifacts.begin(), job.artifacts.end());
        running_.emplace(child, job);
    }

    [[noreturn]] void become(const Repeat& repeat) const {
        // One terminal cannot be several commands' at once.
        if (at_once_ > 1) {
            int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
            dup2(nothing, STDIN_FILENO);
        }
        try {
            start_repeat(repeat);
        } catch (const Failure& failure) {
            say(std::string("art: ") + failure.what());
        }
        _exit(exit_failed);
    }

    void wait_for_one() {
        int status = 0;
        pid_t child = wait(&status);
        auto job = running_.find(child);
        if (job == running_.end()) return;
        int exit = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        if (exit != 0) {
            ++failed_;
            bad_.insert(job->second.artifacts.begin(), job->second.artifacts.end());
            say(fmt::format("art: {} stays stale: its run ended with status {}", label(job->second),
                            exit));
            stopped_ = stopped_ || exit == 130 || exit == 143;  // somebody interrupts all of it
        }
        running_.erase(job);
    }

    const Arguments& arguments_;
    std::size_t at_once_;
    std::map<pid_t, Job> running_;
    std::set<std::string> done_;  // artifacts that were begun, or given up
    std::set<std::string> bad_;   // of those, what is as it was
    std::size_t started_ = 0;
    std::size_t failed_ = 0;
    bool stopped_ = false;
};

}  // namespace

int rerun_stale(const Arguments& arguments) {
    if (!arguments.positional.empty() || arguments.has("with") || arguments.has("name"))
        throw Failure(exit_usage,
                      "--stale takes no run, no --with and no --name: art stale lists them");
    if (!arguments.flag("dry-run")) return Remaking(arguments).run();
    std::string text;
    for (const auto& job : jobs_now(arguments))
        text += job.repeat ? line_of(*job.repeat) + "\n" : "# " + job.refusal + "\n";
    show_text(text.empty() ? "nothing is stale\n" : text);
    return exit_done;
}

}  // namespace artfs

#include "runs/programs.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

namespace artfs {

namespace {

constexpr std::size_t comm_length = 15;  // TASK_COMM_LEN - 1, include/linux/sched.h

// The applets of these are programs of their own, named by argv[0] or the first argument.
constexpr std::array<std::string_view, 3> multi_call = {"busybox", "toybox", "coreutils"};

constexpr std::array<std::string_view, 14> shells = {"sh",    "bash",  "dash", "zsh", "fish",
                                                     "ksh",   "ksh93", "mksh", "csh", "tcsh",
                                                     "rbash", "ash",   "yash", "rc"};

std::string base_name(std::string_view path) {
    auto slash = path.rfind('/');
    return std::string(slash == std::string_view::npos ? path : path.substr(slash + 1));
}

// "python3.11", "clang-14", "bash-5.2" without the number.
std::string_view without_version(std::string_view name) {
    auto last = name.find_last_not_of("0123456789.");
    if (last == std::string_view::npos) return name;
    auto stem = name.substr(0, last + 1);
    if (stem.size() < name.size() && stem.size() > 1 && stem.back() == '-') stem.remove_suffix(1);
    return stem;
}

std::string without_ending(const std::string& name) {
    auto dot = name.rfind('.');
    return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

bool same_letter(char a, char b) {
    return a == b || (a == '_' && b == '-') || (a == '-' && b == '_');
}

bool same_name(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), same_letter);
}

bool is_shell(std::string_view program) {
    program = without_version(program);
    return std::find(shells.begin(), shells.end(), program) != shells.end();
}

// The names a process goes by, and its first argument that is no flag.
struct Names {
    std::vector<std::string> names;
    std::string first_argument;
    bool only_comm = false;  // the name may be cut short
};

std::string first_word(const std::vector<std::string>& arguments, std::size_t from) {
    for (std::size_t i = from; i < arguments.size(); ++i)
        if (!arguments[i].starts_with('-')) return arguments[i];
    return {};
}

// Scripts and modules are listed as they are called ("jupyter-lab", "server-main.js",
// "jupyter_server"), not without their ending: people's own find.py and split.py are theirs.
std::string script_name(const Invocation& invocation) {
    std::string name = base_name(invocation.script);
    constexpr std::string_view package = ".__main__";
    if (invocation.module && name.ends_with(package)) name.resize(name.size() - package.size());
    return name;
}

Names names_of(const ProcessFacts& facts) {
    Names found;
    std::string program = program_name(facts);
    found.only_comm = facts.executable.empty() && facts.arguments.empty();
    auto invocation = invocation_of(program, facts.arguments);
    found.first_argument = first_word(facts.arguments, invocation.own_arguments);
    if (invocation.interpreter && !is_shell(program)) {
        if (!invocation.script.empty()) {
            found.names = {script_name(invocation)};
            return found;
        }
        // npm and others write "npm run build" over their arguments.
        if (facts.arguments.size() == 1) {
            auto title = std::string_view(facts.arguments.front());
            if (auto space = title.find(' '); space != std::string_view::npos) {
                found.names = {std::string(title.substr(0, space))};
                title.remove_prefix(space + 1);
                found.first_argument = title.substr(0, title.find(' '));
                return found;
            }
        }
    }
    found.names.push_back(program);
    if (auto stem = without_version(program); stem != program) found.names.emplace_back(stem);
    return found;
}

bool entry_matches(std::string_view entry, const Names& names) {
    auto space = entry.find(' ');
    if (space != std::string_view::npos) {
        if (!same_name(entry.substr(space + 1), names.first_argument)) return false;
        entry = entry.substr(0, space);
    }
    return std::any_of(names.names.begin(), names.names.end(), [&](const std::string& name) {
        return same_name(entry, name) ||
               (names.only_comm && name.size() == comm_length && entry.size() > comm_length &&
                same_name(entry.substr(0, comm_length), name));
    });
}

// An entry of two words says more than one of one word, in whatever list it stands.
bool listed(const std::vector<std::string>& list, const Names& names, bool two_words) {
    return std::any_of(list.begin(), list.end(), [&](const std::string& entry) {
        return (entry.find(' ') != std::string::npos) == two_words && entry_matches(entry, names);
    });
}

// memfd_create(2): how the kernel shows such a file.
bool runs_from_memory(const ProcessFacts& facts) { return facts.executable.starts_with("/memfd:"); }

// glibc's and musl's, by today's names and older ones: ld-linux-x86-64.so.2, ld-musl-x86_64.so.1,
// ld64.so.2, ld-2.31.so, ld.so.
bool is_loader(std::string_view name) {
    return (name.starts_with("ld-") || name.starts_with("ld64.") || name.starts_with("ld.")) &&
           name.find(".so") != std::string_view::npos;
}
}  // namespace

std::optional<ProcessFacts> loaded_program(const ProcessFacts& facts) {
    static const std::set<std::string_view> with_value{"--library-path",
                                                       "--glibc-hwcaps-prepend",
                                                       "--glibc-hwcaps-mask",
                                                       "--inhibit-rpath",
                                                       "--audit",
                                                       "--preload",
                                                       "--argv0"};
    static const std::set<std::string_view> tells_only{"--list", "--verify"};
    if (!is_loader(base_name(facts.executable))) return std::nullopt;
    const auto& words = facts.arguments;
    std::size_t at = 1;
    while (at < words.size() && words[at].starts_with("--") && !tells_only.contains(words[at]))
        at += with_value.contains(words[at]) ? 2 : 1;
    if (at >= words.size() || words[at].starts_with("--")) return std::nullopt;
    ProcessFacts loaded = facts;
    loaded.executable = words[at];
    loaded.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(at), words.end());
    return loaded;
}

const char* to_string(ProgramClass program_class) {
    switch (program_class) {
        case ProgramClass::ordinary:
            return "program";
        case ProgramClass::launcher:
            return "launcher";
        case ProgramClass::supervisor:
            return "supervisor";
        case ProgramClass::observer:
            return "observer";
        case ProgramClass::file_tool:
            return "file tool";
    }
    return "?";
}

std::string program_name(const ProcessFacts& facts) {
    if (auto loaded = loaded_program(facts)) return program_name(*loaded);
    // What runs from memory has no file's name.
    std::string name = runs_from_memory(facts) ? std::string() : base_name(facts.executable);
    constexpr std::string_view deleted = " (deleted)";  // the kernel's mark of an unlinked file
    if (name.ends_with(deleted)) name.resize(name.size() - deleted.size());
    std::string called;
    if (!facts.arguments.empty()) {
        called = base_name(facts.arguments.front());
        if (called.starts_with('-')) called.erase(0, 1);  // a login shell
    }
    if (name.empty()) return called.empty() ? facts.comm : called;
    if (std::find(multi_call.begin(), multi_call.end(), name) == multi_call.end()) return name;
    constexpr std::string_view option = "--coreutils-prog=";
    if (called != name && !called.empty()) return called;
    if (facts.arguments.size() < 2) return name;
    const auto& applet = facts.arguments[1];
    return applet.starts_with(option) ? applet.substr(option.size()) : base_name(applet);
}

namespace {
// Who looks only may also write what it found, into a file that it is told.
bool changes_files(const std::string& program, const std::vector<std::string>& arguments) {
    auto has = [&](const std::set<std::string_view>& options) {
        return std::any_of(arguments.begin(), arguments.end(),
                           [&](const std::string& word) { return options.contains(word); });
    };
    // `find latest/ -mindepth 1 -delete` is how a view is cleared.
    if (program == "find") return has({"-delete", "-fprint", "-fprint0", "-fprintf", "-fls"});
    if (program == "tree") return has({"-o"});
    if (program != "xxd") return false;
    static const std::set<std::string_view> with_value{"-c",         "-cols", "-g", "-l",    "-len",
                                                       "-o",         "-off",  "-s", "-seek", "-n",
                                                       "-groupsize", "-name", "-R"};
    std::size_t files = 0;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        if (with_value.contains(arguments[i]))
            ++i;
        else if (!arguments[i].starts_with('-') || arguments[i] == "-")
            ++files;
    }
    return files > 1;
}

bool has_option(const std::vector<std::string>& arguments, char letter, std::string_view word) {
    return std::any_of(arguments.begin(), arguments.end(), [&](std::string_view argument) {
        if (argument.starts_with("--")) return argument == word;
        return argument.starts_with('-') && argument.find(letter) != argument.npos;
    });
}

// A packer that unpacks into its standard output looks only. Debian's zcat is a shell that becomes
// `gzip -cd`, its xzcat is a name of xz.
bool only_prints(const std::string& program, const std::vector<std::string>& arguments) {
    static const std::set<std::string_view> packers{"gzip", "pigz", "bzip2", "xz", "zstd", "lz4"};
    static const std::set<std::string_view> unpackers{"gunzip", "unpigz", "bunzip2", "unxz",
                                                      "unlzma", "unzstd", "unlz4"};
    static const std::set<std::string_view> printers{"bzcat", "xzcat", "lzcat", "zstdcat",
                                                     "lz4cat"};
    if (!packers.contains(program) && !unpackers.contains(program)) return false;
    const auto called = arguments.empty() ? program : base_name(arguments.front());
    if (printers.contains(called)) return true;
    if (!has_option(arguments, 'c', "--stdout")) return false;
    return unpackers.contains(called) || has_option(arguments, 'd', "--decompress");
}
}  // namespace

namespace {
// code-server, rserver and the like may be scripts.
Names names_of_script(const ProcessFacts& facts) {
    Names script;
    std::string program = program_name(facts);
    if (!is_shell(program)) return script;
    if (auto invocation = invocation_of(program, facts.arguments); !invocation.script.empty())
        script.names = {script_name(invocation)};
    return script;
}
}  // namespace

bool is_interactive(const ProgramLists& lists, const ProcessFacts& facts) {
    if (auto loaded = loaded_program(facts)) return is_interactive(lists, *loaded);
    return listed(lists.interactive, names_of_script(facts), false) ||
           listed(lists.interactive, names_of(facts), false);
}

ProgramClass classify(const ProgramLists& lists, const ProcessFacts& facts) {
    if (auto loaded = loaded_program(facts)) return classify(lists, *loaded);
    std::string program = program_name(facts);
    if (listed(lists.supervisors, names_of_script(facts), false)) return ProgramClass::supervisor;
    Names names = names_of(facts);
    for (bool two_words : {true, false}) {
        if (listed(lists.supervisors, names, two_words)) return ProgramClass::supervisor;
        if (listed(lists.launchers, names, two_words)) return ProgramClass::launcher;
        if (listed(lists.observers, names, two_words))
            return changes_files(program, facts.arguments) ? ProgramClass::file_tool
                                                           : ProgramClass::observer;
        if (listed(lists.file_tools, names, two_words))
            return only_prints(program, facts.arguments) ? ProgramClass::observer
                                                         : ProgramClass::file_tool;
    }
    // Runtimes of containers and sandboxes start others' programs from a copy of themselves that
    // those cannot change, a sealed memfd.
    return runs_from_memory(facts) ? ProgramClass::supervisor : ProgramClass::ordinary;
}

std::string job_type_of(const ProcessFacts& facts) {
    if (auto loaded = loaded_program(facts)) return job_type_of(*loaded);
    std::string program = program_name(facts);
    auto invocation = invocation_of(program, facts.arguments);
    if (!invocation.interpreter || invocation.script.empty()) return without_ending(program);
    std::string name = script_name(invocation);
    if (!invocation.module) return without_ending(name);
    auto dot = name.rfind('.');
    return dot == std::string::npos ? name : name.substr(dot + 1);
}

}  // namespace artfs

// How interpreters are started: where the script is, and where its own arguments begin.
#include <algorithm>
#include <iterator>
#include <string_view>

#include "runs/programs.h"

namespace artfs {

namespace {

using Words = std::string_view;  // separated by spaces

// What matters of an interpreter's command line. Short options may stand together (-um MODULE)
// where `clusters` says so; what follows such an option's letter in the same word is its value.
struct Interpreter {
    std::string_view name;
    bool clusters;
    Words code;                 // the value is program text: no script
    Words module;               // the value is the module or class
    Words file;                 // the value, or what follows '=', is the script
    Words value;                // others that take the next word
    Words verbs = "";           // words before the script ("deno run x.ts")
    bool runs_classes = false;  // a plain word is a class, not a file
};

constexpr Interpreter interpreters[] = {
    {"python", true, "-c", "-m", "", "-W -X -Q --check-hash-based-pycs"},
    {"pypy", true, "-c", "-m", "", "-W -X -Q"},
    {"node", false, "-e --eval -p --print", "", "",
     "-r --require --import --loader --experimental-loader -C --conditions --env-file"},
    {"nodejs", false, "-e --eval -p --print", "", "", "-r --require --import --loader -C"},
    {"deno", false, "eval", "", "", "--config -c --import-map", "run"},
    {"bun", false, "-e --eval", "", "", "-r --preload", "run"},
    {"perl", true, "-e -E", "", "", "-I"},
    {"ruby", true, "-e", "", "", "-I -r -C"},
    {"Rscript", false, "-e", "", "--file", ""},
    {"R", false, "-e", "", "--file -f", ""},
    {"julia", false, "-e --eval -E --print", "", "",
     "-p --procs -t --threads -L --load -J --sysimage -H --home -C --cpu-target --machine-file"},
    {"java", false, "", "-m --module", "-jar",
     "-cp -classpath --class-path -p --module-path --add-modules --add-opens --add-exports", "",
     true},
    {"php", false, "-r", "", "-f", "-d -c -z"},
    {"lua", false, "-e", "", "", "-l"},
    {"luajit", false, "-e", "", "", "-l -j"},
    {"octave", false, "--eval", "", "", "-p --path"},
    {"octave-cli", false, "--eval", "", "", "-p --path"},
    {"dotnet", false, "", "", "", "", "exec run"},
    {"mono", false, "", "", "", "--config"},
    {"guile", false, "-c", "", "-s", "-L -l -e"},
    {"tclsh", false, "", "", "", "-encoding"},
    {"bash", true, "-c", "", "", "-O -o --rcfile --init-file"},
    {"sh", true, "-c", "", "", "-o"},
    {"dash", true, "-c", "", "", "-o"},
    {"zsh", true, "-c", "", "", "-o"},
    {"ksh", true, "-c", "", "", "-o"},
    {"ash", true, "-c", "", "", "-o"},
    {"fish", true, "-c --command", "", "", "-C --init-command"},
};

bool contains(Words words, std::string_view word) {
    while (!words.empty()) {
        auto space = words.find(' ');
        if (words.substr(0, space) == word) return true;
        if (space == Words::npos) return false;
        words.remove_prefix(space + 1);
    }
    return false;
}

// An exact name first: R and Rscript, lua and luajit; then python3.11 as python.
const Interpreter* interpreter_named(std::string_view program) {
    auto find = [](std::string_view name) {
        return std::find_if(std::begin(interpreters), std::end(interpreters),
                            [&](const Interpreter& one) { return one.name == name; });
    };
    auto found = find(program);
    if (found == std::end(interpreters)) {
        auto last = program.find_last_not_of("0123456789.-");
        if (last == std::string_view::npos) return nullptr;
        found = find(program.substr(0, last + 1));
    }
    return found == std::end(interpreters) ? nullptr : found;
}

// One option of the interpreter: what it makes of the words after it.
struct Option {
    enum class Meaning { none, code, module, file, value } meaning = Meaning::none;
    std::string attached;  // its value, if in the same word
    bool has_attached = false;
};

Option::Meaning meaning_of(const Interpreter& interpreter, std::string_view option) {
    if (contains(interpreter.code, option)) return Option::Meaning::code;
    if (contains(interpreter.module, option)) return Option::Meaning::module;
    if (contains(interpreter.file, option)) return Option::Meaning::file;
    if (contains(interpreter.value, option)) return Option::Meaning::value;
    return Option::Meaning::none;
}

Option parse_option(const Interpreter& interpreter, std::string_view word) {
    Option option;
    option.meaning = meaning_of(interpreter, word);
    if (option.meaning != Option::Meaning::none) return option;
    if (auto equals = word.find('='); word.starts_with("--") && equals != std::string_view::npos) {
        option.meaning = meaning_of(interpreter, word.substr(0, equals));
        option.attached = word.substr(equals + 1);
        option.has_attached = true;
        return option;
    }
    if (!interpreter.clusters || !word.starts_with('-') || word.starts_with("--")) return option;
    for (std::size_t i = 1; i < word.size(); ++i) {
        const char letter[] = {'-', word[i]};
        option.meaning = meaning_of(interpreter, {letter, 2});
        if (option.meaning == Option::Meaning::none) continue;
        option.attached = word.substr(i + 1);
        option.has_attached = !option.attached.empty();
        return option;
    }
    return option;
}

}  // namespace

Invocation invocation_of(const std::string& program, const std::vector<std::string>& arguments) {
    using enum Option::Meaning;
    Invocation invocation;
    const auto* interpreter = interpreter_named(program);
    if (interpreter == nullptr) return invocation;
    invocation.interpreter = true;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const auto& word = arguments[i];
        invocation.own_arguments = i + 1;
        if (word == "-") return invocation;  // standard input
        if (word == "--" || contains(interpreter->verbs, word)) continue;
        auto option = parse_option(*interpreter, word);
        if (option.meaning == none) {
            if (word.starts_with('-')) continue;
            invocation.script = word;
            invocation.module = interpreter->runs_classes;
            return invocation;
        }
        if (!option.has_attached) {
            if (++i == arguments.size()) return invocation;
            option.attached = arguments[i];
            invocation.own_arguments = i + 1;
        }
        if (option.meaning == value) continue;
        if (option.meaning == code) return invocation;
        invocation.module = option.meaning == module;
        invocation.script = option.attached;
        // R, as Rscript starts it, has its script's arguments behind this.
        if (i + 1 < arguments.size() && arguments[i + 1] == "--args") ++invocation.own_arguments;
        return invocation;
    }
    return invocation;
}

}  // namespace artfs

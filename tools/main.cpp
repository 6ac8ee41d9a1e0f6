// art: versions, runs and their lineage from the command line.
#include <cstdio>
#include <filesystem>
#include <iostream>

#include "base/exit_status.h"
#include "help.h"

namespace {

using namespace artfs;

// What stands before `--` (or, for commands that run others, before the first word that is no
// option) is ours.
Arguments parse(const Command& command, std::vector<std::string> words) {
    Arguments arguments;
    auto described = options_of(command);
    po::options_description hidden;
    hidden.add(described);
    if (command.runs_command) {
        auto takes_value = [&](const std::string& word) {
            auto name = word.substr(word.find_first_not_of('-'));
            const auto* option = described.find_nothrow(name, false);
            return option != nullptr && word.find('=') == std::string::npos &&
                   option->semantic()->max_tokens() > 0;
        };
        std::size_t at = 0;
        while (at < words.size() && words[at].starts_with('-') && words[at] != "--")
            at += takes_value(words[at]) ? 2 : 1;
        at = std::min(at, words.size());
        auto rest = words.begin() + static_cast<std::ptrdiff_t>(at);
        arguments.command.assign(rest != words.end() && *rest == "--" ? rest + 1 : rest,
                                 words.end());
        words.erase(rest, words.end());
    }
    hidden.add_options()("positional", po::value<std::vector<std::string>>());
    po::positional_options_description places;
    places.add("positional", -1);
    try {
        po::store(po::command_line_parser(words).options(hidden).positional(places).run(),
                  arguments.values);
        po::notify(arguments.values);
    } catch (const po::error& wrong) {
        throw Failure(exit_usage,
                      std::string(wrong.what()) + ": see art " + command.name + " --help");
    }
    arguments.positional = arguments.list("positional");
    if (!arguments.has("help") &&
        (arguments.positional.size() < command.least || arguments.positional.size() > command.most))
        throw Failure(exit_usage, std::string("usage: art ") + command.name + " " + command.usage);
    return arguments;
}

int run(int argc, char** argv) {
    std::string name = argc > 1 ? argv[1] : "";
    if (name.empty() || name == "--help" || name == "-h" || name == "help") {
        std::cout << overview();
        return name.empty() ? exit_usage : exit_done;
    }
    if (name == "--version") {
        std::cout << "art " ARTFS_VERSION "\n";
        return exit_done;
    }
    if (const auto* command = find_command(name)) {
        auto arguments = parse(*command, {argv + 2, argv + argc});
        if (arguments.has("help")) {
            std::cout << help_of(*command);
            return exit_done;
        }
        return command->run(arguments);
    }
    throw Failure(exit_usage, "no command is called '" + name + "': art --help lists them");
}

// One line, whatever names are in it.
void complain(std::string text) {
    for (auto& c : text)
        if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';
    std::fprintf(stderr, "art: %s\n", text.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    std::ios::sync_with_stdio(false);
    try {
        return run(argc, argv);
    } catch (const artfs::Failure& failure) {
        complain(failure.what());
        return failure.status;
    } catch (const std::filesystem::filesystem_error& wrong) {
        complain("'" + wrong.path1().string() + "': " + wrong.code().message() +
                 ": name another path");
        return artfs::exit_status_of({wrong.code().value(), ""});
    } catch (const std::exception& broken) {
        complain(std::string(broken.what()) + ": the store may be damaged");
        return artfs::exit_failed;
    }
}

#include "help.h"

#include <fstream>
#include <iostream>
#include <sstream>

namespace artfs {

po::options_description options_of(const Command& command) {
    po::options_description options("Options");
    options.add_options()("help,h", "show this text")(
        "store", po::value<std::string>()->value_name("DIR"),
        "the store (else $ART_STORE, the mount's, or the default)")(
        "project", po::value<std::string>()->value_name("NAME"),
        "the project (else $ART_PROJECT, the mount's, or 'default')")(
        "mount", po::value<std::string>()->value_name("DIR"),
        "the mount (else $ART_MOUNT, or the live one)");
    command.options(options);
    return options;
}

const Command* find_command(const std::string& name) {
    for (const auto& command : commands())
        if (name == command.name) return &command;
    return nullptr;
}

bool is_hidden(const Command& command) { return *command.summary == '\0'; }

std::string help_of(const Command& command) {
    std::ostringstream text;
    text << "art " << command.name << " " << command.usage << "\n  " << command.summary << "\n\n"
         << options_of(command);
    return text.str();
}

std::string overview() {
    std::string text =
        "art: versioned artifacts, runs and their lineage, on a mount\n\n"
        "art COMMAND [ARGUMENTS]; art COMMAND --help says more; art --version\n\n";
    for (const auto& command : commands()) {
        if (is_hidden(command)) continue;
        std::string name = command.name;
        name.resize(10, ' ');
        text += "  " + name + command.summary + "\n";
    }
    return text +
           "\nReferences: artifact, artifact:v0, artifact:alias/path, artifact@sha256:HEX, @run\n"
           "Exit status: 0 done, 1 the answer is no, 2 usage, 3 not found, 4 refused, 5 failed\n";
}

namespace {

// man(7): a backslash is an escape, a hyphen is typographic, a dot or quote begins a request.
std::string roff(const std::string& text) {
    std::string out;
    bool line_start = true;
    for (char c : text) {
        if (line_start && (c == '.' || c == '\'')) out += "\\&";
        if (c == '\\')
            out += "\\e";
        else if (c == '-')
            out += "\\-";
        else
            out += c;
        line_start = c == '\n';
    }
    for (std::size_t at = 0; (at = out.find("…", at)) != std::string::npos;)
        out.replace(at, std::string("…").size(), "...");
    return out;
}

std::string heading(const std::string& name, const std::string& summary) {
    std::string upper = name;
    for (char& c : upper)
        if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return ".TH " + roff(upper) + " 1 \"\" artfs \"User Commands\"\n.SH NAME\n" + roff(name) +
           " \\- " + roff(summary) + "\n";
}

std::string common_sections() {
    return ".SH REFERENCES\n"
           ".TP\n.B mnist\\-raw\nthe artifact; where a version is needed, its latest\n"
           ".TP\n.B mnist\\-raw:v1\na version, by number or alias\n"
           ".TP\n.B mnist\\-raw@sha256:HEX\na version, by eight digits or more of its digest\n"
           ".TP\n.B mnist\\-raw:v1/training.pt\na file of a version\n"
           ".TP\n.B @sunny\\-smoke\\-1\na run; without the @ where no artifact has the name\n"
           ".SH EXIT STATUS\n"
           "0 done; 1 the answer is no; 2 wrong usage; 3 not found; 4 refused; 5 the store or the "
           "machine failed. Errors are one line on standard error.\n"
           ".SH ENVIRONMENT\n"
           ".BR ART_STORE \", \" ART_PROJECT \", \" ART_MOUNT \", \" ART_RUN \", \" "
           "NO_COLOR \", \" PAGER\n";
}

}  // namespace

std::string manual_overview() {
    std::string page = heading("art", "versioned artifacts, runs and their lineage, on a mount");
    page += ".SH SYNOPSIS\n.B art\n.I COMMAND\n[\n.I ARGUMENTS\n]\n.SH COMMANDS\n";
    for (const auto& command : commands()) {
        if (is_hidden(command)) continue;
        page += ".TP\n.BR art\\-" + roff(command.name) + " (1)\n" + roff(command.summary) + "\n";
    }
    return page + common_sections();
}

std::string manual_of(const Command& command) {
    std::string name = command.name;
    std::string page = heading("art-" + name, command.summary);
    page += ".SH SYNOPSIS\n.B art " + roff(name) + "\n" + roff(command.usage) + "\n.SH OPTIONS\n";
    auto described = options_of(command);
    for (const auto& option : described.options()) {
        std::string value = option->semantic()->max_tokens() > 0
                                ? " \\fI" + roff(option->format_parameter()) + "\\fR"
                                : "";
        page += ".TP\n\\fB" + roff(option->format_name()) + "\\fR" + value + "\n" +
                roff(option->description()) + "\n";
    }
    return page + common_sections() + ".SH SEE ALSO\n.BR art (1)\n";
}

int run_manual(const Arguments& arguments) {
    std::filesystem::path directory = arguments.positional.at(0);
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    auto write = [&](const std::string& name, const std::string& page) {
        value_of(replace_file(directory / (name + ".1"), page));
    };
    write("art", manual_overview());
    for (const auto& command : commands())
        if (!is_hidden(command)) write(std::string("art-") + command.name, manual_of(command));
    return exit_done;
}

}  // namespace artfs

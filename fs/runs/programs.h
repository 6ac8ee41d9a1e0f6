// What a program is: the lists of design.md, section 3, and how a process is found in them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "runs/process.h"

namespace artfs {

// What a program is, by the lists of the configuration. A program can be in one class only: a
// name that stands in several lists is a supervisor, else a launcher, an observer, a file tool.
enum class ProgramClass : std::uint8_t { ordinary, launcher, supervisor, observer, file_tool };
const char* to_string(ProgramClass program_class);

// The lists of design.md, section 3, as configured. Matching is by the executable's file name, for
// an interpreter by the script's or module's name (for a shell only among supervisors: a shell that
// runs a script is a launcher, whatever the script is called); entries of two words ("uv run")
// match the program and its first argument. '-' and '_' are the same, and a version at a name's end
// is ignored (python3.11 is python).
struct ProgramLists {
    std::vector<std::string> launchers;
    std::vector<std::string> supervisors;
    std::vector<std::string> interactive;  // those of them that somebody works in
    std::vector<std::string> observers;
    std::vector<std::string> file_tools;
    static ProgramLists built_in();
};

ProgramClass classify(const ProgramLists& lists, const ProcessFacts& facts);
// Of a supervisor: a notebook's or an editor's.
bool is_interactive(const ProgramLists& lists, const ProcessFacts& facts);

// What the dynamic loader was told to run (`ld-linux-x86-64.so.2 --preload x.so ./train 5`): it
// never execs, so this is what the process is. Nothing if it is not the loader, or runs nothing.
std::optional<ProcessFacts> loaded_program(const ProcessFacts& facts);

// "train" for ./train, train.py, python -m pkg.train, Rscript train.R.
std::string job_type_of(const ProcessFacts& facts);

// The executable's name as people know it: "python3", "bash", busybox's applet. The name in
// argv[0], then comm, where the executable cannot be read or is a memfd.
std::string program_name(const ProcessFacts& facts);

// How an interpreter was started. `script` is empty for code on the command line (-c) or standard
// input.
struct Invocation {
    bool interpreter = false;
    bool module = false;
    std::string script;             // path, module or class as given
    std::size_t own_arguments = 1;  // index of the first argument that is the program's own
};
Invocation invocation_of(const std::string& program, const std::vector<std::string>& arguments);

}  // namespace artfs

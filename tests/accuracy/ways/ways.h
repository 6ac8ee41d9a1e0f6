// One program that does each thing in each way Linux has for it: artfs_ways WAY FROM TO.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ways {

using Words = std::vector<std::string>;

// A way takes its own arguments, and ends the program with a message if it cannot be done.
struct Way {
    std::string_view name;
    void (*go)(const Words& words);
};

extern const std::vector<Way> reading;
extern const std::vector<Way> moving;    // bytes from file to file
extern const std::vector<Way> naming;    // links, renames, replacing
extern const std::vector<Way> changing;  // files that are there
extern const std::vector<Way> handing;   // descriptors from process to process
extern const std::vector<Way> executing;
extern const std::vector<Way> looking;  // nothing of these is a use

[[noreturn]] void die(std::string_view what);
// The call's result; negative ends the program, errno saying why.
long must(long result, std::string_view what);

int open_read(const std::string& path);
int open_write(const std::string& path);
std::string slurp(int fd);
void put(int fd, std::string_view text);
// What was read goes where the case says.
void write_file(const std::string& path, std::string_view text);
std::size_t size_of(int fd);
void wait_for(int pid);

}  // namespace ways

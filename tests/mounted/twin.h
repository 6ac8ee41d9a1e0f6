// Random operations on a directory, each with its outcome as text: done with one seed on a draft
// and on a native file system, the same words must come out.
#pragma once

#include <filesystem>
#include <random>
#include <string>
#include <vector>

class Twin {
public:
    Twin(unsigned seed, std::filesystem::path base) : random_(seed), base_(std::move(base)) {}
    ~Twin() { let_go(); }
    Twin(const Twin&) = delete;
    Twin& operator=(const Twin&) = delete;

    std::string step();
    // Closes what is held open.
    void let_go();
    // fsync of every file and directory.
    void sync_all() const;

private:
    std::string any();
    std::string result(const std::string& what, long value) const;
    template <class F>
    std::string on(const char* name, F call, const std::string& path);
    template <class F>
    std::string two(const char* name, F call);
    std::string bytes();

    std::string create();
    std::string patch();
    std::string map();
    std::string sparse();
    std::string punch();
    std::string copy();
    std::string hold();
    std::string nameless();
    std::string use_held();
    std::string attribute();
    std::string attributes(const std::string& path);
    std::string listing(const std::string& path);
    std::string contents(const std::string& path);
    std::string status(const std::string& path);

    std::mt19937 random_;
    std::filesystem::path base_;
    std::vector<int> open_;
};

// Every name below with what it is: mode, size, a sum of the bytes, target, attributes. One line a
// name, sorted. FIFOs are left out if `sealed`: no version has them.
std::string tree_text(const std::filesystem::path& base, bool sealed = false);

// The pages, as Vite built them: files that are part of the program.
#pragma once

#include <string_view>
#include <vector>

namespace artfs::ui {

struct PageFile {
    std::string_view path;  // "/assets/index-C0FFEE.js"
    std::string_view bytes;
};

// Empty where the program was built without npm. pages.cpp is written by embed.cmake.
const std::vector<PageFile>& page_files();

}  // namespace artfs::ui

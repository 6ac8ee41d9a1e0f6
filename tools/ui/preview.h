// What can be shown of a file without running anything in it.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace artfs::ui {

// {"kind": "image" | "text" | "csv" | "json" | "tensors" | "binary", …}: text and its like have
// "text" and "truncated", tensors a list of {"name", "shape", "dtype"}, binary "hex" of the start.
// `name` only helps to guess; damage makes it "binary" with a "note".
nlohmann::json preview(const std::string& name, int fd, std::uint64_t offset, std::uint64_t length);

// Of a file name that browsers show as a picture; empty for others.
std::string image_type(const std::string& name);

}  // namespace artfs::ui

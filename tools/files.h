// Files and stores that a user names: what is wrong with them is said before anything is done.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "catalog/store.h"
#include "command.h"

namespace artfs {

// The bytes of a file; `what` is what it should hold, like "metadata".
std::string text_of_file(const std::string& path, const char* what);

// The same of one that must hold a JSON object.
std::string object_text_of_file(const std::string& path);

// Refuses what no file can be written to.
void check_output(const std::filesystem::path& file);

// With the store's lock; it must be there.
std::unique_ptr<Store> store_to_change(const Site& site);

}  // namespace artfs

#include "files.h"

#include "base/json.h"
#include "failure.h"

namespace artfs {

namespace fs = std::filesystem;

std::string text_of_file(const std::string& path, const char* what) {
    std::error_code error;
    auto status = fs::status(path, error);
    if (status.type() == fs::file_type::not_found)
        throw Failure(exit_not_found,
                      "'" + path + "' is not there: name a file that holds " + what);
    if (status.type() == fs::file_type::directory)
        throw Failure(exit_usage, "'" + path + "' is a directory: name a file that holds " + what);
    return value_of(read_file(path));
}

std::string object_text_of_file(const std::string& path) {
    auto text = text_of_file(path, "a JSON object");
    if (!parse_json(text).is_object())
        throw Failure(exit_usage, "'" + path + "' holds no JSON object: write {\"key\": value}");
    return text;
}

void check_output(const fs::path& file) {
    std::error_code error;
    if (fs::is_directory(file, error))
        throw Failure(exit_usage, file.string() + " is a directory: name a file");
    auto parent = fs::absolute(file).lexically_normal().parent_path();
    if (!fs::is_directory(parent, error))
        throw Failure(exit_not_found, parent.string() + " is no directory: make it");
}

std::unique_ptr<Store> store_to_change(const Site& site) {
    std::error_code error;
    if (!fs::exists(site.store / "format", error))
        throw Failure(exit_not_found,
                      "no store in " + site.store.string() + ": art mount makes one");
    return value_of(Store::create_or_open(site.store, Store::Access::read_write));
}

}  // namespace artfs

// What the stages share: flags, one-line errors, small text files.
#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace mnist {

namespace po = boost::program_options;

using Flags = po::variables_map;

// Parses `options` and runs `stage`. A failure is one line on standard error and an exit status:
// 2 for wrong usage, 3 for an input that is not there, 5 for the rest.
int run_stage(int argc, char** argv, const char* what, po::options_description options,
              const std::function<void(const Flags&)>& stage);

// An input that is missing or not what it should be.
struct InputError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::string read_text(const std::string& path);
nlohmann::json read_json(const std::string& path);
void write_text(const std::string& path, const std::string& text);

// What describes an output directory: its metadata, description and type, each a file of its own
// where the flag is given.
void add_about_options(po::options_description& options);
void write_about(const Flags& flags, const nlohmann::json& metadata, const std::string& description,
                 const std::string& type);

}  // namespace mnist

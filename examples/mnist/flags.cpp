#include "flags.h"

#include <fstream>
#include <iostream>
#include <sstream>

namespace mnist {

int run_stage(int argc, char** argv, const char* what, po::options_description options,
              const std::function<void(const Flags&)>& stage) {
    std::string name = argv[0];
    name = name.substr(name.rfind('/') + 1);
    options.add_options()("help,h", "show this text");
    try {
        Flags flags;
        po::store(po::parse_command_line(argc, argv, options), flags);
        if (flags.count("help") > 0) {
            std::cout << name << ": " << what << "\n\n" << options;
            return 0;
        }
        po::notify(flags);
        stage(flags);
        return 0;
    } catch (const po::error& wrong) {
        std::cerr << name << ": " << wrong.what() << ": see " << name << " --help\n";
        return 2;
    } catch (const InputError& missing) {
        std::cerr << name << ": " << missing.what() << "\n";
        return 3;
    } catch (const std::exception& failed) {
        std::string text = failed.what();
        std::cerr << name << ": " << text.substr(0, text.find('\n')) << "\n";
        return 5;
    }
}

std::string read_text(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw InputError("cannot read " + path + ": run the stage that makes it first");
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

nlohmann::json read_json(const std::string& path) {
    auto value = nlohmann::json::parse(read_text(path), nullptr, false);
    if (!value.is_object()) throw InputError(path + " is no JSON object: correct it");
    return value;
}

void write_text(const std::string& path, const std::string& text) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    out << text;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + path);
}

void add_about_options(po::options_description& options) {
    options.add_options()("metadata-out", po::value<std::string>()->value_name("FILE"),
                          "write the output's metadata here (JSON)")(
        "description-out", po::value<std::string>()->value_name("FILE"),
        "write the output's description here")(
        "type-out", po::value<std::string>()->value_name("FILE"), "write the output's type here");
}

void write_about(const Flags& flags, const nlohmann::json& metadata, const std::string& description,
                 const std::string& type) {
    auto write = [&](const char* flag, const std::string& text) {
        if (flags.count(flag) > 0) write_text(flags[flag].as<std::string>(), text + "\n");
    };
    write("metadata-out", metadata.dump(2));
    if (!description.empty()) write("description-out", description);
    // A type is fixed by an artifact's first version: say it again only where it is not said.
    if (flags.count("type-out") > 0) {
        std::ifstream there(flags["type-out"].as<std::string>());
        std::string known;
        if (!std::getline(there, known) || known != type) write("type-out", type);
    }
}

}  // namespace mnist

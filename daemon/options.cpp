#include "options.h"

#include <boost/program_options.hpp>
#include <sstream>

#include "base/names.h"

namespace artfs {

namespace po = boost::program_options;

Result<> apply_mount_options(const std::string& list, DaemonOptions& options) {
    std::istringstream words(list);
    for (std::string word; std::getline(words, word, ',');) {
        if (word == "allow_other")
            options.allow_other = true;
        else if (word == "ro" || word == "rw")
            options.read_write = !(options.read_only = word == "ro");
        else if (word == "passthrough=off")
            options.passthrough = false;
        else if (word == "passthrough=on" || word.empty())
            continue;
        else
            return fail(EINVAL, "unknown mount option '" + word +
                                    "': known are allow_other, ro, rw, passthrough=on|off");
    }
    return {};
}

Result<DaemonOptions> parse_options(int argc, char** argv, std::string& help) {
    DaemonOptions options;
    std::string store;
    std::string mountpoint;
    std::string mount_options;
    po::options_description all(
        "artd: serve a store of versioned artifacts as a file system\n\n"
        "artd --store DIR --mount DIR [options]\n\nOptions");
    all.add_options()("help,h", "show this text")("store", po::value(&store)->value_name("DIR"),
                                                  "the store's directory; made if missing")(
        "mount", po::value(&mountpoint)->value_name("DIR"), "where to mount it")(
        "project", po::value(&options.project)->value_name("NAME"), "project to mount")(
        "option,o", po::value(&mount_options)->value_name("LIST"),
        "mount options: allow_other, ro, passthrough=on|off")(
        "foreground,f", po::bool_switch(&options.foreground), "do not go to the background")(
        "allow-other", po::bool_switch(&options.allow_other), "let other users in")(
        "read-only", po::bool_switch(&options.read_only), "refuse all writing")(
        "worker", po::value(&options.worker)->value_name("N"), "what artd starts itself with")(
        "ready-fd", po::value(&options.ready_fd)->value_name("N"),
        "descriptor that gets one line when the mount answers, or cannot");
    try {
        po::variables_map values;
        po::store(po::parse_command_line(argc, argv, all), values);
        po::notify(values);
        if (values.contains("help")) {
            std::ostringstream text;
            text << all;
            help = text.str();
            return options;
        }
    } catch (const po::error& wrong) {
        return fail(EINVAL, std::string(wrong.what()) + ": see artd --help");
    }
    if (auto applied = apply_mount_options(mount_options, options); !applied)
        return tl::unexpected(applied.error());
    if (store.empty() || mountpoint.empty())
        return fail(EINVAL, "--store and --mount are needed: see artd --help");
    if (!ProjectName::parse(options.project))
        return fail(EINVAL, "'" + options.project +
                                "' is no project name: use letters, digits, '_', '.' and '-'");
    options.store = std::filesystem::absolute(store).lexically_normal();
    options.mountpoint = std::filesystem::absolute(mountpoint).lexically_normal();
    return options;
}

}  // namespace artfs

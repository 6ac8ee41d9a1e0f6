// art put, art get: files in and out without a mount.
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "command.h"
#include "drafts/kept.h"
#include "drafts/put.h"
#include "files.h"
#include "interrupt.h"
#include "lineage/text.h"
#include "output.h"
#include "progress.h"
#include "ref.h"

namespace artfs {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

// Of any project of the store: its daemon would ask itself.
bool is_on_a_mount_of(const Site& site, const fs::path& path) {
    std::error_code error;
    for (const auto& way : {path, fs::canonical(path, error)}) {
        auto mount = mount_at(way);
        if (mount && mount->store == site.store) return true;
    }
    return false;
}

Json put_request(const Arguments& arguments, const Site& site) {
    Json request{{"op", "put"}, {"paths", Json::array()}, {"command", {"art", "put"}}};
    for (const auto& word : arguments.positional) request["command"].push_back(lossy_utf8(word));
    for (std::size_t i = 0; i + 1 < arguments.positional.size(); ++i) {
        auto path = fs::absolute(arguments.positional[i]).lexically_normal();
        if (!is_utf8(path.string()))
            throw Failure(exit_usage, "'" + lossy_utf8(path.string()) +
                                          "' is no UTF-8: put the directory that it is in");
        if (is_on_a_mount_of(site, path))
            throw Failure(exit_refused, path.string() +
                                            " is on the mount: copy it there (cp), so that "
                                            "its lineage is kept");
        request["paths"].push_back(path.string());
    }
    request["artifact"] = arguments.positional.back();
    request["add"] = arguments.flag("add");
    request["aliases"] = arguments.list("alias");
    std::error_code gone;
    request["cwd"] = lossy_utf8(fs::current_path(gone).string());
    for (const char* key : {"type", "description"})
        if (arguments.has(key)) request[key] = lossy_utf8(arguments.text(key));
    if (arguments.has("metadata"))
        request["metadata"] = object_text_of_file(arguments.text("metadata"));
    return request;
}

// With the store's lock: nothing serves the store.
Json put_alone(const Site& site, const Json& request, Progress& bar) {
    auto store = value_of(Store::create_or_open(site.store, Store::Access::read_write));
    SealContext context = offline_context(*store);
    std::uint64_t next = value_of(recover(context));
    PutOrder order = put_order(request);
    order.project = site.project;
    order.uid = getuid();
    order.gid = getgid();
    auto result = value_of(put_files(
        context, order,
        [&](std::uint64_t count) {
            auto first = next;
            next += count;
            return first;
        },
        [&](const PutProgress& at) {
            bar.show(at.bytes, at.all_bytes);
            return !interrupted();
        }));
    return {{"run", result.run.name},
            {"versions", sealed_as_json(*store->catalog().read(), result.sealed)}};
}

// One version's tree, written below a directory.
class Writer {
public:
    Writer(const Store& store, std::uint64_t all_bytes, Progress& bar)
        : store_(store), all_bytes_(all_bytes), bar_(bar) {}

    void entry(const fs::path& to, const Entry& entry) {
        if (interrupted()) fail_interrupted();
        if (entry.kind == Kind::directory) {
            if (mkdir(to.c_str(), 0700) != 0) fail_with(fail_errno(to.string()).value());
            directories_.emplace_back(to, entry.attributes);
        } else if (entry.kind == Kind::symlink) {
            if (symlink(entry.target.c_str(), to.c_str()) != 0)
                fail_with(fail_errno(to.string()).value());
        } else {
            file(to, entry);
        }
    }
    void file(const fs::path& to, const Entry& entry) {
        auto object = value_of(store_.objects().open(entry.digest));
        auto out = value_of(open_file(to, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
        if (entry.size == 0 || ioctl(out.get(), FICLONE, object.fd.get()) != 0)
            copy(object.fd.get(), out.get());
        bytes_ += entry.size;
        bar_.show(bytes_, all_bytes_);
        std::timespec times[2] = {{0, UTIME_OMIT}, to_timespec(entry.attributes.mtime)};
        if (fchmod(out.get(), entry.attributes.mode) != 0 || futimens(out.get(), times) != 0)
            fail_with(fail_errno(to.string()).value());
    }
    // Modes and times of directories come last: writing into them changes both.
    void finish() {
        for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
            std::timespec times[2] = {{0, UTIME_OMIT}, to_timespec(at->second.mtime)};
            if (chmod(at->first.c_str(), at->second.mode) != 0 ||
                utimensat(AT_FDCWD, at->first.c_str(), times, 0) != 0)
                fail_with(fail_errno(at->first.string()).value());
        }
    }

private:
    static void copy(int from, int to) {
        std::string chunk(1U << 20U, '\0');
        while (true) {
            if (interrupted()) fail_interrupted();
            auto got = read(from, chunk.data(), chunk.size());
            if (got < 0 && errno == EINTR) continue;
            if (got < 0) fail_with(fail_errno("reading the store").value());
            if (got == 0) return;
            value_of(
                write_all(to, std::string_view(chunk).substr(0, static_cast<std::size_t>(got))));
        }
    }

    const Store& store_;
    std::uint64_t all_bytes_;
    Progress& bar_;
    std::uint64_t bytes_ = 0;
    std::vector<std::pair<fs::path, Attributes>> directories_;
};

// Under another name until it is whole; then it is there at once, or not at all.
class Unfinished {
public:
    explicit Unfinished(fs::path final_path) : final_(std::move(final_path)) {
        path_ = final_.parent_path() /
                ("." + final_.filename().string() + ".art-get-" + std::to_string(getpid()));
    }
    ~Unfinished() {
        std::error_code ignored;
        if (!done_) fs::remove_all(path_, ignored);
    }
    Unfinished(const Unfinished&) = delete;
    Unfinished& operator=(const Unfinished&) = delete;
    const fs::path& path() const { return path_; }
    void finish() {
        if (rename(path_.c_str(), final_.c_str()) != 0)
            fail_with(fail_errno(final_.string()).value());
        done_ = true;
    }

private:
    fs::path final_;
    fs::path path_;
    bool done_ = false;
};

// DEST as cp understands it, but that nothing that is there is overwritten.
fs::path destination(const Arguments& arguments, const std::string& name, bool directory) {
    fs::path to = arguments.positional.size() > 1 ? arguments.positional[1] : name;
    if (!to.has_filename()) to = to.parent_path();
    to = fs::absolute(to).lexically_normal();
    std::error_code error;
    if (fs::is_directory(to, error) && !(directory && fs::is_empty(to, error))) {
        to /= name;
        if (directory && fs::is_directory(to, error) && fs::is_empty(to, error)) return to;
    }
    if (fs::exists(fs::symlink_status(to, error)) && !(directory && fs::is_empty(to, error)))
        throw Failure(exit_refused, to.string() + " is there: name another place");
    if (!fs::is_directory(to.parent_path(), error))
        throw Failure(exit_not_found, to.parent_path().string() + " is no directory: make it");
    return to;
}

}  // namespace

void put_options(po::options_description& options) {
    options.add_options()("json", po::bool_switch(), "one JSON document")(
        "type", po::value<std::string>()->value_name("T"), "type of a new artifact")(
        "description", po::value<std::string>()->value_name("TEXT"), "what the version is")(
        "metadata", po::value<std::string>()->value_name("FILE"), "a JSON object")(
        "alias", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
        "alias for the version")("add", po::bool_switch(),
                                 "beside what latest has, instead of only these files");
}

int run_put(const Arguments& arguments) {
    Site site = find_site(arguments);
    auto request = put_request(arguments, site);
    end_in_good_order();
    Json reply;
    {
        Progress bar("putting");
        auto from_daemon = ask_in_good_order(site, request, bar);
        reply = from_daemon ? *from_daemon : put_alone(site, request, bar);
    }
    const auto& version = reply.at("versions").at(0);
    if (arguments.flag("json")) {
        show_json({{"artifact", version.at("artifact")},
                   {"version", version.at("version")},
                   {"new", version.at("new")},
                   {"run", reply.at("run")}});
        return exit_done;
    }
    show_text(version.at("artifact").get<std::string>() + ":" +
              version.at("version").get<std::string>() +
              (version.at("new") == true ? "\n" : " has these files already\n"));
    return exit_done;
}

int run_get(const Arguments& arguments) {
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    if (ref.run) throw Failure(exit_usage, "name a version, or a file of one, like mnist-raw:v0");
    auto held = value_of(reader.store().hold_contents());
    auto version = find_version(reader.txn(), reader.project(), ref);
    auto snapshot = reader.txn().snapshot(version.tree);
    Entry top;
    top.kind = Kind::directory;
    top.attributes = snapshot.root_attributes;
    top.dir = snapshot.root;
    top.name = ref.name;
    auto at = reader.reading();
    if (!ref.path.empty()) {
        auto found = find_path(at.nodes, snapshot.root, ref.path);
        if (!found)
            throw Failure(exit_not_found,
                          "no file '" + ref.path + "' in that version: art ls lists them");
        top = found->entry;
    }
    bool directory = top.kind == Kind::directory;
    auto to = destination(arguments, top.name, directory);
    end_in_good_order();
    Unfinished unfinished(to);
    Progress bar("getting");
    Writer writer(reader.store(), directory ? top.dir.size : top.size, bar);
    writer.entry(unfinished.path(), top);
    if (directory)
        walk(at.nodes, top.dir, [&](const std::string& path, const Entry& entry, std::uint32_t) {
            writer.entry(unfinished.path() / path, entry);
        });
    writer.finish();
    unfinished.finish();
    return exit_done;
}

}  // namespace artfs

// art cat: a file of a version, or of a run's data and media.
#include <signal.h>
#include <unistd.h>

#include <algorithm>

#include "command.h"
#include "drafts/draft_files.h"
#include "lineage/event_media.h"
#include "ref.h"

namespace artfs {

namespace {

// Calls `next` for the bytes from an offset on until it has none; who reads them may go away.
int copy_out(const std::function<std::string(std::uint64_t)>& next) {
    signal(SIGPIPE, SIG_IGN);
    std::uint64_t done = 0;
    while (true) {
        auto chunk = next(done);
        if (chunk.empty()) return exit_done;
        auto written = write_all(STDOUT_FILENO, chunk);
        if (!written && written.error().code == EPIPE) return exit_done;
        if (!written) fail_with(written.error());
        done += chunk.size();
    }
}

constexpr std::uint64_t chunk_bytes = 1U << 20U;

int cat_object(const Store& store, const Digest& digest) {
    auto object = value_of(store.objects().open(digest));
    return copy_out([&](std::uint64_t from) {
        std::string chunk(chunk_bytes, '\0');
        auto got = pread(object.fd.get(), chunk.data(), std::min(chunk_bytes, object.length - from),
                         static_cast<off_t>(object.offset + from));
        if (got < 0) fail_with({EIO, "reading the object failed: art fsck checks the store"});
        chunk.resize(static_cast<std::size_t>(got));
        return chunk;
    });
}

int cat_of_run(Reader& reader, const std::string& name, const std::string& path) {
    auto run = find_run(reader.txn(), reader.project(), name);
    const auto unsealed = draft_files(reader.reading(), run);
    std::optional<RunMedia> found;
    if (auto file = data_file(reader.reading(), run, unsealed, path))
        found = RunMedia{"", "", 0, {}, *file, 0, UINT64_MAX};
    if (!found && path.starts_with("events/"))
        for (const auto& media : event_media(reader.reading(), run, unsealed))
            if (media.path() == path) found = media;
    if (!found)
        throw Failure(exit_not_found, "run " + run.name + " has no file '" + path +
                                          "': art show @" + run.name + " lists its media");
    return copy_out([&](std::uint64_t from) {
        return read_written(reader.store(), found->file, found->offset + from,
                            std::min(found->length - from, chunk_bytes));
    });
}

}  // namespace

int run_cat(const Arguments& arguments) {
    Reader reader(arguments);
    Ref ref = parse_ref(arguments.positional[0]);
    if (auto slash = ref.name.find('/'); ref.run && slash != std::string::npos)
        return cat_of_run(reader, ref.name.substr(0, slash), ref.name.substr(slash + 1));
    if (ref.run || ref.path.empty())
        throw Failure(exit_usage,
                      "name a file of a version, like mnist-raw:v0/training.pt, or of a run's "
                      "data, like @sunny-smoke-1/output.log");
    auto version = find_version(reader.txn(), reader.project(), ref);
    auto snapshot = reader.txn().snapshot(version.tree);
    if (ref.path == ".art/metadata.json" && snapshot.metadata)
        return cat_object(reader.store(), snapshot.metadata->digest);
    auto at = reader.reading();
    auto found = find_path(at.nodes, snapshot.root, ref.path);
    if (!found)
        throw Failure(exit_not_found,
                      "no file '" + ref.path + "' in that version: art ls lists them");
    if (found->entry.kind == Kind::directory)
        throw Failure(exit_refused, "'" + ref.path + "' is a directory: art ls lists it");
    if (found->entry.kind == Kind::symlink) {
        std::printf("%s", found->entry.target.c_str());
        return exit_done;
    }
    return cat_object(reader.store(), found->entry.digest);
}

}  // namespace artfs

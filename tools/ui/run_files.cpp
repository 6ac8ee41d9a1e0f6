#include "ui/run_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drafts/draft_files.h"
#include "lineage/event_media.h"
#include "lineage/text.h"

namespace artfs::ui {

namespace {

using Files = std::map<std::string, RunFile>;

Files sealed_files(View& view, const TreeId& tree) {
    Files files;
    walk(view.reading().nodes, view.txn().snapshot(tree).root,
         [&](const std::string& path, const Entry& entry, std::uint32_t) {
             if (entry.kind == Kind::file) files[path] = {entry.size, entry.digest, {}};
         });
    return files;
}

// Of a run that a daemon which is gone left behind: as far as its last checkpoint says.
Files kept_files(View& view, const RunRecord& run) {
    Files files;
    for (const auto& file : draft_files(view.reading(), run))
        if (file.artifact.empty()) files[file.path] = {file.size, {}, file.staging};
    return files;
}

std::optional<Files> live_files(View& view, const RunRecord& run) {
    std::optional<Json> reply;
    try {
        reply = ask_daemon({view.place().site.store, run.project, {}},
                           {{"op", "run-data"}, {"run", run.id.text()}});
    } catch (const Failure&) {
        return std::nullopt;
    }
    if (!reply || !reply->contains("files")) return std::nullopt;
    Files files;
    for (const auto& [path, number] : (*reply)["files"].items())
        files[path] = {0, {}, view.reading().store.staging_path(number.get<std::uint64_t>())};
    return files;
}

}  // namespace

Files run_files(View& view, const RunRecord& run) {
    Files files;
    if (run.data) {
        files = sealed_files(view, *run.data);
    } else if (auto live = live_files(view, run); live && !live->empty()) {
        files = std::move(*live);
    } else {
        files = kept_files(view, run);
    }
    for (auto& [path, file] : files) {
        struct stat found {};
        if (!file.object && stat(file.staging.c_str(), &found) == 0)
            file.size = static_cast<std::uint64_t>(found.st_size);
    }
    return files;
}

Bytes open_event_media(View& view, const RunRecord& run, const std::string& path) {
    for (const auto& media : event_media(view.reading(), run, draft_files(view.reading(), run))) {
        if (media.path() != path) continue;
        auto object = media.file.object
                          ? value_of(view.reading().store.objects().open(*media.file.object))
                          : ObjectBytes{value_of(open_file(media.file.staging, O_RDONLY)), 0, 0};
        return {std::make_shared<Fd>(std::move(object.fd)), object.offset + media.offset,
                media.length, path};
    }
    throw Failure(exit_not_found, "the run has no file '" + lossy_utf8(path) + "'");
}

Bytes open_run_file(View& view, const RunRecord& run, const std::string& path) {
    auto files = run_files(view, run);
    auto found = files.find(path);
    if (found == files.end())
        throw Failure(exit_not_found, "the run has no file '" + lossy_utf8(path) + "'");
    const auto& file = found->second;
    if (file.object) {
        auto object = value_of(view.reading().store.objects().open(*file.object));
        return {std::make_shared<Fd>(std::move(object.fd)), object.offset, object.length, path};
    }
    auto fd = value_of(open_file(file.staging, O_RDONLY));
    return {std::make_shared<Fd>(std::move(fd)), 0, file.size, path};
}

std::string read_bytes(const Bytes& bytes, std::uint64_t from, std::uint64_t most) {
    from = std::min(from, bytes.length);
    std::string text(std::min(most, bytes.length - from), '\0');
    std::size_t have = 0;
    while (have < text.size()) {
        auto got = pread(bytes.fd->get(), text.data() + have, text.size() - have,
                         static_cast<off_t>(bytes.offset + from + have));
        if (got <= 0) break;
        have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return text;
}

}  // namespace artfs::ui

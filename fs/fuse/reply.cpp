// Replies that must be the same if the request is sent again: they are kept before they are sent.
#include <spdlog/spdlog.h>

#include "fuse/loop.h"

namespace artfs {

namespace {

fuse_file_info to_info(const OpenReply& opened, int backing) {
    fuse_file_info info{};
    info.fh = opened.fh;
    // The kernel refuses it together with a backing file.
    info.keep_cache = opened.keep_cache && backing == 0 ? 1 : 0;
    info.direct_io = opened.direct_io ? 1 : 0;
    info.noflush = opened.no_flush ? 1 : 0;
    info.backing_id = backing;
    return info;
}

}  // namespace

void reply_with(FuseAdapter::State& state, fuse_req_t req, const Answer& answer) {
    if (answer.error != 0) {
        fuse_reply_err(req, answer.error);
    } else if (answer.opened) {
        auto info = to_info(*answer.opened, answer.backing);
        int sent = 0;
        if (answer.entry) {
            auto entry = to_entry(*answer.entry);
            sent = fuse_reply_create(req, &entry, &info);
        } else {
            sent = fuse_reply_open(req, &info);
        }
        // The caller may be gone already; then no RELEASE comes.
        if (sent != -ENOENT) return;
        if (auto passed = state.passthrough_handles.extract(answer.opened->fh); !passed.empty())
            state.backings.release(passed.mapped());
        state.filesystem->release(answer.opened->fh);
    } else if (answer.entry) {
        auto entry = to_entry(*answer.entry);
        fuse_reply_entry(req, &entry);
    } else if (answer.attr) {
        struct stat status = to_stat(*answer.attr);
        fuse_reply_attr(req, &status, answer.attr->timeout);
    } else {
        fuse_reply_err(req, 0);
    }
}

void Pending::finish(const Answer& answer) {
    if (std::exchange(answered, true)) return;
    if (changes) state.journal.answer(request.unique, answer);
    state.commit();
    reply_with(state, req, answer);
}

void Pending::about_to_reply() {
    answered = true;
    state.commit();
}

void Pending::error(int code) {
    if (code == EIO) spdlog::error("request {} is answered EIO", request.unique);
    Answer answer;
    answer.error = code;
    finish(answer);
}

void reply(Pending& pending, const Result<EntryReply>& result) {
    if (!result) return pending.error(result.error());
    Answer answer;
    answer.entry = *result;
    pending.finish(answer);
}

void reply(Pending& pending, const Result<Attr>& result) {
    if (!result) return pending.error(result.error());
    Answer answer;
    answer.attr = *result;
    pending.finish(answer);
}

void reply(Pending& pending, const Result<>& result) {
    pending.error(result ? 0 : result.error().code);
}

void reply(Pending& pending, const OpenReply& opened, int backing) {
    Answer answer;
    answer.opened = opened;
    answer.backing = backing;
    pending.finish(answer);
}

void reply(Pending& pending, const Result<std::pair<EntryReply, OpenReply>>& made, int backing) {
    if (!made) return pending.error(made.error());
    Answer answer;
    answer.entry = made->first;
    answer.opened = made->second;
    answer.backing = backing;
    pending.finish(answer);
}

}  // namespace artfs

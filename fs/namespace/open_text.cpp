// Filesystem: opening the documents that the mount makes up.
#include <spdlog/spdlog.h>

#include "namespace/filesystem.h"

namespace artfs {

namespace {
constexpr unsigned step_text = 4;
constexpr unsigned step_data_recorded = 11;
constexpr unsigned step_committed = 12;
}  // namespace

// What a live run has used so far is told from the catalog: it goes there first.
void Filesystem::bring_up_to_date(Request& request, const Synthetic& what) {
    if (what.place != Place::run_json || request.did(step_data_recorded)) return;
    if (mount_.session.run(what.run) == nullptr) return;
    throw Suspend{[this, &request](Suspend::Resume resume) {
        runs_.checkpoint([&request, resume](const Result<>& written) {
            request.steps_done |= 1U << step_data_recorded;
            resume(written ? 0 : written.error().code);
        });
    }};
}

Result<OpenReply> Filesystem::open_text(Request& request, NodeId node, const Synthetic& what) {
    auto text = request.text;
    if (auto brief = short_document(mount_, what))
        text = std::make_shared<const std::string>(std::move(*brief));
    if (!text && !request.did(step_text)) {
        bring_up_to_date(request, what);
        throw Suspend{
            [this, &request, what, present = present_for(mount_, what)](Suspend::Resume resume) {
                mount_.executor.offload(
                    [this, what, present] {
                        return make_document(mount_.store, mount_.options.project, what, present);
                    },
                    [&request, resume](Result<std::string> made) {
                        request.steps_done |= 1U << step_text;
                        if (!made) return resume(made.error().code);
                        request.text = std::make_shared<const std::string>(std::move(*made));
                        resume(0);
                    });
            }};
    }
    if (!text) return fail(EIO, "the document cannot be made");
    Handle handle;
    handle.fh = mount_.session.next_handle();
    handle.node = node;
    handle.read = true;
    handle.path = DataPath::text;
    mount_.session.apply(request.unique, KeptText{handle.fh, text});
    return opened(request, handle);
}

Result<OpenReply> Filesystem::open_commit(Request& request, NodeId node, const Synthetic& what) {
    auto who = runs_.who(request, true);
    const auto* view = mount_.session.view(what.view);
    if (view == nullptr || !who.run || *who.run != view->run)
        return fail(EROFS, "another run's view");
    Handle handle;
    handle.fh = mount_.session.next_handle();
    handle.node = node;
    handle.read = true;
    handle.path = DataPath::text;
    mount_.session.apply(request.unique,
                         KeptText{handle.fh, std::make_shared<const std::string>()});
    return opened(request, handle);
}

std::optional<Result<>> Filesystem::write_commit(Request& request, std::uint64_t fh) {
    const auto* handle = mount_.session.handle(fh);
    const auto* what = handle == nullptr ? nullptr : mount_.session.synthetic(handle->node);
    if (what == nullptr || what->place != Place::view_document || what->name != commit_name)
        return std::nullopt;
    if (request.did(step_committed)) return Result<>{};
    Suspend wait{[this, &request, serial = what->view](Suspend::Resume resume) {
        runs_.commit_view(serial, false,
                          [&request, resume](Result<std::vector<SealedDraft>> sealed) {
                              request.steps_done |= 1U << step_committed;
                              if (!sealed) spdlog::warn("no commit: {}", sealed.error().message);
                              resume(sealed ? 0 : sealed.error().code);
                          });
    }};
    wait.may_interrupt = true;
    throw wait;
}

}  // namespace artfs

#include "namespace/session_codec.h"

#include "base/archive.h"

namespace artfs {

// ---- values of the rooms below

template <class Archive>
void fields(Archive& archive, ProcessKey& key) {
    archive(key.pid, key.start_ticks);
}
template <class Archive>
void fields(Archive& archive, NodeId& node) {
    archive(node.value);
}
template <class Archive>
void fields(Archive& archive, TreeId& tree) {
    archive(tree.digest);
}
template <class Archive>
void fields(Archive& archive, Base& base) {
    archive(base.tree, base.version);
}
template <class Archive>
void fields(Archive& archive, DirRef& dir) {
    archive(dir.stored, dir.content, dir.count, dir.size);
}
template <class Archive>
void fields(Archive& archive, Attributes& attributes) {
    archive(attributes.mode, attributes.uid, attributes.gid, attributes.mtime, attributes.xattrs);
}
template <class Archive>
void fields(Archive& archive, Snapshot::Metadata& metadata) {
    archive(metadata.digest, metadata.size);
}
template <class Archive>
void fields(Archive& archive, Snapshot& snapshot) {
    archive(snapshot.root, snapshot.root_attributes, snapshot.metadata, snapshot.description);
}
template <class Archive>
void fields(Archive& archive, RankSet& set) {
    std::string bytes;
    if constexpr (Archive::writes) {
        bytes.resize(set.getSizeInBytes());
        set.write(bytes.data());
    }
    archive(bytes);
    if constexpr (!Archive::writes) set = RankSet::readSafe(bytes.data(), bytes.size());
}
template <class Archive>
void fields(Archive& archive, UseEdge& edge) {
    archive(edge.run, edge.segment, edge.version, edge.ranks, edge.metadata);
}
template <class Archive>
void fields(Archive& archive, Peek& peek) {
    archive(peek.artifact, peek.run, peek.path);
}
template <class Archive>
void fields(Archive& archive, Resources& resources) {
    archive(resources.peak_memory, resources.user_us, resources.system_us, resources.bytes_read,
            resources.bytes_written);
}
template <class Archive>
void fields(Archive& archive, HistoryEntry& entry) {
    archive(entry.when, entry.who, entry.what, entry.detail);
}
template <class Archive>
void fields(Archive& archive, RunRecord& run) {
    archive(run.id, run.project, run.name, run.job_type, run.state, run.exit_code, run.signal,
            run.exit_known, run.explicitly_started, run.wrote, run.commands, run.cwd,
            run.executable, run.executable_digest, run.uid, run.user, run.host, run.started,
            run.ended, run.environment, run.git_commit, run.git_dirty, run.parent, run.resumes,
            run.tags, run.description, run.ok_exit, run.config, run.segments, run.pins, run.data,
            run.peeks, run.resources, run.history, run.root_pid, run.boot_id);
}
template <class Archive>
void fields(Archive& archive, Hashed& hashed) {
    archive(hashed.digest, hashed.size);
}
template <class Archive>
void fields(Archive& archive, Promotion& promotion) {
    archive(promotion.promised, promotion.base, promotion.snapshot, promotion.directories,
            promotion.files);
}
template <class Archive>
void fields(Archive& archive, Origin& origin) {
    archive(origin.version, origin.rank, origin.metadata);
}
template <class Archive>
void fields(Archive& archive, OverlayNode& node) {
    archive(node.number, node.kind, node.attributes, node.ctime, node.links, node.special,
            node.atime, node.staging, node.frozen, node.digest, node.size, node.inline_text,
            node.target, node.origin, node.nodeid, node.base, node.base_rank, node.parent,
            node.kept, node.changed);
}
template <class Archive>
void fields(Archive& archive, OverlayName& name) {
    archive(name.node, name.serial);
}
template <class Archive>
void fields(Archive& archive, DraftChange::Name& name) {
    archive(name.directory, name.name, name.value);
}
template <class Archive>
void fields(Archive& archive, DraftChange& change) {
    archive(change.nodes, change.erased, change.names);
}
template <class Archive>
void fields(Archive& archive, Overlay& overlay) {
    archive(overlay.nodes_, overlay.names_, overlay.added_, overlay.by_rank_, overlay.next_number_,
            overlay.next_serial_, overlay.dirty_nodes_, overlay.dirty_names_,
            overlay.unkept_names_);
}
template <class Archive>
void fields(Archive& archive, Head& head) {
    archive(head.base, head.snapshot);
}
// Without its overlay, which StartedSeal finds in the view.
template <class Archive>
void fields(Archive& archive, FrozenDraft& draft) {
    archive(draft.id, draft.artifact, draft.base, draft.base_snapshot, draft.promised,
            draft.begins_empty, draft.merges, draft.created, draft.head, draft.frozen_as,
            draft.others, draft.owner_logs, draft.of_launcher, draft.held);
}
template <class Archive>
void fields(Archive& archive, SealOrder& order) {
    archive(order.run, order.segment, order.uses, order.used, order.drafts, order.types,
            order.aliases, order.by_policy, order.aside);
}
template <class Archive>
void fields(Archive& archive, Launcher& launcher) {
    archive(launcher.process, launcher.name, launcher.fork, launcher.desk);
}
template <class Archive>
void fields(Archive& archive, ExplicitRuns::Run& run) {
    archive(run.id, run.root, run.wrapper, run.late, run.uid, run.begun_ticks, run.ended_ticks,
            run.continued_by);
}

// ---- values of the session

template <class Archive>
void fields(Archive& archive, Synthetic& what) {
    archive(what.place, what.artifact, what.version, what.run, what.view, what.name);
}
template <class Archive>
void fields(Archive& archive, VersionTree& tree) {
    archive(tree.serial, tree.version, tree.artifact, tree.number, tree.snapshot);
}
template <class Archive>
void fields(Archive& archive, ViewBase& base) {
    archive(base.serial, base.view, base.base, base.snapshot, base.switched, base.unlinked);
}
template <class Archive>
void fields(Archive& archive, View& view) {
    archive(view.serial, view.base_serial, view.first_serial, view.kind, view.name, view.artifact,
            view.run, view.launcher, view.others, view.changed_by, view.readers, view.directories,
            view.overlay, view.draft, view.draft_since, view.changed, view.writable,
            view.begins_empty, view.on_frozen, view.stage, view.abandoned);
}
template <class Archive>
void fields(Archive& archive, Handle& handle) {
    archive(handle.fh, handle.node, handle.read, handle.write, handle.path, handle.run, handle.pid,
            handle.launcher, handle.used, handle.writers, handle.unique, handle.mapped);
}
template <class Archive>
void fields(Archive& archive, LiveRun& run) {
    archive(run.record, run.root, run.recorded, run.dirty, run.exited, run.closing, run.reopened,
            run.uses, run.views, run.met, run.data_view, run.for_launcher, run.launcher_name,
            run.tools, run.launchers, run.pins, run.types, run.aliases, run.interactive);
}
template <class Archive>
void fields(Archive& archive, KnownLauncher& known) {
    archive(known.launcher, known.acts_as, known.command, known.uid, known.exited);
}
template <class Archive>
void fields(Archive& archive, PendingSeal& seal) {
    archive(seal.number, seal.order, seal.views, seal.over, seal.known);
}
template <class Archive>
void fields(Archive& archive, Owed& owed) {
    archive(owed.number, owed.run, owed.uses, owed.dropped);
}
template <class Archive>
void fields(Archive& archive, BackingSource& source) {
    archive(source.object, source.staging);
}
template <class Archive>
void fields(Archive& archive, BackingFile& file) {
    archive(file.file, file.id);
}
template <class Archive>
void fields(Archive& archive, Session::PastRun& past) {
    archive(past.id, past.name);
}
template <class Archive>
void fields(Archive& archive, Session::OpenCounts& counts) {
    archive(counts.cached, counts.passthrough, counts.writers, counts.mappers);
}
template <class Archive>
void fields(Archive& archive, Session& session) {
    std::vector<ProcessKey> order(session.past_order_.begin(), session.past_order_.end());
    archive(session.synthetic_, session.synthetic_numbers_, session.version_trees_,
            session.version_tree_serials_, session.views_, session.view_bases_, session.view_names_,
            session.handles_, session.open_counts_, session.runs_, session.run_roots_,
            session.launcher_runs_, session.run_names_, session.past_runs_, order,
            session.stand_ins_, session.hashed_as_, session.pending_seals_, session.owed_,
            session.texts_, session.backings_, session.backed_nodes_, session.launchers_,
            session.explicit_runs_, session.intended_, session.next_serial_, session.next_handle_,
            session.next_seal_, session.next_owed_);
    session.past_order_.assign(order.begin(), order.end());
    for (auto& [number, seal] : session.pending_seals_) {
        for (auto& draft : seal.order.drafts) {
            if constexpr (Archive::writes) {
                archive(*draft.overlay);
            } else {
                Overlay overlay{Snapshot{}};
                archive(overlay);
                draft.overlay = std::make_shared<const Overlay>(std::move(overlay));
            }
        }
    }
}

// ---- records

template <class Archive>
void fields(Archive& archive, MadeSynthetic& record) {
    archive(record.node, record.what);
}
template <class Archive>
void fields(Archive& archive, OpenedVersionTree& record) {
    archive(record.tree);
}
template <class Archive>
void fields(Archive& archive, OpenedView& record) {
    archive(record.view, record.base);
}
template <class Archive>
void fields(Archive& archive, RebasedView& record) {
    archive(record.base, record.overlay, record.writable, record.repinned, record.run,
            record.others, record.changed_by);
}
template <class Archive>
void fields(Archive& archive, ClosedView& record) {
    archive(record.view);
}
template <class Archive>
void fields(Archive& archive, StartedDraft& record) {
    archive(record.view, record.draft, record.when);
}
template <class Archive>
void fields(Archive& archive, MarkedView& record) {
    archive(record.view, record.stage, record.writable, record.abandoned);
}
template <class Archive>
void fields(Archive& archive, ChangedDraft::Clean& clean) {
    archive(clean.node, clean.number);
}
template <class Archive>
void fields(Archive& archive, ChangedDraft& record) {
    archive(record.view, record.change, record.switched, record.unlinked);
}
template <class Archive>
void fields(Archive& archive, OwnedView& record) {
    archive(record.view, record.run);
}
template <class Archive>
void fields(Archive& archive, SharedView& record) {
    archive(record.view, record.run);
}
template <class Archive>
void fields(Archive& archive, ReadThrough& record) {
    archive(record.view, record.run);
}
template <class Archive>
void fields(Archive& archive, StartedRun& record) {
    archive(record.run);
}
template <class Archive>
void fields(Archive& archive, ActedFor& record) {
    archive(record.run, record.tool, record.command);
}
template <class Archive>
void fields(Archive& archive, ToolExited& record) {
    archive(record.run, record.tool);
}
template <class Archive>
void fields(Archive& archive, Peeked& record) {
    archive(record.run, record.peek);
}
template <class Archive>
void fields(Archive& archive, ChangedRun& record) {
    archive(record.record, record.recorded);
}
template <class Archive>
void fields(Archive& archive, MarkedRun& record) {
    archive(record.run, record.exited, record.closing);
}
template <class Archive>
void fields(Archive& archive, ClosedSegment& record) {
    archive(record.run, record.next);
}
template <class Archive>
void fields(Archive& archive, EndedRun& record) {
    archive(record.run);
}
template <class Archive>
void fields(Archive& archive, Used& record) {
    archive(record.run, record.version, record.rank);
}
template <class Archive>
void fields(Archive& archive, OpenedHandle& record) {
    archive(record.handle);
}
template <class Archive>
void fields(Archive& archive, ClosedHandle& record) {
    archive(record.fh);
}
template <class Archive>
void fields(Archive& archive, LeftMapped& record) {
    archive(record.fh);
}
template <class Archive>
void fields(Archive& archive, ClaimedHandle& record) {
    archive(record.fh, record.run, record.used);
}
template <class Archive>
void fields(Archive& archive, ChangedIn& record) {
    archive(record.view, record.run);
}
template <class Archive>
void fields(Archive& archive, WroteThrough& record) {
    archive(record.fh, record.run);
}
template <class Archive>
void fields(Archive& archive, CheckpointedRun& record) {
    archive(record.run);
}
template <class Archive>
void fields(Archive& archive, FrozeFiles& record) {
    archive(record.stand_ins);
}
template <class Archive>
void fields(Archive& archive, Promoted& record) {
    archive(record.promotion, record.last);
}
template <class Archive>
void fields(Archive& archive, StartedSeal& record) {
    archive(record.seal);
}
template <class Archive>
void fields(Archive& archive, EndedSeal& record) {
    archive(record.number);
}
template <class Archive>
void fields(Archive& archive, Owes& record) {
    archive(record.owed);
}
template <class Archive>
void fields(Archive& archive, Paid& record) {
    archive(record.number);
}
template <class Archive>
void fields(Archive& archive, KeptText& record) {
    archive(record.fh, record.text);
}
template <class Archive>
void fields(Archive& archive, RegisteredBacking& record) {
    archive(record.file);
}
template <class Archive>
void fields(Archive& archive, DroppedBacking& record) {
    archive(record.id);
}
template <class Archive>
void fields(Archive& archive, BackedNode& record) {
    archive(record.node, record.id);
}
template <class Archive>
void fields(Archive& archive, MetLauncher& record) {
    archive(record.known);
}
template <class Archive>
void fields(Archive& archive, LeftLauncher& record) {
    archive(record.process);
}
template <class Archive>
void fields(Archive& archive, KnewExplicit& record) {
    archive(record.run);
}
template <class Archive>
void fields(Archive& archive, Intended& record) {
    archive(record.unique);
}

// ---- answers

template <class Archive>
void fields(Archive& archive, Attr& attr) {
    auto timeout = static_cast<std::uint64_t>(attr.timeout * 1000);
    archive(attr.node, attr.mode, attr.links, attr.uid, attr.gid, attr.size, attr.blocks,
            attr.atime, attr.mtime, attr.ctime, timeout);
    attr.timeout = static_cast<double>(timeout) / 1000;
}
template <class Archive>
void fields(Archive& archive, EntryReply& reply) {
    auto timeout = static_cast<std::uint64_t>(reply.timeout * 1000);
    archive(reply.attr, timeout);
    reply.timeout = static_cast<double>(timeout) / 1000;
}
template <class Archive>
void fields(Archive& archive, OpenReply& reply) {
    archive(reply.fh, reply.keep_cache, reply.direct_io, reply.no_flush, reply.passthrough);
}
template <class Archive>
void fields(Archive& archive, Answer& answer) {
    archive(answer.error, answer.entry, answer.attr, answer.opened, answer.backing);
}

namespace {
template <class... Values>
std::string written(const Values&... values) {
    ArchiveWriter writer;
    writer(values...);
    return writer.take();
}

template <class... Values>
void read_all(std::string_view bytes, Values&... values) {
    ArchiveReader reader(bytes);
    reader(values...);
    if (!reader.at_end()) throw FormatError("a kept record is longer than it should be");
}
}  // namespace

std::string encode_entry(std::uint64_t unique, Time when, const Record& record) {
    return written(unique, when, record);
}

std::string encode_entry(std::uint64_t unique, const Answer& answer) {
    return written(unique, answer);
}

std::string encode_session(const Session& session) { return written(session); }

KeptRecord decode_record(std::string_view bytes) {
    KeptRecord kept;
    read_all(bytes, kept.unique, kept.when, kept.record);
    return kept;
}

std::pair<std::uint64_t, Answer> decode_answer(std::string_view bytes) {
    std::pair<std::uint64_t, Answer> kept;
    read_all(bytes, kept.first, kept.second);
    return kept;
}

Session decode_session(std::string_view bytes) {
    Session session;
    read_all(bytes, session);
    return session;
}

}  // namespace artfs

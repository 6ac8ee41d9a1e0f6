// The mount, operation by operation: what each means for artifacts, versions and views.
//
// Runs on the dispatch thread and never waits. A handler answers from memory, or throws Suspend
// before it has changed anything and is run again later with the same Request. Failures that a
// caller can cause are errors with the errno to answer. Nothing here knows libfuse.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>

#include "namespace/documents.h"
#include "namespace/mount.h"
#include "namespace/request.h"
#include "namespace/run_keeper.h"

namespace artfs {

class Filesystem {
public:
    Filesystem(Mount& mount, RunKeeper& runs);

    Result<EntryReply> lookup(Request& request, NodeId parent, const std::string& name);
    Result<Attr> getattr(Request& request, NodeId node);
    Result<Attr> setattr(Request& request, NodeId node, const SetAttr& wanted);
    Result<std::string> readlink(Request& request, NodeId node);

    Result<EntryReply> mkdir(Request& request, NodeId parent, const std::string& name,
                             std::uint32_t mode);
    Result<EntryReply> symlink(Request& request, NodeId parent, const std::string& name,
                               const std::string& target);
    Result<EntryReply> link(Request& request, NodeId node, NodeId parent, const std::string& name);
    // A FIFO, a socket or an empty file; `mode` with its type.
    Result<EntryReply> mknod(Request& request, NodeId parent, const std::string& name,
                             std::uint32_t mode);
    Result<> unlink(Request& request, NodeId parent, const std::string& name);
    Result<> rmdir(Request& request, NodeId parent, const std::string& name);
    // `flags` of renameat2(2).
    Result<> rename(Request& request, NodeId from, const std::string& from_name, NodeId to,
                    const std::string& to_name, unsigned flags);

    // `flags` of open(2).
    Result<OpenReply> open(Request& request, NodeId node, int flags);
    Result<std::pair<EntryReply, OpenReply>> create(Request& request, NodeId parent,
                                                    const std::string& name, std::uint32_t mode,
                                                    int flags);
    // A file without a name (O_TMPFILE), which link() may give it.
    Result<std::pair<EntryReply, OpenReply>> tmpfile(Request& request, NodeId parent,
                                                     std::uint32_t mode, int flags);
    std::filesystem::path path_of(const BackingSource& source) const {
        return source.staging != 0 ? mount_.store.staging_path(source.staging)
                                   : mount_.store.objects().path(source.object);
    }
    // Opening it again does not wait for the disk.
    bool is_in_memory(const BackingSource& source) const {
        return source.staging != 0 && mount_.files.open_staging(source.staging) != nullptr;
    }
    // What the kernel has for a node's data by itself is kept as long as the mount. Dropping one is
    // kept before the kernel is told: its number may mean another file after that.
    void registered(const BackingFile& file) { mount_.session.apply(0, RegisteredBacking{file}); }
    void backed(NodeId node, int id) { mount_.session.apply(0, BackedNode{node, id}); }
    void no_longer_registered(int id) {
        mount_.session.apply(0, DroppedBacking{id});
        mount_.session.commit();
    }
    const Session& session() const { return mount_.session; }
    // Before the first request of a mount whose worker has died: while a file is open its size is
    // the file's, and what has no name any more is still read.
    void go_on();
    // Passthrough was asked for and could not be had: the handle's data comes through us.
    void passthrough_refused(std::uint64_t fh);
    Result<ReadSource> read_source(Request& request, std::uint64_t fh);
    Result<std::shared_ptr<DataFile>> write_target(Request& request, std::uint64_t fh);
    // A write to a view's `commit` seals its draft; none: the handle is of something else.
    std::optional<Result<>> write_commit(Request& request, std::uint64_t fh);
    Result<> fsync(Request& request, std::uint64_t fh, NodeId node);
    Result<> fallocate(Request& request, std::uint64_t fh, int mode, std::uint64_t offset,
                       std::uint64_t length);
    // Before a close(2) of a descriptor returns.
    Result<> flush(Request& request, std::uint64_t fh);
    void release(std::uint64_t fh);
    // The handles that a request opened which is done again because it was never answered.
    std::vector<std::uint64_t> opened_by(std::uint64_t unique) const;
    // The kernel has let go of the inode: nothing of it is asked again before it is looked up.
    void forget(NodeId node);

    // True: the listing never changes.
    Result<bool> opendir(Request& request, NodeId node);
    // Calls `visit` for the entries after `cookie` until it returns false.
    using Visit = std::function<bool(const DirectoryEntry&)>;
    Result<> readdir(Request& request, NodeId node, std::uint64_t cookie, const Visit& visit);

    Result<std::string> getxattr(Request& request, NodeId node, const std::string& name);
    Result<std::vector<std::string>> listxattr(Request& request, NodeId node);
    // `flags` of setxattr(2).
    Result<> setxattr(Request& request, NodeId node, const std::string& name,
                      const std::string& value, int flags);
    Result<> removexattr(Request& request, NodeId node, const std::string& name);

private:
    // ---- what a nodeid stands for
    struct OfVersion {
        const VersionTree* tree = nullptr;
        std::uint32_t rank = 0;
        Entry entry;  // of rank 0: the root, without a name
    };
    struct OfBase {  // a clean file or symlink of a view
        const View* view = nullptr;
        const ViewBase* base = nullptr;
        Located located;
        std::uint32_t rank = 0;
    };
    struct OfView {
        const View* view = nullptr;
        const OverlayNode* node = nullptr;
    };
    using Resolved = std::variant<const Synthetic*, OfVersion, OfBase, OfView>;
    Result<Resolved> resolve(NodeId node);
    Result<OfView> resolve_directory(NodeId node);  // of a view; else the errno of writing there

    OfView drafted(NodeId node) const;  // nulls where no draft has it; never suspends

    NodeId id_of(const Request& request, const Synthetic& what);
    static NodeId id_of(const View& view, const OverlayNode& node);
    const VersionTree& version_tree(const Request& request, const VersionRecord& version);

    Attr attr_of(const Synthetic& what, NodeId node);
    Attr attr_of(const Entry& entry, NodeId node);
    Attr attr_of(const View& view, const OverlayNode& node);
    Attr attr_of(const Resolved& resolved, NodeId node);
    EntryReply entry(const Attr& attr) const;
    EntryReply synthetic_entry(const Request& request, const Synthetic& what);

    // ---- lookup and listing, by kind of directory
    Result<EntryReply> lookup_synthetic(Request& request, const Synthetic& dir,
                                        const std::string& name);
    Result<EntryReply> lookup_root(Request& request, const std::string& name);
    Result<EntryReply> lookup_artifact(Request& request, const ArtifactState& artifact,
                                       const std::string& name);
    Result<EntryReply> lookup_art(Request& request, const std::string& name);
    Result<EntryReply> lookup_run(Request& request, const std::string& name);
    Result<EntryReply> lookup_version(Request& request, const OfVersion& dir,
                                      const std::string& name);
    Result<EntryReply> lookup_view(Request& request, OfView dir, const std::string& name);
    Result<EntryReply> lookup_run_links(const Request& request, const Synthetic& dir,
                                        const std::string& name);
    const OverlayNode& enter_directory(const Request& request, const View& view, NodeNumber parent,
                                       const Ranked& found);
    struct Listed {
        std::string name;
        Synthetic what;
    };
    std::vector<Listed> list_synthetic(const Synthetic& dir);
    std::vector<Listed> list_artifact(const ArtifactState& artifact);
    std::map<std::string, std::string> run_links(const RunId& run, const std::string& kind);
    std::string run_name_of(const RunId& run) const;

    // ---- changing
    // The caller may write in the view, its run is recorded and the draft exists.
    Result<> begin_write(Request& request, const View& view);
    Result<> may_write(const View& view) const;
    Result<> refuse_name(const OfView& dir, const std::string& name) const;
    // The directory that shall get `name`, once everything allows it: the draft has begun.
    Result<OfView> place_for(Request& request, NodeId parent, const std::string& name);
    OverlayNode new_node(const Request& request, const View& view, const OverlayNode& parent,
                         Kind kind, std::uint32_t mode) const;
    Result<EntryReply> add_node(Request& request, const OfView& dir, const std::string& name,
                                const OverlayNode& node);
    // A clean file of the base as a node of the draft, under its nodeid; not applied yet.
    OverlayNode materialise(const OfBase& file, ChangedDraft& change) const;
    OverlayName name_for(const View& view, NodeNumber directory, const std::string& name,
                         NodeNumber number);
    void drop_name(const View& view, NodeNumber directory, const std::string& name,
                   const Overlay::Found& found, ChangedDraft& change);
    void touch_directory(const View& view, NodeNumber directory, ChangedDraft& change) const;
    void apply(const Request& request, ChangedDraft change);
    // The directory, its name and what the name leads to: one side of a rename.
    struct Side {
        OfView dir;
        std::string name;
        Overlay::Found found;
    };
    Result<Side> side_of_rename(Request& request, NodeId directory, const std::string& name);
    OverlayNode moved(const Side& side, const Side& to, ChangedDraft& change,
                      NodeNumber& fresh) const;
    Result<> exchange(Request& request, const Side& from, const Side& to);
    Result<> move(Request& request, const Side& from, const Side& to);

    // user.art.*: facts of a version or a view, read from the catalog where they must be.
    Result<std::string> version_fact(Request& request, const VersionId& version,
                                     const std::string& fact);
    Result<std::string> fetched(Request& request, std::function<Result<std::string>()> fetch);
    Result<std::string> view_fact(Request& request, const View& view, const std::string& fact);
    // Puts a file into a view's `.art` whole, or removes it (no text).
    Result<const View*> view_with_document(NodeId node, const std::string& document);
    Result<> set_document(Request& request, const View& view, const std::string& name,
                          const std::string* text);
    Result<> set_xattrs(Request& request, NodeId node,
                        const std::function<Result<>(Xattrs&)>& edit);
    // The file as a node of the draft to be changed, under its nodeid; not applied yet.
    Result<OverlayNode> changeable(const Resolved& resolved, ChangedDraft& change) const;

    Result<EntryReply> make_artifact(Request& request, const std::string& name, std::uint32_t mode);
    // chmod and chown of an artifact or of the mount's directory.
    Result<Attr> set_owner(Request& request, NodeId node, const Synthetic& what,
                           const SetAttr& wanted);
    Result<> remove_artifact(Request& request, const std::string& name);
    Result<EntryReply> set_alias(Request& request, const ArtifactState& artifact,
                                 const std::string& name, const std::string& target);
    Result<> erase_alias(Request& request, const ArtifactState& artifact, const std::string& name);
    Result<> rename_alias(Request& request, const ArtifactState& artifact, const std::string& from,
                          const std::string& to);
    // Makes `change` durable and runs `after`, once a request; else throws Suspend.
    bool may_have_done(const Request& request) const;
    void write_catalog(Request& request, CatalogThread::Change change, std::function<void()> after);

    // The node behind `node` with a staging file of its own, of the first `keep` bytes. ESTALE
    // where the name had to be given another nodeid.
    Result<OfView> writable(Request& request, NodeId node, std::uint64_t keep);
    Result<> adopt_copy(const Request& request, NodeId node, std::uint64_t staging,
                        std::uint64_t keep);

    void bring_up_to_date(Request& request, const Synthetic& what);
    Result<OpenReply> open_to_read(Request& request, NodeId node, const Resolved& resolved,
                                   const RunKeeper::Who& who);
    Result<OpenReply> open_metadata(Request& request, NodeId node, const Synthetic& what);
    // Who reads or writes through a handle that a launcher opened.
    Result<> through(Request& request, const Handle& handle, bool write);
    Result<OpenReply> open_text(Request& request, NodeId node, const Synthetic& what);
    Result<OpenReply> open_commit(Request& request, NodeId node, const Synthetic& what);
    OpenReply open_new(Request& request, const OverlayNode& node, NodeId id, int flags);
    OpenReply opened(const Request& request, Handle handle,
                     std::optional<BackingSource> passthrough = std::nullopt);
    // What the kernel shall read and write the node in by itself, if anything.
    std::optional<BackingSource> backing_of(const Resolved& resolved, NodeId node) const;
    void settle_abandoned(Request& request, const RunId& reader, const Resolved& resolved);
    void note_use(Request& request, const RunId& run, const Resolved& resolved);
    // What reading is of a sealed version, or of a draft that may be sealed: nothing for what only
    // the mount makes.
    std::optional<LentFile> lent_file(const Resolved& resolved) const;
    // What a file of an overlay is to a run: its origin, or the sealed version's, or a peek.
    void note_use_of(Request& request, const RunId& run, const OfView& file);
    void left_unused(const Handle& handle);
    std::optional<Origin> origin_of(const OfView& file);
    std::optional<Digest> object_of(const Resolved& resolved) const;
    std::shared_ptr<DataFile> clean_file(const Digest& digest);
    static std::string name_of(const Resolved& resolved);

    Mount& mount_;
    RunKeeper& runs_;
    std::unordered_map<std::uint64_t, std::shared_ptr<DataFile>> held_;  // by handle
    std::unordered_map<std::uint64_t, std::set<RunId>> readers_;         // of what launchers opened

    // ---- mappings that outlive their descriptor (mappings.cpp)
    struct MappedFile {
        NodeId node;
        std::filesystem::path path;
        bool written = true;  // by a mapping, or by somebody who has it open
        struct stat status {};
    };
    void keep_attributes(const View& view, OverlayNode node, const struct stat& status,
                         const std::shared_ptr<DataFile>& file);
    bool may_be_mapped(const Handle& handle);
    void look_at_mappings();
    void look_again();
    void looked_at(const std::vector<MappedFile>& files);
    void is_unmapped(const MappedFile& file);
    // Who was told last to look again. The kernel does so once, and gives the program the second
    // answer: where the head moves twice in that time, that is what it was in between.
    pid_t told_stale_ = 0;
    bool looking_ = false;      // at mappings, on the pool
    bool looks_again_ = false;  // a timer is set for it
    unsigned looks_ = 0;        // since there was a reason to
};

}  // namespace artfs

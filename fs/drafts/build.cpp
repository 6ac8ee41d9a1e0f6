#include "drafts/build.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace artfs {

namespace {

// New nodes first, then the catalog's.
class BuildNodes : public NodeSource {
public:
    BuildNodes(const Catalog& catalog, const NewRecords& records)
        : records_(records), catalog_(catalog) {}
    std::shared_ptr<const Node> node(const Digest& stored) override {
        if (auto found = records_.find(stored); found != records_.end())
            return std::make_shared<const Node>(decode_node(found->second));
        return catalog_.node(stored);
    }

private:
    const NewRecords& records_;
    CatalogNodes catalog_;
};

bool never_kept(const std::vector<std::string>& patterns, const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
        return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
    });
}

struct StagedFile {
    std::size_t draft = 0;
    NodeNumber node = 0;
    std::uint64_t staging = 0;
    Hashed hashed;
};

bool same_state(const struct stat& before, const struct stat& after) {
    return before.st_size == after.st_size && before.st_mtim.tv_sec == after.st_mtim.tv_sec &&
           before.st_mtim.tv_nsec == after.st_mtim.tv_nsec;
}

Result<> hash_and_sync(const Store& store, StagedFile& file) {
    auto fd = open_file(store.staging_path(file.staging), O_RDONLY | O_NOATIME);
    if (!fd) return tl::unexpected(fd.error());
    struct stat before {};
    struct stat after {};
    if (fstat(fd->get(), &before) != 0) return fail_errno("fstat of a staging file");
    auto hashed = hash_file(fd->get());
    if (!hashed) return tl::unexpected(hashed.error());
    // Write-back started early overlaps with hashing other files; an error here fails the seal.
    if (fdatasync(fd->get()) != 0) return fail_errno("syncing a staging file");
    if (fstat(fd->get(), &after) != 0) return fail_errno("fstat of a staging file");
    if (!same_state(before, after) || hashed->size != static_cast<std::uint64_t>(after.st_size))
        return fail(EBUSY, "a file of the frozen draft was still being written");
    file.hashed = *hashed;
    return {};
}

Result<> hash_all(const Store& store, std::vector<StagedFile>& files) {
    std::atomic<std::size_t> next{0};
    std::mutex mutex;
    Result<> outcome;
    auto work = [&] {
        for (std::size_t at = next++; at < files.size(); at = next++) {
            auto done = hash_and_sync(store, files[at]);
            if (done) continue;
            std::lock_guard lock(mutex);
            if (outcome) outcome = done;
            next = files.size();
        }
    };
    std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < std::min(cores, files.size()); ++i) helpers.emplace_back(work);
    work();
    for (auto& helper : helpers) helper.join();
    return outcome;
}

// Builds the tree of one frozen draft, directory by directory from the leaves.
class TreeBuilder {
public:
    // `texts`: the small files beside the root that were staged, by node.
    TreeBuilder(const SealContext& context, const FrozenDraft& draft,
                const std::map<NodeNumber, Hashed>& files,
                const std::map<NodeNumber, std::string>& texts, NewRecords& records)
        : draft_(draft),
          overlay_(*draft.overlay),
          files_(files),
          texts_(texts),
          records_(records),
          never_keep_(context.never_keep),
          nodes_(context.store.catalog(), records) {}

    BuiltDraft build() {
        BuiltDraft built;
        auto& snapshot = built.sealed.snapshot;
        snapshot = draft_.base_snapshot;
        const auto& root = *overlay_.node(root_number);
        snapshot.root = directory(root);
        snapshot.root_attributes = root.attributes;
        beside(built);
        // Only run data keeps all that stands beside the root; a version keeps what it knows.
        note_directories(root, snapshot.root, 0, built.sealed.directories);
        built.sealed.base.tree = tree_id(snapshot);
        records_.emplace(built.sealed.base.tree.digest, encode_snapshot(snapshot));
        built.digest = version_digest(snapshot);
        built.worth_a_version = worth_;
        built.changed = changed_;
        built.put = put_;
        built.sealed.files = files_;
        return built;
    }

private:
    DirRef directory(const OverlayNode& dir) {
        std::vector<Edit> edits;
        for (const auto& [name, value] : overlay_.names(dir.number)) {
            if (dir.number == root_number && name == art_dir_name) continue;
            if (value.node == 0) {
                edits.push_back({name, std::nullopt});
                worth_ = true;
                ++changed_;
                continue;
            }
            const auto& node = *overlay_.node(value.node);
            if (never_kept(never_keep_, name)) {
                edits.push_back({name, std::nullopt});
                continue;
            }
            if (node.special != 0) {  // of the draft only; what it took the place of is gone
                edits.push_back({name, std::nullopt});
                worth_ = worth_ || value.serial == 0;
                changed_ += value.serial == 0 ? 1 : 0;
                continue;
            }
            if (node.kind == Kind::directory && !node.kept) continue;  // only looked at
            edits.push_back({name, entry(name, node)});
        }
        const DirRef& base = dir.base ? *dir.base : empty_dir();
        if (edits.empty()) return base;
        return edit_dir(nodes_, base, std::move(edits),
                        [this](const Digest& stored, std::string bytes) {
                            records_.emplace(stored, std::move(bytes));
                        });
    }

    Entry entry(const std::string& name, const OverlayNode& node) {
        Entry entry;
        entry.name = name;
        entry.kind = node.kind;
        entry.attributes = node.attributes;
        ++put_;
        if (node.kind == Kind::directory) {
            if (node.base && node.changed) worth_ = true;  // moved, or other attributes
            entry.dir = directory(node);
            return entry;
        }
        if (node.changed) {
            worth_ = true;
            ++changed_;
        }
        if (node.kind == Kind::symlink) {
            entry.target = node.target;
            return entry;
        }
        auto staged = files_.find(node.number);
        entry.digest = staged == files_.end() ? node.digest : staged->second.digest;
        entry.size = staged == files_.end() ? node.size : staged->second.size;
        return entry;
    }

    const OverlayNode* beside_root(const char* name) const {
        const auto& names = overlay_.names(art_dir_number);
        auto found = names.find(std::string_view(name));
        if (found == names.end() || found->second.node == 0) return nullptr;
        return overlay_.node(found->second.node);
    }

    void beside(BuiltDraft& built) {
        auto& snapshot = built.sealed.snapshot;
        snapshot.metadata.reset();
        if (const auto* node = beside_root(metadata_name)) {
            auto staged = files_.find(node->number);
            snapshot.metadata =
                staged == files_.end()
                    ? Snapshot::Metadata{node->digest, node->size}
                    : Snapshot::Metadata{staged->second.digest, staged->second.size};
        }
        if (snapshot.metadata != draft_.base_snapshot.metadata) worth_ = true;
        snapshot.description.reset();
        if (const auto* node = beside_root(description_name))
            snapshot.description =
                texts_.contains(node->number) ? texts_.at(node->number) : node->target;
        if (snapshot.description != draft_.base_snapshot.description) worth_ = true;
        if (const auto* node = beside_root(type_name); node && texts_.contains(node->number))
            built.type = texts_.at(node->number);
    }

    // Where the draft's directories are in the new tree, for views that go on with it.
    void note_directories(const OverlayNode& dir, const DirRef& ref, std::uint32_t rank,
                          std::map<NodeNumber, SealedDraft::Directory>& out) {
        out[dir.number] = {ref, rank};
        for (const auto& [name, value] : overlay_.names(dir.number)) {
            const auto* node = value.node == 0 ? nullptr : overlay_.node(value.node);
            if (node == nullptr || node->kind != Kind::directory) continue;
            if (auto found = find(nodes_, ref, rank, name))
                note_directories(*node, found->entry.dir, found->rank, out);
        }
    }

    const FrozenDraft& draft_;
    const Overlay& overlay_;
    const std::map<NodeNumber, Hashed>& files_;
    const std::map<NodeNumber, std::string>& texts_;
    NewRecords& records_;
    const std::vector<std::string>& never_keep_;
    BuildNodes nodes_;
    bool worth_ = false;
    std::uint32_t changed_ = 0;
    std::uint32_t put_ = 0;
};

// The staged nodes that some name of the draft leads to.
std::set<NodeNumber> reachable(const Overlay& overlay) {
    std::set<NodeNumber> found;
    std::vector<NodeNumber> directories{root_number, art_dir_number};
    while (!directories.empty()) {
        NodeNumber directory = directories.back();
        directories.pop_back();
        for (const auto& [name, value] : overlay.names(directory)) {
            const auto* node = value.node == 0 ? nullptr : overlay.node(value.node);
            if (node == nullptr || !found.insert(value.node).second) continue;
            if (node->kind == Kind::directory) directories.push_back(value.node);
        }
    }
    return found;
}

// Description and type, where the draft wrote them: one line each, without what `echo` adds.
Result<std::map<NodeNumber, std::string>> staged_texts(const Store& store, const Overlay& overlay) {
    std::map<NodeNumber, std::string> texts;
    for (const char* name : {description_name, type_name}) {
        const auto& names = overlay.names(art_dir_number);
        auto found = names.find(std::string_view(name));
        const auto* node = found == names.end() ? nullptr : overlay.node(found->second.node);
        if (node == nullptr || node->staging == 0) continue;
        auto text = read_file(store.staging_path(node->staging));
        if (!text) return tl::unexpected(text.error());
        text->erase(text->find_last_not_of(" \n") + 1);
        texts.emplace(node->number, std::move(*text));
    }
    return texts;
}

}  // namespace

Result<std::vector<BuiltDraft>> build_drafts(const SealContext& context,
                                             const std::vector<FrozenDraft>& drafts,
                                             NewRecords& records) {
    std::vector<StagedFile> files;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        for (NodeNumber number : reachable(*drafts[i].overlay)) {
            const auto* node = drafts[i].overlay->node(number);
            if (node->staging != 0) files.push_back({i, number, node->staging, {}});
        }
    }
    if (auto hashed = hash_all(context.store, files); !hashed)
        return tl::unexpected(hashed.error());

    const auto& objects = context.store.objects();
    std::vector<Digest> digests;
    std::vector<std::map<NodeNumber, Hashed>> by_draft(drafts.size());
    for (const auto& file : files) {
        auto linked = objects.link(context.store.staging_path(file.staging), file.hashed.digest);
        if (!linked) return tl::unexpected(linked.error());
        digests.push_back(file.hashed.digest);
        by_draft[file.draft][file.node] = file.hashed;
    }
    if (auto synced = objects.sync_directories(digests); !synced)
        return tl::unexpected(synced.error());

    std::vector<BuiltDraft> built;
    for (std::size_t i = 0; i < drafts.size(); ++i) {
        auto texts = staged_texts(context.store, *drafts[i].overlay);
        if (!texts) return tl::unexpected(texts.error());
        TreeBuilder builder(context, drafts[i], by_draft[i], *texts, records);
        built.push_back(builder.build());
        built.back().sealed.id = drafts[i].id;
        built.back().sealed.artifact = drafts[i].artifact;
    }
    return built;
}

}  // namespace artfs

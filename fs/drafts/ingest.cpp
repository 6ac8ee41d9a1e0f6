#include "drafts/ingest.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "drafts/early_hashes.h"

namespace artfs {

namespace {

// Up to so many files are synced one by one, side by side; more by one syncfs, which also writes
// what other programs have left to write there.
constexpr std::size_t few_files = 16;

// The first failure of work that is done on several threads, which ends the work.
class Outcome {
public:
    void failed(const Error& error) {
        std::lock_guard lock(mutex_);
        if (result_) result_ = tl::unexpected(error);
        over_ = true;
    }
    bool over() const { return over_; }
    Result<> result() const { return result_; }  // when the threads are gone

private:
    std::mutex mutex_;
    Result<> result_;
    std::atomic<bool> over_{false};
};

// Calls `work` for each index, on up to `threads` threads, this one among them.
template <class Work>
void side_by_side(std::size_t count, std::size_t threads, Outcome& outcome, Work work) {
    std::atomic<std::size_t> next{0};
    auto some = [&] {
        for (std::size_t at = next++; at < count && !outcome.over(); at = next++)
            if (Result<> done = work(at); !done) outcome.failed(done.error());
    };
    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(some);
    some();
    for (auto& helper : helpers) helper.join();
}

class Ingest {
public:
    Ingest(const SealContext& context, const std::vector<StagedFile>& files)
        : context_(context), files_(files), hashed_(files.size()) {}

    Result<HashedFiles> run() {
        // The disk writes while the processors hash.
        std::thread syncing([this] { sync(); });
        side_by_side(files_.size(), cores_, outcome_, [this](std::size_t at) { return hash(at); });
        syncing.join();
        if (auto done = outcome_.result(); !done) return tl::unexpected(done.error());
        side_by_side(files_.size(), many() ? cores_ : 1, outcome_,
                     [this](std::size_t at) { return link(at); });
        if (auto done = outcome_.result(); !done) return tl::unexpected(done.error());
        return linked();
    }

private:
    bool many() const { return files_.size() > few_files; }

    Result<Fd> open(std::size_t at) const {
        return open_file(context_.store.staging_path(files_[at].staging), O_RDONLY | O_NOATIME);
    }

    // A failure is not tried again: the kernel has dropped the pages that it could not write.
    void sync() {
        const auto& objects = context_.store.objects();
        if (many()) {
            if (auto synced = objects.sync_file_system(); !synced) outcome_.failed(synced.error());
            return;
        }
        side_by_side(files_.size(), few_files, outcome_, [this](std::size_t at) -> Result<> {
            auto fd = open(at);
            if (!fd) return tl::unexpected(fd.error());
            if (fdatasync(fd->get()) != 0) return fail_errno("syncing a staging file");
            return {};
        });
    }

    Result<> hash(std::size_t at) {
        const auto& file = files_[at];
        auto fd = open(at);
        if (!fd) return tl::unexpected(fd.error());
        struct stat before {};
        struct stat after {};
        if (fstat(fd->get(), &before) != 0) return fail_errno("fstat of a staging file");
        auto early = context_.early ? context_.early->take(file.staging, before) : std::nullopt;
        auto hashed = early ? Result<Hashed>(*early) : hash_file(fd->get());
        if (!hashed) return tl::unexpected(hashed.error());
        if (fstat(fd->get(), &after) != 0) return fail_errno("fstat of a staging file");
        if (!same_state(before, after) || hashed->size != file.size ||
            hashed->size != static_cast<std::uint64_t>(after.st_size))
            return fail(EBUSY, "a file of the frozen draft was still being written");
        hashed_[at] = *hashed;
        return {};
    }

    Result<> link(std::size_t at) {
        // syncfs tells of failures since somebody last asked; each file of its own, too.
        if (many()) {
            auto fd = open(at);
            if (!fd) return tl::unexpected(fd.error());
            if (sync_file_range(fd->get(), 0, 0, SYNC_FILE_RANGE_WAIT_BEFORE) != 0)
                return fail_errno("syncing a staging file");
        }
        return context_.store.objects().link(context_.store.staging_path(files_[at].staging),
                                             hashed_[at].digest);
    }

    Result<HashedFiles> linked() {
        std::vector<Digest> digests;
        HashedFiles known;
        for (std::size_t at = 0; at < files_.size(); ++at) {
            known.emplace(files_[at].stand_in, hashed_[at]);
            digests.push_back(hashed_[at].digest);
        }
        if (auto synced = context_.store.objects().sync_directories(digests); !synced)
            return tl::unexpected(synced.error());
        return known;
    }

    const SealContext& context_;
    const std::vector<StagedFile>& files_;
    const std::size_t cores_ = std::max(1U, std::thread::hardware_concurrency());
    std::vector<Hashed> hashed_;  // as the files
    Outcome outcome_;
};

}  // namespace

Result<HashedFiles> hash_files(const SealContext& context, const std::vector<StagedFile>& files) {
    if (files.empty()) return HashedFiles{};
    return Ingest(context, files).run();
}

}  // namespace artfs

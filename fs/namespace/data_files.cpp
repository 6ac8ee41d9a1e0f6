#include "namespace/data_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "drafts/copy.h"

namespace artfs {

namespace {

constexpr std::size_t stock = 64;
constexpr std::size_t recently_opened = 64;

Result<Fd> make_staging(const Store& store, std::uint64_t number) {
    return open_file(store.staging_path(number), O_RDWR | O_CREAT | O_EXCL, 0600);
}

std::shared_ptr<DataFile> fresh(Fd fd) {
    auto file = std::make_shared<DataFile>(DataFile{std::move(fd)});
    struct stat status {};
    if (fstat(file->fd.get(), &status) == 0) file->born = from_timespec(status.st_mtim);
    return file;
}

// An empty one may be as it came out of stock, before a worker died.
std::shared_ptr<DataFile> reopened(Fd fd) {
    auto file = std::make_shared<DataFile>(DataFile{std::move(fd)});
    struct stat status {};
    if (fstat(file->fd.get(), &status) == 0 && status.st_size == 0)
        file->born = from_timespec(status.st_mtim);
    return file;
}

}  // namespace

DataFiles::DataFiles(Store& store, Executor& executor, std::atomic<std::uint64_t>& next_number)
    : store_(store), executor_(executor), next_number_(next_number) {
    restock();
}

template <class Key>
void DataFiles::hold(std::unordered_map<Key, std::weak_ptr<DataFile>>& files, const Key& key,
                     std::shared_ptr<DataFile> file) {
    // Those that nobody holds any more go when they are half of what is there.
    if (files.size() >= 2 * recently_opened && files.size() >= next_sweep_) {
        std::erase_if(files, [](const auto& old) { return old.second.expired(); });
        next_sweep_ = 2 * files.size();
    }
    files[key] = file;
    recent_.push_back(std::move(file));
    if (recent_.size() > recently_opened) recent_.pop_front();
}

// In one task: a turn of the pool and of the dispatch thread for each would cost more than to make
// it.
void DataFiles::restock() {
    if (coming_ || ready_.size() >= stock / 2) return;
    coming_ = true;
    const auto count = stock - ready_.size();
    auto make = [this, count, first = reserve(count)] {
        std::vector<Ready> made;
        for (std::size_t i = 0; i < count; ++i) {
            auto file = make_staging(store_, first + i);
            if (!file) break;
            made.push_back({first + i, fresh(std::move(*file))});
        }
        return made;
    };
    executor_.offload(make, [this](std::vector<Ready> made) {
        coming_ = false;
        std::move(made.begin(), made.end(), std::back_inserter(ready_));
    });
}

std::uint64_t DataFiles::take_staging() {
    if (ready_.empty()) {
        throw Suspend{[this](Suspend::Resume resume) {
            std::uint64_t number = next_number_++;
            executor_.offload([this, number] { return make_staging(store_, number); },
                              [this, number, resume](Result<Fd> made) {
                                  if (!made) return resume(made.error().code);
                                  ready_.push_back({number, fresh(std::move(*made))});
                                  resume(0);
                              });
        }};
    }
    Ready taken = std::move(ready_.front());
    ready_.pop_front();
    hold(staging_, taken.number, std::move(taken.file));
    restock();
    return taken.number;
}

std::uint64_t DataFiles::reserve(std::uint64_t count) { return next_number_.fetch_add(count); }

std::shared_ptr<DataFile> DataFiles::open_staging(std::uint64_t number) const {
    auto found = staging_.find(number);
    return found == staging_.end() ? nullptr : found->second.lock();
}

std::shared_ptr<DataFile> DataFiles::staging(std::uint64_t number) {
    if (auto open = open_staging(number)) return open;
    throw Suspend{[this, number](Suspend::Resume resume) {
        executor_.offload([this, number] { return open_file(store_.staging_path(number), O_RDWR); },
                          [this, number, resume](Result<Fd> opened) {
                              if (!opened) {
                                  // If it has become an object meanwhile, the node names that now.
                                  const int code = opened.error().code;
                                  const bool again = code == ENOENT && lost_.insert(number).second;
                                  return resume(again ? 0 : code);
                              }
                              // Two requests may have opened it; one file serves both.
                              if (!open_staging(number))
                                  hold(staging_, number, reopened(std::move(*opened)));
                              resume(0);
                          });
    }};
}

std::shared_ptr<DataFile> DataFiles::open_now(std::uint64_t number) {
    if (auto open = open_staging(number)) return open;
    auto opened = open_file(store_.staging_path(number), O_RDWR);
    if (!opened) return nullptr;
    auto file = reopened(std::move(*opened));
    hold(staging_, number, file);
    return file;
}

void DataFiles::let_go(std::uint64_t number) {
    if (auto file = open_staging(number)) std::erase(recent_, file);
}

std::shared_ptr<DataFile> DataFiles::object(const Digest& digest) {
    if (auto found = objects_.find(digest); found != objects_.end()) {
        if (auto open = found->second.lock()) return open;
    }
    throw Suspend{[this, digest](Suspend::Resume resume) {
        executor_.offload([this, digest] { return store_.objects().open(digest); },
                          [this, digest, resume](Result<ObjectBytes> opened) {
                              if (!opened) return resume(EIO);
                              hold(objects_, digest,
                                   std::make_shared<DataFile>(DataFile{std::move(opened->fd)}));
                              resume(0);
                          });
    }};
}

Result<CopiedBy> DataFiles::copy_from(const OverlayNode& node, int to, std::uint64_t size) const {
    if (node.staging == 0) {
        auto object = store_.objects().open(node.digest);
        if (!object) return tl::unexpected(object.error());
        return copy_file(object->fd.get(), to, size);
    }
    auto staged = open_file(store_.staging_path(node.staging), O_RDONLY);
    if (!staged) return tl::unexpected(staged.error());
    return copy_file(staged->get(), to, size);
}

void DataFiles::copy_up(const OverlayNode& node, std::uint64_t size,
                        std::function<void(Result<std::uint64_t>)> done) {
    std::uint64_t number = next_number_++;
    auto copy = [this, node, size, number]() -> Result<Fd> {
        auto to = make_staging(store_, number);
        if (!to || size == 0) return to;
        if (node.inline_text) {
            auto written = write_all(to->get(), std::string_view(node.target).substr(0, size));
            if (!written) return tl::unexpected(written.error());
            return to;
        }
        auto copied = copy_from(node, to->get(), size);
        if (!copied) {
            unlink(store_.staging_path(number).c_str());
            return tl::unexpected(copied.error());
        }
        return to;
    };
    executor_.offload(copy, [this, number, done](Result<Fd> made) {
        if (!made) return done(tl::unexpected(made.error()));
        hold(staging_, number, std::make_shared<DataFile>(DataFile{std::move(*made)}));
        done(number);
    });
}

void DataFiles::stamp(const std::shared_ptr<DataFile>& file, Time mtime) {
    executor_.pool([file, mtime] {
        struct stat status {};
        if (fstat(file->fd.get(), &status) != 0 || !file->unwritten(status)) return;
        std::timespec times[2] = {{0, UTIME_OMIT}, to_timespec(mtime)};
        futimens(file->fd.get(), times);
    });
}

void DataFiles::remove(const std::vector<std::uint64_t>& numbers) {
    for (auto number : numbers) {
        // An open file would keep its blocks on the disk.
        if (auto file = open_staging(number)) std::erase(recent_, file);
        staging_.erase(number);
        superfluous_.push_back(number);
    }
    if (!sweeping_) sweep();
}

// What comes meanwhile waits for the next time: a task for each file would cost more than to remove
// it.
void DataFiles::sweep() {
    sweeping_ = true;
    auto drop = [this, numbers = std::exchange(superfluous_, {})] {
        for (auto number : numbers) unlink(store_.staging_path(number).c_str());
        return true;
    };
    // In the next turn: what made them superfluous is kept by then, and no worker looks for them.
    executor_.post([this, drop] {
        executor_.offload_aside(drop, [this](bool) {
            sweeping_ = false;
            if (!superfluous_.empty()) sweep();
        });
    });
}

}  // namespace artfs

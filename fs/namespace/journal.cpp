#include "namespace/journal.h"

#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/bytes.h"
#include "namespace/session_codec.h"

namespace artfs {

namespace {

constexpr char magic[] = "artfsjnl";
constexpr std::uint32_t layout = 2;
constexpr std::size_t header_bytes = 4096;
// Of a sparse file: no region grows into the other.
constexpr std::uint64_t region_bytes = std::uint64_t{1} << 40U;
// What a worker that follows another has to read, beside the snapshot: some 50 ms.
constexpr std::uint64_t smallest_compaction = 4U << 20U;
constexpr std::size_t answers_kept = 64;
constexpr std::uint32_t crashes_allowed = 2;

enum EntryKind : std::uint8_t { snapshot_entry = 1, record_entry, answer_entry, note_entry };

std::uint64_t region_at(std::uint32_t region) { return header_bytes + region * region_bytes; }

std::string entry(std::uint8_t kind, const std::string& payload) {
    return Encoder()
        .u32(static_cast<std::uint32_t>(payload.size() + 1))
        .u8(kind)
        .raw(payload)
        .take();
}

std::string note_payload(const std::string& key, const std::string& value) {
    return Encoder().str(key).str(value).take();
}

bool write_at(int fd, std::string_view bytes, std::uint64_t at) {
    while (!bytes.empty()) {
        auto put = pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(at));
        if (put <= 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(put));
        at += static_cast<std::uint64_t>(put);
    }
    return true;
}

}  // namespace

struct Journal::Header {
    char magic[8];
    std::uint32_t layout;
    std::atomic<std::uint32_t> active;
    std::atomic<std::uint64_t> committed[2];
    std::atomic<std::uint64_t> serving;
    std::atomic<std::uint64_t> suspect;
    std::atomic<std::uint32_t> crashes;
};

Journal::~Journal() {
    if (header_ != nullptr) munmap(header_, header_bytes);
}

Result<> Journal::map() {
    void* at = mmap(nullptr, header_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_.get(), 0);
    if (at == MAP_FAILED) return fail_errno("mapping the session");
    header_ = static_cast<Header*>(at);
    return {};
}

Result<std::unique_ptr<Journal>> Journal::create() {
    Fd memory(memfd_create("artfs-session", MFD_CLOEXEC));
    if (!memory) return fail_errno("making memory for the session");
    if (ftruncate(memory.get(), static_cast<off_t>(region_at(2))) != 0)
        return fail_errno("making memory for the session");
    std::unique_ptr<Journal> journal(new Journal(std::move(memory)));
    if (auto mapped = journal->map(); !mapped) return tl::unexpected(mapped.error());
    journal->header_->layout = layout;
    std::memcpy(journal->header_->magic, magic, sizeof journal->header_->magic);
    return journal;
}

Result<std::unique_ptr<Journal>> Journal::open(Fd memory) {
    struct stat status {};
    if (fstat(memory.get(), &status) != 0 ||
        static_cast<std::size_t>(status.st_size) < header_bytes)
        return fail(EIO, "the session of the mount is gone");
    std::unique_ptr<Journal> journal(new Journal(std::move(memory)));
    if (auto mapped = journal->map(); !mapped) return tl::unexpected(mapped.error());
    const auto& header = *journal->header_;
    if (std::memcmp(header.magic, magic, sizeof header.magic) != 0 || header.layout != layout)
        return fail(EPROTO, "the mounted session is another version's: art umount, then art mount");
    return journal;
}

void Journal::add(std::uint8_t kind, const std::string& payload) {
    pending_ += entry(kind, payload);
}

void Journal::append(std::uint64_t unique, Time when, const Record& record) {
    add(record_entry, encode_entry(unique, when, record));
}

void Journal::answer(std::uint64_t unique, const Answer& answer) {
    keep_answer(unique, answer);
    add(answer_entry, encode_entry(unique, answer));
}

void Journal::keep_answer(std::uint64_t unique, const Answer& answer) {
    if (answers_.insert_or_assign(unique, answer).second) answered_.push_back(unique);
    if (answered_.size() <= answers_kept) return;
    answers_.erase(answered_.front());
    answered_.erase(answered_.begin());
}

void Journal::note(const std::string& key, const std::string& value) {
    notes_[key] = value;
    add(note_entry, note_payload(key, value));
}

std::string Journal::noted(const std::string& key) const {
    auto found = notes_.find(key);
    return found == notes_.end() ? "" : found->second;
}

void Journal::commit(const Session& session) {
    if (pending_.empty()) return;
    auto active = header_->active.load();
    auto length = header_->committed[active].load();
    if (length + pending_.size() > smallest_compaction + snapshot_bytes_) return compact(session);
    // By write and not through a mapping: without memory that is an error and no SIGBUS.
    if (!write_at(memory_.get(), pending_, region_at(active) + length)) {
        if (!std::exchange(told_full_, true))
            spdlog::error("no memory is left to keep the session in: a restart would lose changes");
        return;
    }
    header_->committed[active].store(length + pending_.size());
    pending_.clear();
    told_full_ = false;
}

// The session has all that is pending.
void Journal::compact(const Session& session) {
    auto old = header_->active.load();
    auto next = 1 - old;
    std::string bytes = entry(snapshot_entry, encode_session(session));
    for (const auto& [key, value] : notes_) bytes += entry(note_entry, note_payload(key, value));
    for (auto unique : answered_)
        bytes += entry(answer_entry, encode_entry(unique, answers_.at(unique)));
    if (!write_at(memory_.get(), bytes, region_at(next))) {
        spdlog::error("no memory is left to keep the session in: a restart would lose changes");
        snapshot_bytes_ = 2 * (snapshot_bytes_ + bytes.size());  // not tried at every request
        return;
    }
    header_->committed[next].store(bytes.size());
    header_->active.store(next);
    header_->committed[old].store(0);
    fallocate(memory_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
              static_cast<off_t>(region_at(old)), static_cast<off_t>(region_bytes));
    snapshot_bytes_ = bytes.size();
    pending_.clear();
}

Session Journal::restore() {
    auto active = header_->active.load();
    std::string bytes(header_->committed[active].load(), '\0');
    for (std::size_t done = 0; done < bytes.size();) {
        auto got = pread(memory_.get(), bytes.data() + done, bytes.size() - done,
                         static_cast<off_t>(region_at(active) + done));
        if (got <= 0) throw FormatError("the session cannot be read");
        done += static_cast<std::size_t>(got);
    }
    Session session;
    for (Decoder entries(bytes); !entries.at_end();) {
        Decoder one(entries.str());
        switch (one.u8()) {
            case snapshot_entry:
                session = decode_session(one.rest());
                snapshot_bytes_ = one.rest().size();
                break;
            case record_entry: {
                auto kept = decode_record(one.rest());
                session.replay(kept.when, std::move(kept.record));
                break;
            }
            case answer_entry: {
                auto [unique, kept] = decode_answer(one.rest());
                keep_answer(unique, kept);
                break;
            }
            case note_entry: {
                std::string key(one.str());
                notes_[key] = one.str();
                break;
            }
            default:
                throw FormatError("the session has an entry of no known kind");
        }
    }
    return session;
}

std::optional<Answer> Journal::answered(std::uint64_t unique) const {
    auto found = answers_.find(unique);
    if (found == answers_.end()) return std::nullopt;
    return found->second;
}

void Journal::serving(std::uint64_t unique) { header_->serving.store(unique); }

void Journal::blame() {
    auto last = header_->serving.exchange(0);
    if (last == 0) return;
    if (header_->suspect.exchange(last) != last) header_->crashes.store(0);
    header_->crashes.fetch_add(1);
}

bool Journal::is_poison(std::uint64_t unique) const {
    return header_->suspect.load() == unique && header_->crashes.load() >= crashes_allowed;
}

}  // namespace artfs

// The session of a mount, kept where the death of the process does not reach: in a memfd, which
// somebody else holds and hands to the next worker.
//
//   page 0   "artfsjnl" | u32 layout | u32 active region | u64 committed[2] | u64 serving
//            | u64 suspect | u32 crashes
//   regions  two, far apart in the sparse file; the active one's first committed[active] bytes are
//            entries: u32 length | u8 kind | payload
//   entries  snapshot (a whole Session), record (u64 unique, i64 time, Record), answer (u64 unique,
//            Answer), note (key, value)
//
// Entries are gathered in memory and become part of the journal all at once, by one store of the
// committed length: before the reply of the request that caused them, together with that reply. So
// a request is in the journal whole or not at all, and one that the kernel sends again because its
// reply was lost gets the same reply. When the entries have outgrown the last snapshot, the session
// is written anew into the other region.
//
// The bytes are for the same layout of the same machine. Owned by the dispatch thread.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/fd.h"
#include "namespace/request.h"
#include "namespace/session.h"

namespace artfs {

// What a request was answered that must not be done twice.
struct Answer {
    std::int32_t error = 0;
    std::optional<EntryReply> entry;
    std::optional<Attr> attr;
    std::optional<OpenReply> opened;
    std::int32_t backing = 0;  // the kernel's id of the file that `opened` reads from
};

class Journal {
public:
    static Result<std::unique_ptr<Journal>> create();
    // Of a worker that has died. EPROTO: another layout; EIO: damaged.
    static Result<std::unique_ptr<Journal>> open(Fd memory);
    ~Journal();
    Journal(const Journal&) = delete;
    Journal& operator=(const Journal&) = delete;

    int fd() const { return memory_.get(); }

    void append(std::uint64_t unique, Time when, const Record& record);
    void answer(std::uint64_t unique, const Answer& answer);
    // Beside the session: small facts by key.
    void note(const std::string& key, const std::string& value);
    std::string noted(const std::string& key) const;
    // Where there is no memory left the entries wait for the next commit.
    void commit(const Session& session);

    // What was committed. Throws FormatError.
    Session restore();
    // Of the last requests that were answered: the kernel may not have got it.
    std::optional<Answer> answered(std::uint64_t unique) const;

    // The request that is being worked on, for who asks what a worker died of. 0: none.
    void serving(std::uint64_t unique);
    // The last worker crashed by itself: whatever it was serving is suspected.
    void blame();
    // It has crashed as many workers as one may.
    bool is_poison(std::uint64_t unique) const;

private:
    struct Header;
    explicit Journal(Fd memory) : memory_(std::move(memory)) {}
    Result<> map();
    void add(std::uint8_t kind, const std::string& payload);
    void compact(const Session& session);
    void keep_answer(std::uint64_t unique, const Answer& answer);

    Fd memory_;
    Header* header_ = nullptr;
    std::string pending_;
    std::uint64_t snapshot_bytes_ = 0;
    bool told_full_ = false;
    std::map<std::string, std::string> notes_;
    std::map<std::uint64_t, Answer> answers_;
    std::vector<std::uint64_t> answered_;  // oldest first
};

}  // namespace artfs

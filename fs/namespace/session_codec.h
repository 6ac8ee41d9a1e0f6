// Records and the whole session as bytes, for the journal.
#pragma once

#include <string>
#include <string_view>

#include "namespace/journal.h"

namespace artfs {

std::string encode_entry(std::uint64_t unique, Time when, const Record& record);
std::string encode_entry(std::uint64_t unique, const Answer& answer);
std::string encode_session(const Session& session);

// All throw FormatError.
struct KeptRecord {
    std::uint64_t unique = 0;
    Time when{};
    Record record;
};
KeptRecord decode_record(std::string_view bytes);
std::pair<std::uint64_t, Answer> decode_answer(std::string_view bytes);
Session decode_session(std::string_view bytes);

}  // namespace artfs

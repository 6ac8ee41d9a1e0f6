#include "ui/preview.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <map>

#include "lineage/text.h"
#include "ui/tensors.h"

namespace artfs::ui {

namespace {

using Json = nlohmann::json;

constexpr std::size_t most_text = std::size_t{256} << 10U;

std::string ending_of(const std::string& name) {
    auto dot = name.rfind('.');
    if (dot == std::string::npos) return {};
    auto ending = name.substr(dot + 1);
    std::transform(ending.begin(), ending.end(), ending.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return ending;
}

std::string start_of(int fd, std::uint64_t offset, std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
        auto got = pread(fd, text.data() + have, bytes - have, static_cast<off_t>(offset + have));
        if (got <= 0) break;
        have += static_cast<std::size_t>(got);
    }
    text.resize(have);
    return text;
}

// A cut in the middle of a character is no reason to call a text binary.
bool is_text(std::string text, bool truncated) {
    if (text.find('\0') != std::string::npos) return false;
    for (int cut = 0; truncated && cut < 3 && !is_utf8(text) && !text.empty(); ++cut)
        text.pop_back();
    return is_utf8(text);
}

Json binary(const std::string& start, const std::string& note = "") {
    std::string hex;
    for (std::size_t i = 0; i < std::min<std::size_t>(start.size(), 256); ++i)
        hex += fmt::format("{:02x}", static_cast<unsigned char>(start[i]));
    Json shown{{"kind", "binary"}, {"hex", hex}};
    if (!note.empty()) shown["note"] = note;
    return shown;
}

}  // namespace

std::string image_type(const std::string& name) {
    static const std::map<std::string, std::string> types{
        {"png", "image/png"},   {"jpg", "image/jpeg"},    {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},   {"webp", "image/webp"},   {"bmp", "image/bmp"},
        {"avif", "image/avif"}, {"svg", "image/svg+xml"}, {"ico", "image/x-icon"}};
    auto found = types.find(ending_of(name));
    return found == types.end() ? "" : found->second;
}

Json preview(const std::string& name, int fd, std::uint64_t offset, std::uint64_t length) {
    if (!image_type(name).empty()) return {{"kind", "image"}, {"type", image_type(name)}};
    auto start = start_of(fd, offset, std::min<std::uint64_t>(length, most_text));
    auto ending = ending_of(name);
    if (is_tensor_file(ending)) {
        auto tensors = read_tensors(ending, fd, offset, length);
        if (!tensors) return binary(start, tensors.error().message);
        return {{"kind", "tensors"}, {"tensors", *tensors}};
    }
    bool truncated = length > start.size();
    if (!is_text(start, truncated)) return binary(start);
    const char* kind = ending == "csv" || ending == "tsv" ? "csv"
                       : ending == "json"                 ? "json"
                                                          : "text";
    return {{"kind", kind}, {"text", lossy_utf8(start)}, {"truncated", truncated}};
}

}  // namespace artfs::ui

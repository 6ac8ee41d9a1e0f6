#include "output.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "terminal.h"

namespace artfs {

namespace {
// Bytes that a terminal does not show, and continuation bytes of UTF-8, take no column.
std::size_t width(const std::string& text) {
    std::size_t columns = 0;
    bool escape = false;
    for (char c : text) {
        if (c == '\033') escape = true;
        if (!escape && (static_cast<unsigned char>(c) & 0xc0U) != 0x80U) ++columns;
        if (escape && c == 'm') escape = false;
    }
    return columns;
}

std::string coloured(const char* code, const std::string& text) {
    return colour_wanted() ? std::string("\033[") + code + "m" + text + "\033[0m" : text;
}
}  // namespace

bool colour_wanted() {
    static const bool wanted = isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr;
    return wanted;
}

std::string bold(const std::string& text) { return coloured("1", text); }
std::string dim(const std::string& text) { return coloured("2", text); }

std::string state_colour(const std::string& state) {
    if (state == "finished") return coloured("32", state);
    if (state == "running") return coloured("36", state);
    return coloured("31", state);
}

std::string short_text(const nlohmann::json& value) {
    return value.is_string() ? value.get<std::string>() : value.dump();
}

std::string joined(const nlohmann::json& list) {
    std::string text;
    for (const auto& item : list) text += (text.empty() ? "" : ", ") + short_text(item);
    return text;
}

std::string human_size(std::uint64_t bytes) {
    static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    for (; value >= 1024 && unit + 1 < std::size(units); ++unit) value /= 1024;
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string human_age(std::int64_t seconds) {
    if (seconds < 60) return fmt::format("{} s", std::max<std::int64_t>(seconds, 0));
    if (seconds < 3600) return fmt::format("{} min", seconds / 60);
    if (seconds < 86400) return fmt::format("{} h", seconds / 3600);
    return fmt::format("{} d", seconds / 86400);
}

std::string age_of(const std::string& timestamp) {
    std::tm broken{};
    if (strptime(timestamp.c_str(), "%Y-%m-%dT%H:%M:%S", &broken) == nullptr) return timestamp;
    return human_age(std::time(nullptr) - timegm(&broken)) + " ago";
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string text;
    for (std::size_t r = 0; r < rows.size(); ++r) {
        std::string line;
        for (std::size_t i = 0; i < rows[r].size(); ++i) {
            line += r == 0 ? dim(rows[r][i]) : rows[r][i];
            if (i + 1 < rows[r].size()) line.append(widths[i] - width(rows[r][i]) + 2, ' ');
        }
        text += line + "\n";
    }
    return text;
}

std::string for_terminal(const std::string& text) {
    std::string shown;
    for (std::size_t at = 0; at < text.size(); ++at) {
        const auto c = static_cast<unsigned char>(text[at]);
        if (c == '\033' && text.compare(at + 1, 1, "[") == 0) {
            auto end = text.find_first_not_of("0123456789;", at + 2);
            if (end != std::string::npos && text[end] == 'm') {
                shown.append(text, at, end + 1 - at);
                at = end;
                continue;
            }
        }
        const auto next = at + 1 < text.size() ? static_cast<unsigned char>(text[at + 1]) : 0U;
        const bool of_two = c == 0xc2 && next >= 0x80 && next < 0xa0;  // U+0080 to U+009F
        if (of_two) ++at;
        const bool obeyed = (c < ' ' && c != '\n' && c != '\t') || c == 0x7f || of_two;
        shown += obeyed ? '?' : text[at];
    }
    return shown;
}

void show_text(const std::string& whole) {
    const std::string text = isatty(STDOUT_FILENO) == 1 ? for_terminal(whole) : whole;
    winsize size{};
    auto lines = std::count(text.begin(), text.end(), '\n');
    bool is_long = isatty(STDOUT_FILENO) == 1 && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 &&
                   size.ws_row > 0 && lines >= size.ws_row;
    if (is_long) {
        const char* pager = std::getenv("PAGER");
        std::string command = pager != nullptr && *pager != '\0' ? pager : "less -FRX";
        if (FILE* pipe = popen(command.c_str(), "w")) {
            std::fwrite(text.data(), 1, text.size(), pipe);
            if (pclose(pipe) == 0) return;
        }
    }
    std::fwrite(text.data(), 1, text.size(), stdout);
}

void show_json(const nlohmann::json& document) {
    show_text(document.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace artfs

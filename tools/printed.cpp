// art output: what a run printed, and when.
#include "printed.h"

#include <sstream>

#include "drafts/draft_files.h"
#include "lineage/text.h"
#include "output.h"
#include "ref.h"

namespace artfs {

namespace {

struct Piece {
    std::string time;    // RFC 3339; empty: not known
    std::string stream;  // "out" or "err"
    std::string_view text;
};

// `times` has lines "OFFSET TIME STREAM", as art run writes them.
std::vector<Piece> pieces_of(std::string_view text, const std::string& times) {
    std::vector<Piece> pieces;
    std::vector<std::size_t> begins;
    std::istringstream lines(times);
    std::size_t offset = 0;
    for (std::string time, stream; lines >> offset >> time >> stream;) {
        if (offset > text.size() || (!begins.empty() && offset < begins.back())) break;
        begins.push_back(offset);
        pieces.push_back({time, stream, {}});
    }
    if (begins.empty() || begins.front() > 0) {
        begins.insert(begins.begin(), 0);
        pieces.insert(pieces.begin(), Piece{"", "out", {}});
    }
    for (std::size_t i = 0; i < pieces.size(); ++i)
        pieces[i].text = text.substr(
            begins[i], i + 1 < begins.size() ? begins[i + 1] - begins[i] : std::string_view::npos);
    return pieces;
}

// The time stands before each line: of when it began to be printed.
std::string with_times(const std::vector<Piece>& pieces) {
    std::string out;
    bool line_start = true;
    for (const auto& piece : pieces)
        for (char c : piece.text) {
            if (line_start) out += dim(piece.time + " " + piece.stream) + "  ";
            out += c;
            line_start = c == '\n';
        }
    return out;
}

nlohmann::json as_json(const std::vector<Piece>& pieces) {
    auto list = nlohmann::json::array();
    for (const auto& piece : pieces)
        if (!piece.text.empty())
            list.push_back(
                {{"time", piece.time.empty() ? nlohmann::json() : nlohmann::json(piece.time)},
                 {"stream", piece.stream},
                 {"text", lossy_utf8(std::string(piece.text))}});
    return list;
}

}  // namespace

void output_options(po::options_description& options) {
    options.add_options()("times", po::bool_switch(), "when each line was printed, and where")(
        "json", po::bool_switch(), "one JSON document");
}

int run_output(const Arguments& arguments) {
    Reader reader(arguments);
    auto run = find_run(reader.txn(), reader.project(), parse_ref(arguments.positional[0]).name);
    const auto unsealed = draft_files(reader.reading(), run);
    auto text_in = [&](const char* path) {
        auto file = data_file(reader.reading(), run, unsealed, path);
        return file ? read_written(reader.store(), *file, 0, UINT64_MAX) : std::string();
    };
    auto text = text_in("output.log");
    if (!arguments.flag("json") && !arguments.flag("times")) {
        show_text(text);
        return exit_done;
    }
    auto times = text_in("output.times");
    auto pieces = pieces_of(text, times);
    if (arguments.flag("json"))
        show_json(as_json(pieces));
    else
        show_text(with_times(pieces));
    return exit_done;
}

}  // namespace artfs

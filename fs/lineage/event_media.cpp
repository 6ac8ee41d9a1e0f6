#include "lineage/event_media.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "lineage/metric_sources.h"
#include "lineage/text.h"

namespace artfs {

namespace {

constexpr std::uint64_t most_media_bytes = std::uint64_t{256} << 20U;

void add_media_of(const Reading& at, const WrittenFile& file, std::vector<RunMedia>& all) {
    if (metric_source(file.path, "") != MetricSource::events) return;
    auto bytes = read_written(at.store, file, 0, most_media_bytes);
    for (auto& one : media_in_event_file(bytes)) {
        auto type = one.kind == EventMedia::Kind::text
                        ? "txt"
                        : picture_format(std::string_view(bytes).substr(one.offset, one.length));
        all.push_back({event_label(file) + "/" + one.tag, type, one.step, one.kind, file,
                       one.offset, one.length});
    }
}

}  // namespace

std::vector<RunMedia> event_media(const Reading& at, const RunRecord& run,
                                  const std::vector<WrittenFile>& unsealed) {
    std::vector<RunMedia> all;
    each_written(at, run, unsealed, [&](const WrittenFile& file) { add_media_of(at, file, all); });
    std::stable_sort(all.begin(), all.end(),
                     [](const RunMedia& a, const RunMedia& b) { return a.group < b.group; });
    std::map<std::string, std::size_t> of_step;  // by path without what tells them apart
    for (auto& one : all) {
        auto type = std::move(one.name);
        auto name = fmt::format("{:.0f}", one.step);
        auto nth = ++of_step[one.group + "/" + name + type];
        one.name = name + (nth > 1 ? fmt::format("-{}", nth) : "") + "." + type;
    }
    return all;
}

nlohmann::json media_json(const Reading& at, const RunRecord& run,
                          const std::vector<WrittenFile>& unsealed) {
    constexpr std::uint64_t most_text = 2000;
    auto list = nlohmann::json::array();
    each_written(at, run, unsealed, [&](const WrittenFile& file) {
        if (!file.artifact.empty() || !file.path.starts_with("media/")) return;
        nlohmann::json one{{"size", file.size}};
        put_name(one, "path", file.path);
        list.push_back(std::move(one));
    });
    for (const auto& media : event_media(at, run, unsealed)) {
        nlohmann::json one{{"size", media.length}, {"step", media.step}};
        put_name(one, "path", media.path());
        if (media.kind == EventMedia::Kind::text)
            one["text"] = lossy_utf8(read_written(at.store, media.file, media.offset,
                                                  std::min(media.length, most_text)));
        list.push_back(std::move(one));
    }
    return list;
}

}  // namespace artfs

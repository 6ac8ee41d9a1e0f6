#include "lineage_feed.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "lineage/exports.h"

namespace artfs {

namespace {

using Json = nlohmann::json;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr milliseconds between_looks{500};
// A run may be recorded long after it began: rarely, more is looked at.
constexpr minutes narrow{10};
constexpr hours wide{24};
constexpr minutes between_wide_looks{1};
constexpr seconds between_tries{5};

// When a run got its id: the first 48 bits of a UUIDv7 are milliseconds.
Time time_of(const RunId& id) {
    std::int64_t ms = 0;
    for (std::size_t i = 0; i < 6; ++i) ms = ms << 8U | id.bytes[i];
    return Time(milliseconds(ms));
}

}  // namespace

LineageFeed::LineageFeed(const Store& store, std::string target)
    : store_(store),
      target_(std::move(target)),
      memory_(store.config_path().parent_path() / "openlineage.json"),
      sink_(open_event_sink(target_)) {
    recall();
    thread_ = std::thread([this] { work(); });
}

LineageFeed::~LineageFeed() {
    {
        std::lock_guard lock(mutex_);
        stop_ = true;
    }
    stopping_.notify_all();
    thread_.join();
}

void LineageFeed::work() {
    while (true) {
        bool last = false;
        {
            std::unique_lock lock(mutex_);
            last = stopping_.wait_for(lock, between_looks, [this] { return stop_; });
        }
        try {
            look(last);
            if (last) next_try_ = {};
            deliver();
        } catch (const std::exception& trouble) {
            if (!std::exchange(complained_, true)) spdlog::error("openlineage: {}", trouble.what());
        }
        if (last) return;
    }
}

void LineageFeed::look(bool at_end) {
    bool all = at_end || now() - last_wide_look_ > between_wide_looks;
    if (all) last_wide_look_ = now();
    auto oldest =
        std::max(since_, now() - (all ? std::chrono::duration_cast<minutes>(wide) : narrow));
    auto txn = store_.catalog().read();
    CatalogNodes nodes(store_.catalog());
    Reading at{store_, *txn, nodes};
    auto waiting = waiting_.size();
    for (const auto& project : txn->projects())
        txn->runs(project, [&](const RunRecord& run) {
            if (time_of(run.id) < oldest) return false;
            see(at, run);
            return true;
        });
    // Those that take longer.
    for (const auto& [id, over] : told_)
        if (auto run = over || time_of(id) >= oldest ? std::nullopt : txn->run(id)) see(at, *run);
    std::erase_if(told_, [&](const auto& one) {
        return one.second && time_of(one.first) < now() - 2 * wide;
    });
    if (waiting_.size() != waiting) remember();
}

void LineageFeed::see(const Reading& at, const RunRecord& run) {
    auto known = told_.find(run.id);
    const bool over = run.state != RunState::running;
    if (known != told_.end() && (known->second || !over)) return;
    auto events = export_openlineage(at, {std::nullopt, {run}});
    if (known == told_.end()) waiting_.push_back(events.front().dump());
    if (over && events.size() > 1) waiting_.push_back(events.back().dump());
    told_[run.id] = over;
    for (; waiting_.size() > most_waiting; waiting_.pop_front())
        if (!std::exchange(complained_, true))
            spdlog::warn("openlineage: {} takes nothing: the oldest events are dropped", target_);
}

void LineageFeed::deliver() {
    while (!waiting_.empty() && now() >= next_try_) {
        std::string why;
        auto delivery = sink_->send(waiting_.front(), why);
        // Once, until something is taken again.
        if (delivery != Delivery::done && !std::exchange(complained_, true))
            spdlog::warn("openlineage: {}: {}: {}", target_, why,
                         delivery == Delivery::later
                             ? "events wait, at most " + std::to_string(most_waiting)
                             : "an event was dropped");
        if (delivery == Delivery::done && std::exchange(complained_, false))
            spdlog::info("openlineage: {} takes events again", target_);
        if (delivery == Delivery::later) {
            next_try_ = now() + between_tries;
            return;
        }
        waiting_.pop_front();
    }
}

void LineageFeed::remember() {
    Json told = Json::object();
    for (const auto& [id, over] : told_) told[id.text()] = over;
    // Without it the next daemon may tell some of them again, which changes nothing for a receiver.
    auto kept = replace_file(memory_, Json{{"since", to_ns(since_)}, {"told", told}}.dump());
    if (!kept && !std::exchange(complained_, true))
        spdlog::warn("openlineage: {}", kept.error().message);
}

void LineageFeed::recall() {
    since_ = now();
    auto text = read_file(memory_);
    auto memory = Json::parse(text.value_or(""), nullptr, false);
    if (!memory.is_object() || !memory.contains("told") || !memory["told"].is_object()) return;
    if (auto since = memory.find("since"); since != memory.end() && since->is_number_integer())
        since_ = from_ns(since->get<std::int64_t>());
    for (const auto& [text_of_id, over] : memory["told"].items())
        if (auto id = RunId::parse(text_of_id); id && over.is_boolean())
            told_[*id] = over.get<bool>();
}

}  // namespace artfs

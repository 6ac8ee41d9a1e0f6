#include "lineage/metric_sources.h"

#include <chrono>
#include <cmath>
#include <cstring>

#include "lineage/event_files.h"
#include "support/catch.h"

using namespace artfs;

namespace {

// What a SummaryWriter writes, by the format's description.
template <class Number>
std::string little(Number number) {
    std::string bytes(sizeof number, '\0');
    std::memcpy(bytes.data(), &number, sizeof number);
    return bytes;
}

std::string varint(std::uint64_t value) {
    std::string bytes;
    for (; value >= 0x80; value >>= 7U) bytes += static_cast<char>(value | 0x80U);
    return bytes + static_cast<char>(value);
}

std::string bytes_field(unsigned field, const std::string& bytes) {
    return varint(field << 3U | 2U) + varint(bytes.size()) + bytes;
}

std::string record(const std::string& data) {
    auto sum = [](const std::string& bytes) {
        auto crc = crc32c(bytes);
        return little<std::uint32_t>(((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U);
    };
    auto length = little<std::uint64_t>(data.size());
    return length + sum(length) + data + sum(data);
}

std::string event(std::int64_t step, const std::string& values) {
    return record("\x09" + little(1.7e9) + "\x10" + varint(static_cast<std::uint64_t>(step)) +
                  bytes_field(5, values));
}

std::string scalar(const std::string& tag, float value) {
    return bytes_field(1, bytes_field(1, tag) + "\x15" + little(value));
}

std::string tensor(const std::string& tag, const std::string& proto) {
    return bytes_field(1, bytes_field(1, tag) + bytes_field(8, proto));
}

}  // namespace

TEST_CASE("the checksum is CRC-32C, and a file begins as TensorFlow's do") {
    CHECK(crc32c("123456789") == 0xE3069283U);
    std::string version = "\x09" + little(1.7e9) + bytes_field(3, "brain.Event:2");
    REQUIRE(version.size() == 24);
    CHECK(record(version).substr(0, 12) == std::string("\x18\0\0\0\0\0\0\0\xa3\x7fK\"", 12));
}

TEST_CASE("scalars of event files are series, those of TensorFlow 2 too") {
    std::string file = record("\x09" + little(1.7e9) + bytes_field(3, "brain.Event:2"));
    for (int step = 0; step < 3; ++step)
        file += event(step * 100, scalar("train/loss", 1.5F / static_cast<float>(step + 1)) +
                                      scalar("lr", 0.1F));
    file += event(7, tensor("packed", "\x08\x01" + bytes_field(5, little(2.5F))));
    file += event(7, tensor("single", "\x08\x01\x2d" + little(3.5F)));
    file += event(7, tensor("content", "\x08\x02" + bytes_field(4, little(4.5))));
    file += event(7, tensor("count", "\x08\x09" + bytes_field(10, varint(300))));
    file += event(7, tensor("histogram", "\x08\x01" + bytes_field(4, little(1.0) + little(2.0))));
    auto all = parse_event_file(file);
    REQUIRE(all.size() == 6);
    CHECK(all.at("train/loss").steps == std::vector<double>{0, 100, 200});
    CHECK(all.at("train/loss").values == std::vector<double>{1.5, 0.75, 0.5});
    CHECK(all.at("train/loss").times == std::vector<double>{1.7e9, 1.7e9, 1.7e9});
    CHECK(all.at("lr").values.size() == 3);
    CHECK(all.at("packed").values == std::vector<double>{2.5});
    CHECK(all.at("single").values == std::vector<double>{3.5});
    CHECK(all.at("content").values == std::vector<double>{4.5});
    CHECK(all.at("count").values == std::vector<double>{300});
}

TEST_CASE("an event file is read up to where it makes no sense") {
    std::string whole = event(1, scalar("loss", 1)) + event(2, scalar("loss", 2));
    auto half = event(1, scalar("loss", 1)).size();
    // Cut anywhere, as of a killed program.
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        auto all = parse_event_file(whole.substr(0, cut));
        auto points = all.empty() ? 0 : all.at("loss").values.size();
        CHECK(points == (cut < half ? 0U : cut < whole.size() ? 1U : 2U));
    }
    // Every byte spoilt in turn: nothing is read beyond, nothing crashes.
    for (std::size_t at = 0; at < whole.size(); ++at) {
        std::string bad = whole;
        bad[at] = static_cast<char>(bad[at] ^ 0x5A);
        auto all = parse_event_file(bad);
        CHECK((all.empty() ? 0 : all.at("loss").values.size()) == (at < half ? 0U : 1U));
    }
    // Lengths that lie, with sums that are right.
    std::string length = little<std::uint64_t>(UINT64_MAX - 3);
    auto crc = crc32c(length);
    CHECK(parse_event_file(length +
                           little<std::uint32_t>(((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U) +
                           std::string(100, 'x'))
              .empty());
    CHECK(parse_event_file(record("\x2a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")).empty());
    CHECK(parse_event_file(record(std::string(50, '\xff'))).empty());
    CHECK(parse_event_file(event(1, bytes_field(1, "\x0a\x7f"))).empty());
    CHECK(
        parse_event_file(event(1, bytes_field(1, bytes_field(1, "x") + bytes_field(8, "\x2a\x05"))))
            .empty());
}

TEST_CASE("event files have pictures and texts, as TensorFlow 1, 2 and PyTorch write them") {
    const std::string png = std::string("\x89PNG\r\n\x1a\n", 8) + std::string(9, 'p');
    const std::string jpeg = "\xff\xd8\xff\xe0 jpeg";
    auto plugin = [](const std::string& name) {
        return bytes_field(9, bytes_field(1, bytes_field(1, name)));
    };
    auto strings = [](const std::vector<std::string>& of) {
        std::string proto = "\x08\x07";
        for (const auto& one : of) proto += bytes_field(8, one);
        return bytes_field(8, proto);
    };
    auto value = [](const std::string& tag, const std::string& rest) {
        return bytes_field(1, bytes_field(1, tag) + rest);
    };
    std::string file = event(1, scalar("loss", 1)) +
                       event(10, value("one", bytes_field(4, "\x08\x08" + bytes_field(4, png)))) +
                       event(20, value("two", strings({"8", "8", png, jpeg}) + plugin("images"))) +
                       event(30, value("note", strings({"# words"}) + plugin("text"))) +
                       // What a tag is of is said once.
                       event(40, value("note", strings({"more"}))) +
                       event(50, value("other", strings({"raw"}) + plugin("hparams"))) +
                       event(60, value("wrong", bytes_field(4, bytes_field(4, "RIFF"))));
    auto media = media_in_event_file(file);
    REQUIRE(media.size() == 5);
    auto bytes = [&](std::size_t i) { return file.substr(media[i].offset, media[i].length); };
    CHECK((media[0].tag == "one" && media[0].step == 10 && bytes(0) == png));
    CHECK((media[1].tag == "two" && bytes(1) == png && bytes(2) == jpeg));
    CHECK((media[3].kind == EventMedia::Kind::text && bytes(3) == "# words"));
    CHECK((media[4].kind == EventMedia::Kind::text && media[4].step == 40 && bytes(4) == "more"));
    CHECK(parse_event_file(file).size() == 1);
    CHECK(picture_format(jpeg) == "jpg");
    CHECK(picture_format("RIFF1234WEBPVP8") == "webp");
    CHECK(picture_format("RIFF1234").empty());
    // Cut or spoilt anywhere: what is listed lies within the file.
    for (std::size_t at = 0; at < file.size(); ++at) {
        for (const auto& bad :
             {file.substr(0, at), file.substr(0, at) + "\xff" + file.substr(at + 1)})
            for (const auto& one : media_in_event_file(bad))
                REQUIRE(one.offset + one.length <= bad.size());
    }
}

TEST_CASE("tables have series by their header") {
    auto all = parse_table(
        "\xEF\xBB\xBF epoch, train/loss , note,\"acc, top 5\"\r\n"
        "0, 1.5, warm-up, 0.25\r\n"
        "1, , \"two\nlines\", nan\r\n"
        "2, +5e-1, , 1\r\n"
        "3, 0.4");
    REQUIRE(all.size() == 2);
    CHECK(all.at("train/loss").steps == std::vector<double>{0, 2});
    CHECK(all.at("train/loss").values == std::vector<double>{1.5, 0.5});
    CHECK(all.at("acc, top 5").steps == std::vector<double>{0, 1, 2});
    CHECK(std::isnan(all.at("acc, top 5").values[1]));
    // Lightning's: a step beside the epoch, rows that lack some.
    all = parse_table("epoch,step,loss\n0,10,1\n0,20,\n1,30,3\n");
    CHECK(all.at("loss").steps == std::vector<double>{10, 30});
    CHECK(all.at("epoch").values == std::vector<double>{0, 0, 1});
    CHECK(parse_table("a;b\n1,5;2\n").at("b").values == std::vector<double>{2});
    CHECK(parse_table("x\ty\n1\t2\n3\t4\n").at("y").steps == std::vector<double>{0, 1});
    CHECK(parse_table("1,2\n3,4\n").empty());
    CHECK(parse_table("a,b").empty());
    CHECK(parse_table("a,\"b\n1,2\n").empty());
    CHECK(parse_table("").empty());
}

TEST_CASE("which files are sources of metrics") {
    CHECK(metric_source("runs/events.out.tfevents.17.host.1.0", "") == MetricSource::events);
    CHECK(metric_source("lightning_logs/version_0/metrics.csv", "a,b\n") == MetricSource::table);
    CHECK(metric_source("runs/train/results.csv", "   epoch, box\n") == MetricSource::table);
    CHECK(metric_source("out.csv", "name,Epoch,loss\n") == MetricSource::table);
    CHECK(metric_source("iris.csv", "sepal,petal\n5.1,3.5\n") == MetricSource::none);
    CHECK(metric_source("history.tsv", "1\t2\n3\t4\n") == MetricSource::none);
    CHECK(metric_source("results/table.csv", "a,b\n") == MetricSource::none);
    CHECK(metric_source("progress.jsonl", "{\"loss\":1}\n") == MetricSource::lines);
    CHECK(metric_source("x.jsonl", "{\"epoch\":1,\"loss\":1}\n") == MetricSource::lines);
    CHECK(metric_source("chat.jsonl", "{\"text\":\"step\"}\n") == MetricSource::none);
    CHECK(metric_source("weights.bin", "step,loss\n") == MetricSource::none);
}

TEST_CASE("a million points of each kind take seconds") {
    constexpr int points = 1000000;
    std::string table = "step,loss\n";
    std::string events;
    for (int i = 0; i < points; ++i) table += std::to_string(i) + ",0.5\n";
    for (int i = 0; i < points; ++i) events += event(i, scalar("loss", 0.5F));
    auto start = std::chrono::steady_clock::now();
    CHECK(parse_table(table).at("loss").values.size() == points);
    CHECK(parse_event_file(events).at("loss").values.size() == points);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(60));  // unoptimised
}

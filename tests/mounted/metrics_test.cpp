// Metrics of programs that know nothing of us: event files, tables, JSON lines.
#include <algorithm>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

// Writes events as a SummaryWriter does: events.py FILE TAG VALUE… (steps 0, 10, …). A value is a
// number, PICTURE, or TEXT.
const char* events_py =
    "import struct, sys\n"
    "table = []\n"
    "for n in range(256):\n"
    "    for _ in range(8): n = (n >> 1) ^ (0x82F63B78 if n & 1 else 0)\n"
    "    table.append(n)\n"
    "def masked(data):\n"
    "    crc = 0xffffffff\n"
    "    for byte in data: crc = (crc >> 8) ^ table[(crc ^ byte) & 255]\n"
    "    crc ^= 0xffffffff\n"
    "    return struct.pack('<I', (((crc >> 15) | (crc << 17)) + 0xa282ead8) & 0xffffffff)\n"
    "def field(number, data): return bytes([number << 3 | 2, len(data)]) + data\n"
    "with open(sys.argv[1], 'wb') as out:\n"
    "    for i, value in enumerate(sys.argv[3:]):\n"
    "        one = field(1, sys.argv[2].encode())\n"
    "        if value == 'PICTURE': one += field(4, field(4, b'\\x89PNG\\r\\n\\x1a\\n' + "
    "bytes(20)))\n"
    "        elif value == 'TEXT': one += field(8, b'\\x08\\x07' + field(8, b'some words')) + "
    "field(9, field(1, field(1, b'text')))\n"
    "        else: one += b'\\x15' + struct.pack('<f', float(value))\n"
    "        data = b'\\x09' + struct.pack('<d', 1.7e9) + bytes([16, 10 * i]) + field(5, field(1, "
    "one))\n"
    "        size = struct.pack('<Q', len(data))\n"
    "        out.write(size + masked(size) + data + masked(data))\n"
    "    out.write(b'\\x18\\0\\0\\0\\0\\0\\0\\0half a record')\n";

nlohmann::json values(const nlohmann::json& metrics, const std::string& key) {
    return metrics.at(key).at("values");
}

}  // namespace

TEST_CASE("What unmodified trainers write becomes series of their run", "[metrics]") {
    TestMount mount;
    mount.ok("mkdir net old");
    mount.ok("printf 'epoch,acc\\n0,0.1\\n' > old/latest/history.csv");
    const std::string writer = (mount.directory() / "events.py").string();
    mount.ok("cat > " + writer + " <<'END'\n" + std::string(events_py) + "END");
    mount.ok("cat > " + (mount.directory() / "train.sh").string() +
             " <<'END'\nset -e\n"
             "run=.art/run; mkdir -p $run/curves net/latest/tb/val net/latest/tb/train\n"
             "echo '{\"step\": 5, \"own\": 1}' > $run/metrics.jsonl\n"
             "printf 'epoch,acc\\n0,0.5\\n1,0.75\\n' > $run/curves/history.csv\n"
             "printf '{\"epoch\": 1, \"f1\": 0.25}\\n{\"epoch\": 2, \"f1\": 0.5}\\n{\"ep' > "
             "net/latest/x.jsonl\n"
             "python3 " +
             writer +
             " net/latest/tb/train/events.out.tfevents.1.host loss 3 2 1\n"
             "python3 " +
             writer +
             " net/latest/tb/val/events.out.tfevents.2.host loss 4 3\n"
             "python3 " +
             writer +
             " $run/events.out.tfevents.3.host lr 0.5\n"
             "printf 'sepal,petal\\n1,2\\n' > net/latest/iris.csv\n"
             "echo more > old/latest/other\nEND");
    mount.ok("art run --name train -- sh " + (mount.directory() / "train.sh").string());
    auto all = mount.json("metrics @train");
    INFO(all.dump());
    CHECK(values(all, "own") == nlohmann::json{1});
    CHECK(values(all, "acc") == nlohmann::json{0.5, 0.75});
    CHECK(values(all, "f1") == nlohmann::json{0.25, 0.5});
    CHECK(all.at("f1").at("steps") == nlohmann::json{1, 2});
    CHECK(values(all, "lr") == nlohmann::json{0.5});
    CHECK(values(all, "net/tb/train/loss") == nlohmann::json{3, 2, 1});
    CHECK(all.at("net/tb/train/loss").at("steps") == nlohmann::json{0, 10, 20});
    CHECK(values(all, "net/tb/val/loss") == nlohmann::json{4, 3});
    // Not the data set's columns, nor what carried over into a version of this run.
    CHECK(all.size() == 6);
    CHECK(mount.art("show @train").out.find("net/tb/train/loss") != std::string::npos);
    CHECK(mount.art("metrics @train f1 --csv").out == "step,f1\n1,0.25\n2,0.5\n");
    // A killed run keeps what it wrote beside its artifacts.
    CHECK(mount
              .sh("art run --name killed -- sh -c 'printf \"step,loss\\n1,2\\n2,\" > "
                  ".art/run/log.csv; kill -9 $$'")
              .status == 137);
    CHECK(values(mount.json("metrics @killed"), "loss") == nlohmann::json{2});
}

TEST_CASE("Drafts of live and failed runs have metrics too", "[metrics]") {
    TestMount mount;
    mount.ok("mkdir net; mkdir -p net/latest/logs && echo 1 > net/latest/logs/readme");
    CHECK(mount
              .sh("art run --name failed -- sh -c 'printf \"step,loss\\n1,2\\n2,1\\n\" > "
                  "net/latest/logs/log.csv; mkdir net/latest/new; printf \"step,acc\\n1,3\\n\" > "
                  "net/latest/new/log.csv; exit 3'")
              .status == 3);
    auto all = mount.json("metrics @failed");
    INFO(all.dump());
    CHECK(values(all, "loss") == nlohmann::json{2, 1});
    CHECK(values(all, "acc") == nlohmann::json{3});
    CHECK(mount.art("show @failed").out.find("loss") != std::string::npos);
    mount.ok("art commit @failed");
    CHECK(mount.json("metrics @failed") == all);
    // A run that goes on: what it has written up to now.
    mount.ok("mkfifo " + (mount.directory() / "go").string());
    const std::string go = (mount.directory() / "go").string();
    mount.ok(
        "art run --name live -- sh -c 'echo \"{\\\"own\\\":5}\" > .art/run/metrics.jsonl; printf "
        "\"step,loss\\n7,8\\n\" > net/latest/logs/curve.csv; echo > " +
        go + "; cat " + go + "' > /dev/null 2>&1 & cat " + go);
    all = mount.json("metrics @live");
    INFO(all.dump());
    CHECK(values(all, "own") == nlohmann::json{5});
    CHECK(values(all, "loss") == nlohmann::json{8});
    mount.ok("echo > " + go);
}

TEST_CASE("Pictures and texts of event files are media of their run", "[metrics]") {
    TestMount mount;
    mount.ok("mkdir net");
    const std::string writer = (mount.directory() / "events.py").string();
    mount.ok("cat > " + writer + " <<'END'\n" + std::string(events_py) + "END");
    const std::string file = "/events.out.tfevents.1.host ";
    auto train = [&](const std::string& name, const std::string& end) {
        return mount
            .sh("art run --name " + name + " -- sh -c 'mkdir -p .art/run/media net/latest/tb; " +
                "printf PNG > .art/run/media/own.png; python3 " + writer + " .art/run" + file +
                "note TEXT; python3 " + writer + " net/latest/tb" + file +
                "samples/a 1 PICTURE PICTURE; " + end + "'")
            .status;
    };
    auto check = [&](const std::string& run) {
        auto media = mount.json("show @" + run).at("media");
        INFO(media.dump());
        REQUIRE(media.size() == 4);
        CHECK(media[0].at("path") == "media/own.png");
        CHECK(media[1].at("path") == "events/events/note/0.txt");
        CHECK(media[1].at("text") == "some words");
        CHECK(media[2].at("path") == "events/net/tb/samples/a/10.png");
        CHECK(media[3].at("path") == "events/net/tb/samples/a/20.png");
        CHECK(media[3].at("size") == 28);
        auto shown = mount.art("show @" + run).out;
        CHECK(shown.find("some words") != std::string::npos);
        CHECK(shown.find("samples/a/20.png") != std::string::npos);
    };
    CHECK(train("failed", "exit 3") == 3);
    check("failed");
    CHECK(train("good", "true") == 0);
    check("good");
    CHECK(mount.ok("art cat @good/events/net/tb/samples/a/20.png | head -c 4") == "\x89PNG");
    CHECK(mount.ok("art cat @failed/media/own.png") == "PNG");
    CHECK(mount.art("cat @good/nothing").status == 3);
}

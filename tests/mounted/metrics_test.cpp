// Metrics of programs that know nothing of us: event files, tables, JSON lines.
#include <algorithm>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

// Writes events as a SummaryWriter does: events.py FILE TAG VALUE… (steps 0, 10, …).
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
    "        one = field(1, sys.argv[2].encode()) + b'\\x15' + struct.pack('<f', float(value))\n"
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

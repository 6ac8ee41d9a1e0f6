// OpenLineage events while runs happen, to a file and to a URL.
#include <chrono>
#include <fstream>
#include <sstream>
#include <thread>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

using Json = nlohmann::json;

// The events in the file, once one of `type` of the job is among them; what there is after 30 s.
std::vector<Json> events_in(const std::filesystem::path& file, const std::string& job,
                            const std::string& type) {
    std::vector<Json> events;
    for (int tries = 0; tries < 300; ++tries) {
        events.clear();
        std::ifstream lines(file);
        bool there = false;
        for (std::string line; std::getline(lines, line);) {
            events.push_back(Json::parse(line));
            there = there || (events.back().at("eventType") == type &&
                              events.back().at("job").at("name") == job);
        }
        if (there) break;
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return events;
}

std::vector<std::string> types_of(const std::vector<Json>& events, const std::string& job) {
    std::vector<std::string> types;
    for (const auto& event : events)
        if (event.at("job").at("name") == job) types.push_back(event.at("eventType"));
    return types;
}

// What a server gets goes to the file, a line each.
const char* server_py =
    "import http.server, sys\n"
    "class Handler(http.server.BaseHTTPRequestHandler):\n"
    "    def do_POST(self):\n"
    "        body = self.rfile.read(int(self.headers['Content-Length']))\n"
    "        good = self.headers['Content-Type'] == 'application/json'\n"
    "        if good: open(sys.argv[1], 'ab').write(body + b'\\n')\n"
    "        self.send_response(201 if good else 415)\n"
    "        self.end_headers()\n"
    "    def log_message(self, *words): pass\n"
    "server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[3])), Handler)\n"
    "open(sys.argv[2], 'w').write(str(server.server_port))\n"
    "server.serve_forever()\n";

std::string first_line(const std::filesystem::path& file) {
    std::string line;
    for (int tries = 0; tries < 100 && line.empty(); ++tries) {
        std::ifstream in(file);
        if (!std::getline(in, line)) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    return line;
}

void remount(TestMount& mount) {
    mount.umount();
    mount.mount();
}

}  // namespace

TEST_CASE("Events of runs go to a file while they happen, each once", "[events]") {
    TestMount mount;
    auto file = mount.directory() / "events.jsonl";
    mount.ok("mkdir a b && actor write a/latest/x 1");
    CHECK(mount.art("config openlineage ftp://nowhere").status == 2);
    mount.ok("art config openlineage " + file.string());
    remount(mount);
    mount.ok("art run --job-type good -- sh -c 'cat a/latest/x > b/latest/y'");
    auto events = events_in(file, "good", "COMPLETE");
    CHECK(types_of(events, "good") == std::vector<std::string>{"START", "COMPLETE"});
    const auto& last = events.back();
    CHECK(last.at("inputs").at(0).at("name") == "a");
    CHECK(last.at("outputs").at(0).at("name") == "b");
    CHECK(last.at("run").at("runId") == events.front().at("run").at("runId"));
    CHECK(mount.sh("art run --job-type bad -- sh -c 'cat a/latest/x; exit 3'").status == 3);
    CHECK(mount.sh("art run --job-type ill -- sh -c 'cat a/latest/x; kill -9 $$'").status == 137);
    // What was before is not told again by the next worker, nor the next daemon.
    mount.kill_worker();
    remount(mount);
    mount.ok("art run --job-type later -- sh -c 'cat a/latest/x > b/latest/z'");
    events = events_in(file, "later", "COMPLETE");
    CHECK(types_of(events, "good").size() == 2);
    CHECK(types_of(events, "bad") == std::vector<std::string>{"START", "FAIL"});
    CHECK(types_of(events, "ill") == std::vector<std::string>{"START", "ABORT"});
}

TEST_CASE("A URL that nobody answers is complained of once, and gets its events later",
          "[events]") {
    TestMount mount;
    auto file = mount.directory() / "events.jsonl";
    auto port = mount.directory() / "port";
    std::ofstream(mount.directory() / "server.py") << server_py;
    auto serve = [&](const std::string& at) {
        return mount.ok("python3 " + (mount.directory() / "server.py").string() + " " +
                        file.string() + " " + port.string() + " " + at +
                        " > /dev/null 2>&1 < /dev/null & echo $!");
    };
    auto stop = [&](const std::string& pid) { mount.ok("kill " + pid); };
    auto server = serve("0");
    auto number = first_line(port);
    stop(server);
    mount.ok("mkdir a b && art config openlineage http://127.0.0.1:" + number + "/api/v1/lineage");
    remount(mount);
    for (int i = 0; i < 3; ++i)
        mount.ok("art run --job-type early -- artfs_actor write a/latest/x " + std::to_string(i));
    CHECK(mount.json("ls a").size() == 3);
    auto log = mount.store() / "artd.log";
    auto complaints = [&] {
        return mount.sh("grep -c 'openlineage.*events wait' " + log.string()).out;
    };
    for (int tries = 0; tries < 100 && complaints() == "0\n"; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    server = serve(number);
    auto events = events_in(file, "early", "COMPLETE");
    for (int tries = 0; tries < 100 && types_of(events, "early").size() < 6; ++tries) {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        events = events_in(file, "early", "COMPLETE");
    }
    CHECK(types_of(events, "early").size() == 6);
    CHECK(complaints() == "1\n");
    stop(server);
}

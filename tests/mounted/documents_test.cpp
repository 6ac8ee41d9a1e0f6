// `.art` on the mount: every document is there, right, and readable by tools that know nothing of
// us; and the same facts as extended attributes.
#include <algorithm>

#include "mounted/harness.h"
#include "support/catch.h"

namespace {

using Json = nlohmann::json;

// What a run writes of itself and of its version; `maker` and a:v0.
void make(const TestMount& mount) {
    mount.ok("mkdir a b && actor write b/latest/in input");
    mount.ok(
        "art run --name maker --job-type make --config lr=0.5 -- bash -c '"
        "echo said; cat b/latest/in >/dev/null; mkdir a/latest/d; "
        "printf text > a/latest/d/x; "
        "printf \"{\\\"k\\\": 1}\" > a/latest/.art/metadata.json; "
        "echo words > a/latest/.art/description; echo model > a/latest/.art/type; "
        "printf \"{\\\"loss\\\": 2}\" > .art/run/summary.json; "
        "printf \"{\\\"epochs\\\": 3}\" > .art/run/config.json; "
        "echo \"{\\\"step\\\": 1}\" >> .art/run/metrics.jsonl; "
        "mkdir .art/run/media; printf PNG > .art/run/media/i.png'");
    mount.ok("ls a");
}

Json parsed(const TestMount& mount, const std::string& path) {
    return Json::parse(mount.ok("cat " + path));
}

}  // namespace

TEST_CASE("the documents of a version, a run and the project are there and right", "[documents]") {
    TestMount mount;
    make(mount);

    SECTION("of a version") {
        CHECK(parsed(mount, "a/v0/.art/version.json") == mount.json("show a:v0"));
        CHECK(mount.ok("cat a/v0/.art/metadata.json") == "{\"k\": 1}");
        CHECK(mount.ok("cat a/v0/.art/description a/v0/.art/type") == "wordsmodel\n");
        CHECK(mount.ok("cat a/v0/.art/tags").empty());
        CHECK(mount.ok("wc -l < a/v0/.art/manifest.jsonl") == "2\n");
        auto last = Json::parse(mount.ok("tail -n 1 a/v0/.art/manifest.jsonl"));
        CHECK(last.at("path") == "d/x");
        CHECK(last.at("sha256") == mount.json("show a:v0").at("files").at(1).at("sha256"));
        auto lineage = mount.ok("cat a/v0/.art/lineage.json");
        CHECK(lineage.find("make:maker") != std::string::npos);
        CHECK(lineage.find("b:v0") != std::string::npos);
    }
    SECTION("of a run") {
        CHECK(parsed(mount, ".art/runs/maker/run.json") == mount.json("show @maker"));
        CHECK(parsed(mount, ".art/runs/maker/run.json").at("config") ==
              Json{{"lr", 0.5}, {"epochs", 3}});
        CHECK(parsed(mount, ".art/runs/maker/summary.json").at("loss") == 2);
        CHECK(parsed(mount, ".art/runs/maker/config.json").at("epochs") == 3);
        CHECK(mount.ok("cat .art/runs/maker/metrics.jsonl .art/runs/maker/media/i.png") ==
              "{\"step\": 1}\nPNG");
        CHECK(mount.ok("cat .art/runs/maker/output.log") == "said\n");
        CHECK(mount.art("output @maker").out == "said\n");
        auto printed = mount.json("output @maker");
        REQUIRE(printed.size() == 1);
        CHECK((printed[0].at("text") == "said\n" && printed[0].at("stream") == "out"));
        CHECK(printed[0].at("time").get<std::string>().starts_with("20"));
        CHECK(mount.art("output @maker --times").out.ends_with("Z out  said\n"));
        CHECK(mount.ok("cd .art/runs/maker; readlink -f uses/b logs/a") ==
              mount.path().string() + "/b/v0\n" + mount.path().string() + "/a/v0\n");
        CHECK(mount.ok("cat .art/runs/maker/logs/a/d/x") == "text");
        CHECK(mount.sh("echo x > .art/runs/maker/run.json").status != 0);
    }
    SECTION("of the project") {
        CHECK(mount.ok("cat .art/graph.dot").rfind("digraph", 0) == 0);
        CHECK(parsed(mount, ".art/graph.json") == mount.json("graph --explode"));
        auto status = parsed(mount, ".art/status.json");
        CHECK(status.at("mounts").at(0).at("path") == mount.path().string());
        CHECK(status.at("daemon").at("pid") == mount.json("status").at("daemon").at("pid"));
        for (const char* key : {"runs", "drafts", "stale", "warnings"})
            CHECK(status.at(key).is_array());
        mount.ok("actor write b/latest/in changed && ls b");
        CHECK(parsed(mount, ".art/status.json").at("stale") ==
              Json::array({{{"artifact", "a"}, {"version", "v0"}}}));
    }
    SECTION("plain tools read them whole, whatever size stat gives") {
        auto out = mount.directory() / "copies";
        mount.ok(
            "mkdir " + out.string() +
            "; n=0; for d in a/v0/.art/* .art/graph.dot .art/graph.json .art/status.json "
            ".art/runs/maker/*; do [ -f $d ] || continue; n=$((n+1)); "
            "cat $d > " +
            out.string() + "/cat; cp $d " + out.string() +
            "/cp; "
            "dd if=$d of=" +
            out.string() +
            "/dd bs=7 2>/dev/null; "
            "python3 -c 'import sys; sys.stdout.buffer.write(open(sys.argv[1],\"rb\").read())' $d "
            "> " +
            out.string() +
            "/py; case $d in *status.json) continue;; esac; "
            "for t in cp dd py; do cmp " +
            out.string() + "/cat " + out.string() +
            "/$t || { echo $d by $t; exit 1; }; done; done; [ $n -ge 14 ]");
    }
    SECTION("they are reachable, and nothing lists them") {
        CHECK(mount.ok("find . -name .art -o -name version.json | wc -l; ls -a . a a/v0 | grep -c "
                       "'^[.]art$' || true") == "0\n0\n");
        mount.ok("cp -r a/v0 " + (mount.directory() / "taken").string());
        CHECK(shell("find " + (mount.directory() / "taken").string() + " -name .art").out.empty());
        CHECK(mount.ok("ls a/v0/.art | wc -l") == "7\n");
    }
}

TEST_CASE("a live run tells of itself", "[documents]") {
    TestMount mount;
    mount.ok("mkdir a b && actor write b/latest/in input");
    auto out = mount.ok(
        "art run --name lively -- bash -c 'printf \"{\\\"loss\\\": 7}\" > .art/run/summary.json; "
        "actor() { artfs_actor \"$@\"; }; actor read b/latest/in >/dev/null; "
        "actor write a/latest/x 1; cat .art/run/run.json; readlink .art/run/uses/b "
        ".art/run/view/a; "
        "cat a/latest/.art/base b/latest/.art/base'");
    auto end = out.rfind("}\n") + 2;
    auto run = Json::parse(out.substr(0, end));
    CHECK(run.at("state") == "running");
    CHECK(run.at("summary").at("loss") == 7);
    CHECK(run.at("uses").at(0).at("artifact") == "b");
    CHECK(out.substr(end) == "../../../../b/v0\n../../../../a/@lively\n\nv0\n");
    // Anybody's process is in some run; one that has done nothing yet can be looked at too.
    CHECK(Json::parse(mount.ok("python3 -c 'print(open(\".art/run/run.json\").read())'"))
              .at("state") == "running");
}

TEST_CASE("metadata that is no JSON object is kept as text and shown as invalid", "[documents]") {
    TestMount mount;
    mount.ok("mkdir a");
    std::string deep(100000, '[');
    const std::string texts[] = {"no json at all",     "[1, 2]",        "{\"a\": NaN}", "",
                                 "{\"a\": \"\\xff\"}", "{\"a\":" + deep};
    int number = 0;
    for (const auto& text : texts) {
        auto source = mount.directory() / "metadata";
        shell("printf '" + text + "' > " + source.string());
        auto copied = text.size() > 1000
                          ? mount.ok(
                                "python3 -c 'open(\"a/latest/.art/metadata.json\",\"w\").write("
                                "\"{\\\"a\\\":\" + \"[\" * 100000)'")
                          : mount.ok("cat " + source.string() + " > a/latest/.art/metadata.json");
        mount.ok("ls a");
        INFO(text.substr(0, 20));
        auto version = mount.json("show a:v" + std::to_string(number));
        auto kept = mount.ok("cat a/v" + std::to_string(number) + "/.art/metadata.json");
        CHECK(version.at("metadata").at("invalid") == true);
        CHECK(version.at("metadata").contains("text"));
        CHECK(kept.size() >= (text.empty() ? 0u : text.size() > 1000 ? 100001u : 1u));
        CHECK(parsed(mount, "a/v" + std::to_string(number) + "/.art/version.json") == version);
        ++number;
    }
    CHECK(mount.ok("cat a/v0/.art/metadata.json") == "no json at all");
    CHECK(mount.ok("cat a/v1/.art/metadata.json") == "[1, 2]");
}

TEST_CASE("facts are extended attributes", "[documents]") {
    TestMount mount;
    make(mount);
    auto python = [&](const std::string& code) {
        return mount.ok(
            "python3 - <<'PY'\nimport os, errno\n"
            "def get(p, n): return os.getxattr(p, 'user.art.' + n).decode()\n"
            "def put(p, n, v): os.setxattr(p, 'user.art.' + n, v.encode())\n"
            "def fails(code, f, *a):\n"
            "    try: f(*a)\n"
            "    except OSError as e: assert e.errno == code, errno.errorcode[e.errno]\n"
            "    else: raise AssertionError('it worked')\n" +
            code + "\nPY");
    };
    auto version = mount.json("show a:v0");
    SECTION("of versions") {
        auto out = python(
            "for n in 'version type description metadata logged_by digest'.split(): "
            "print(get('a/v0', n))\n"
            "print(get('a/v0/d/x', 'sha256'))\n"
            "fails(errno.ENODATA, get, 'a/v0', 'base')\n"
            "fails(errno.ENODATA, get, 'a/v0', 'nonsense')\n"
            "fails(errno.ENODATA, get, 'a/v0/d', 'sha256')\n"
            "fails(errno.EROFS, put, 'a/v0', 'description', 'x')\n"
            "fails(errno.EROFS, put, 'a/v0/d/x', 'sha256', 'x')\n"
            "assert os.listxattr('a/v0') == [] and os.listxattr('a/v0/d/x') == []\n");
        CHECK(out == "v0\nmodel\nwords\n{\"k\": 1}\nmaker\n" +
                         version.at("digest").get<std::string>() + "\n" +
                         version.at("files").at(1).at("sha256").get<std::string>() + "\n");
        // A look at attributes is no use of the version.
        CHECK(mount.json("runs --all --job-type python3").empty());
    }
    SECTION("of views") {
        python(
            "p = 'a/latest/.'\n"
            "assert get(p, 'base') == get(p, 'version') == 'v0'\n"
            "assert get(p, 'description') == 'words' and get(p, 'type') == 'model'\n"
            "put(p, 'description', 'better words'); put(p, 'metadata', '{\"k\": 2}')\n"
            "assert get(p, 'description') == 'better words'\n"
            "assert open(p + '/.art/description').read() == 'better words'\n"
            "assert open(p + '/.art/metadata.json').read() == '{\"k\": 2}'\n"
            "put(p, 'metadata', '{\"k\": 3}')\n"
            "assert open(p + '/.art/metadata.json').read() == '{\"k\": 3}'\n"
            "open(p + '/.art/metadata.json', 'w').write('{\"k\": 4}')\n"
            "assert get(p, 'metadata') == '{\"k\": 4}' and get(p, 'base') == 'v0'\n"
            "fails(errno.ENODATA, get, p, 'version')\n"
            "fails(errno.EPERM, put, p, 'version', 'v7')\n"
            "fails(errno.EPERM, put, p, 'type', 'other')\n"
            "fails(errno.EPERM, put, 'a/latest/d', 'description', 'x')\n"
            "fails(errno.EEXIST, os.setxattr, p, 'user.art.description', b'x', os.XATTR_CREATE)\n"
            "fails(errno.ENODATA, get, 'a/latest/none' if 0 else 'a/latest/d', 'sha256')\n"
            "assert len(get('a/latest/d/x', 'sha256')) == 64\n"
            "open('a/latest/d/x', 'a').write('!')\n"
            "fails(errno.ENODATA, get, 'a/latest/d/x', 'sha256')\n");
        mount.ok("ls a");
        CHECK(mount.ok("cat a/v1/.art/metadata.json a/v1/.art/description") ==
              "{\"k\": 4}better words");
        python(
            "assert get('a/v1', 'base') == 'v0'\n"
            "open('a/latest/more', 'w').close()\n"
            "os.removexattr('a/latest/.', 'user.art.description')\n"
            "fails(errno.ENODATA, get, 'a/latest/.', 'description')\n"
            "fails(errno.ENODATA, os.removexattr, 'a/latest/.', 'user.art.description')\n");
        mount.ok("ls a");
        CHECK(mount.json("show a:v2").at("description") == "");
    }
    SECTION("of a launcher's view") {
        mount.ok(
            "cd a/latest && python3 -c 'import os; "
            "os.setxattr(\".\", \"user.art.description\", b\"from here\"); "
            "assert os.getxattr(\".\", \"user.art.description\") == b\"from here\"; "
            "open(\"more\", \"w\").close()' && cd .. && ls . >/dev/null");
        CHECK(mount.json("show a:v1").at("description") == "from here");
    }
    SECTION("a type before the first version") {
        python(
            "os.mkdir('c'); put('c/latest/.', 'type', 'table')\n"
            "assert get('c/latest/.', 'type') == 'table'\n"
            "fails(errno.EINVAL, put, 'c/latest/.', 'type', 'no type')\n"
            "open('c/latest/x', 'w').write('1')\n");
        mount.ok("ls c");
        CHECK(mount.json("show c:v0").at("type") == "table");
    }
}

TEST_CASE("names that are not UTF-8 are exact wherever they are told", "[documents]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok(
        "python3 - <<'PY'\n"
        "import os\n"
        "os.mkdir(b'a/latest/d\\xff')\n"
        "open(b'a/latest/d\\xff/\\xfe \\n', 'w').write('odd')\n"
        "open(b'a/latest/plain', 'w').write('even')\n"
        "os.symlink(b'\\x80', b'a/latest/link')\n"
        "PY");
    mount.ok("ls a");
    auto files = mount.json("show a:v0").at("files");
    REQUIRE(files.size() == 4);
    CHECK(files[0].at("path_b64") == "ZP8=");
    CHECK(files[1].at("path_b64") == "ZP8v/iAK");
    CHECK(files[2].at("target_b64") == "gA==");
    CHECK_FALSE(files[3].contains("path_b64"));
    CHECK(mount.ok("art cat $'a:v0/d\\xff/\\xfe \\n'") == "odd");
    CHECK(mount.ok("grep -c path_b64 a/v0/.art/manifest.jsonl") == "2\n");
    mount.ok(
        "python3 -c 'import os; d=b\"a/latest/d\\xff\"; "
        "[open(os.path.join(d,n)).read() for n in os.listdir(d)]; "
        "open(\"a/latest/plain\").read(); open(\"b/latest/x\",\"w\").write(\"1\")'");
    mount.ok("ls b");
    auto use = mount.json("show @" + mount.newest_run("python3")).at("uses").at(0);
    CHECK(use.at("files_b64") == Json::array({"ZP8v/iAK", nullptr}));
    CHECK(use.at("files").size() == 2);
    CHECK(parsed(mount, "b/v0/.art/lineage.json").dump().find("ZP8v/iAK") != std::string::npos);
}

TEST_CASE("what a run prints is kept in order, with its time, up to a limit", "[documents]") {
    TestMount mount;
    mount.ok("art config limits.output_log 1K");
    mount.ok(
        "art run --name talk -- bash -c 'echo one; sleep 0.05; echo two >&2; sleep 0.05; "
        "printf thr; sleep 0.05; echo ee' 2>/dev/null");
    auto printed = mount.json("output @talk");
    INFO(printed.dump());
    REQUIRE(printed.size() == 4);
    CHECK((printed[0].at("text") == "one\n" && printed[1].at("text") == "two\n"));
    CHECK((printed[1].at("stream") == "err" && printed[2].at("stream") == "out"));
    CHECK(printed[0].at("time") < printed[1].at("time"));
    CHECK(printed[2].at("time") < printed[3].at("time"));
    auto lines = mount.art("output @talk --times").out;
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 3);
    CHECK(lines.ends_with(" out  three\n"));
    mount.ok("art run --name loud -- bash -c 'for i in $(seq 1000); do echo $i; done' > /dev/null");
    auto kept = mount.ok("cat .art/runs/loud/output.log .art/runs/loud/output.times");
    CHECK(kept.size() < 1200);
    CHECK(kept.find("the rest was not kept") != std::string::npos);
    CHECK(mount.art("output @nobody").status == 3);
}

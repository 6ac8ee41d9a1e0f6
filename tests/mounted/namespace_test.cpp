// What a user sees: names, links, views and documents, and what is refused.
#include "mounted/harness.h"
#include "support/catch.h"

TEST_CASE("artifacts, versions, aliases", "[namespace]") {
    TestMount mount;
    CHECK(mount.ok("ls -A").empty());
    mount.ok("mkdir -p a/latest");
    CHECK(mount.ok("ls a; ls -l a | grep -o 'latest -> .*'; ls a/latest/") ==
          "latest\nlatest -> new\n");
    mount.ok("rmdir a && mkdir a");
    mount.ok("actor write a/latest/x 1");
    mount.ok("actor write a/latest/x 2");
    CHECK(mount.ok("ls a") == "latest\nv0\nv1\n");
    CHECK(mount.ok("readlink a/latest") == "v1\n");
    mount.ok("ln -s v0 a/best && ln -sfn v1 a/best && ln -s best a/again && mv a/again a/chosen");
    CHECK(mount.ok("readlink a/best a/chosen; cat a/best/x") == "v1\nv1\n2");
    CHECK(mount.json("show a:v1").at("aliases").size() == 3);
    mount.ok("rm a/best");
    CHECK(mount.sh("readlink a/best").status != 0);

    auto refused = [&](const std::string& command, const std::string& why) {
        auto ran = mount.sh(command);
        INFO(command << ": " << ran.err);
        CHECK(ran.status != 0);
        CHECK(ran.err.find(why) != std::string::npos);
    };
    refused("actor symlink v99 a/b2", "ENOENT");
    refused("actor symlink ../other a/b2", "EINVAL");
    refused("actor symlink v0 a/v7", "EPERM");
    refused("actor symlink v0 a/new", "EPERM");
    refused("actor mkdir a/v2", "EPERM");
    refused("actor write a/file x", "EPERM");
    refused("actor write file x", "EPERM");
    refused("actor mkdir 'with space'", "EINVAL");
    refused("actor mkdir .hidden", "EINVAL");
    refused("actor rmdir a", "ENOTEMPTY");
    refused("actor unlink a/latest", "EPERM");
    refused("actor rename a/v0/x x", "EROFS");
    mount.ok("mkdir b");
    refused("actor write b/latest/y 1 : rename b/latest/y a/latest/y", "EXDEV");
    CHECK(mount.sh("rm -rf a").status != 0);
    CHECK(mount.ok("cat a/v0/x a/v1/x") == "12");
}

TEST_CASE("a view has .art, a run has its directory", "[namespace]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok(
        "actor write a/latest/x 1 : write a/latest/.art/metadata.json '{\"k\":[1,2]}' : "
        "write a/latest/.art/description 'What it is' : write a/latest/.art/type model : "
        "write .art/run/config.json '{\"lr\":0.1}' : write .art/run/summary.json '{\"acc\":0.5}' : "
        "append .art/run/metrics.jsonl '{\"step\":1}' : mkdir .art/run/media : write "
        ".art/run/media/i.png PNG");
    auto run = mount.newest_run();
    auto version = mount.json("show a:v0");
    CHECK(version.at("type") == "model");
    CHECK(version.at("description") == "What it is");
    CHECK(version.at("metadata").at("k") == nlohmann::json({1, 2}));
    CHECK(version.at("logged_by") == nlohmann::json({run}));
    CHECK(version.at("files").size() == 1);
    auto document = mount.json("show @" + run);
    CHECK(document.at("config").at("lr") == 0.1);
    CHECK(document.at("summary").at("acc") == 0.5);
    CHECK(document.at("job_type") == "artfs_actor");
    CHECK(document.at("exit_code") == 0);
    CHECK(mount.ok("cat .art/runs/" + run + "/metrics.jsonl .art/runs/" + run + "/media/i.png") ==
          "{\"step\":1}PNG");
    CHECK(mount.ok("ls a/v0/.art | tr '\\n' ' '").find("manifest.jsonl") != std::string::npos);
    CHECK(mount.ok("cat a/v0/.art/metadata.json a/v0/.art/description") ==
          "{\"k\":[1,2]}What it is");
    CHECK(mount.ok("readlink .art/runs/" + run + "/logs/a") == "../../../../a/v0\n");
    CHECK(mount.ok("cat .art/runs/" + run + "/logs/a/x") == "1");
    CHECK(nlohmann::json::parse(mount.ok("cat .art/runs/" + run + "/run.json")).at("name") == run);
    CHECK(nlohmann::json::parse(mount.ok("cat .art/graph.json")).at("nodes").size() == 2);
    CHECK(mount.sh("actor write a/latest/.art/type dataset").status != 0);
    // Metadata carries over like a file, and is kept as it is when it is no JSON object.
    mount.ok("actor write a/latest/x 2");
    CHECK(mount.json("show a:v1").at("metadata").at("k") == nlohmann::json({1, 2}));
    mount.ok("actor write a/latest/.art/metadata.json 'not json'");
    CHECK(mount.ok("cat a/v2/.art/metadata.json") == "not json");
    // The view of a run that is over shows for ever what it sealed.
    CHECK(mount.ok("cat a/@" + run + "/x") == "1");
    CHECK(mount.sh("actor write a/@" + run + "/x no").err.find("EROFS") != std::string::npos);
    CHECK(mount.ok("ls -A a | grep -c @ || true") == "0\n");
}

TEST_CASE("equal content makes no new version", "[namespace]") {
    TestMount mount;
    mount.ok("mkdir a && actor write a/latest/x same");
    mount.ok("actor write a/latest/x same");
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.json("show a:v0").at("logged_by").size() == 2);
    mount.ok("actor unlink a/latest/x");
    CHECK(mount.json("ls a").size() == 2);
    CHECK(mount.ok("ls a/v1").empty());
}

TEST_CASE("concurrent writers make a version each", "[namespace]") {
    TestMount mount;
    mount.ok("mkdir a");
    mount.ok(
        "for i in 1 2 3 4 5 6; do actor sleep 50 : write a/latest/f$i $i : sleep 50 & done; wait");
    CHECK(mount.json("ls a").size() == 6);
    CHECK(mount.json("runs").size() == 6);
}

TEST_CASE("explicit runs", "[runs]") {
    TestMount mount;
    mount.ok("mkdir a");
    auto ran = mount.sh(
        "art run --name mine --job-type fit --config lr=0.5 --tag t1 --type a=model --alias a=best "
        "-- "
        "sh -c 'artfs_actor write a/latest/x 1; artfs_actor write a/latest/y 2; echo printed; exit "
        "0'");
    CHECK(ran.status == 0);
    CHECK(ran.out.find("printed") != std::string::npos);
    auto run = mount.json("show @mine");
    CHECK(run.at("job_type") == "fit");
    CHECK(run.at("config").at("lr") == 0.5);
    CHECK(run.at("tags") == nlohmann::json({"t1"}));
    CHECK(run.at("exit_code") == 0);
    CHECK(mount.json("ls a").size() == 1);
    CHECK(mount.json("show a:best").at("files").size() == 2);
    CHECK(mount.json("show a").at("type") == "model");
    CHECK(mount.ok("cat .art/runs/mine/output.log").find("printed") != std::string::npos);
    CHECK(mount.sh("art run --name mine -- sh -c 'exit 7'").status == 7);
    CHECK(mount.json("show @mine-2").at("state") == "failed");
    CHECK(mount.sh("art run -- sh -c 'kill -15 $$'").status == 143);
    CHECK(mount
              .sh("art run --ok-exit 0,7 --name fine -- sh -c 'artfs_actor write a/latest/z 3; "
                  "exit 7'")
              .status == 7);
    CHECK(mount.json("show @fine").at("state") == "finished");
    CHECK(mount.json("ls a").size() == 2);
    CHECK(mount.ok("art run --pin a=v0 -- artfs_actor stat a/latest/z || echo none").find("none") !=
          std::string::npos);
}

TEST_CASE("a failing stage of a script is one run, the others another each", "[runs]") {
    TestMount mount;
    mount.ok("mkdir a b");
    mount.ok("cat > " + (mount.directory() / "p.sh").string() +
             " <<'E'\n"
             "artfs_actor write a/latest/x 1\n"
             "artfs_actor read a/latest/x : exit 4\n"
             "artfs_actor read a/latest/x : child : write b/latest/y 2\n"
             "E\nbash " +
             (mount.directory() / "p.sh").string());
    auto runs = mount.json("runs --all");
    REQUIRE(runs.size() == 3);
    CHECK(runs[0].at("state") == "finished");
    CHECK(runs[1].at("exit_code") == 4);
    CHECK(mount.uses(runs[0].at("name")) == std::vector<std::string>{"a:v0/x"});
    CHECK(mount.logs(runs[0].at("name")) == std::vector<std::string>{"b:v0"});
}

// The example pipeline (mnist-pipeline.md) on a mount: every row of its table, twice.
#include <cstdlib>

#include "mounted/harness.h"
#include "support/catch.h"

using Names = std::vector<std::string>;
using Json = nlohmann::json;

TEST_CASE("the MNIST pipeline is recorded as its table says", "[pipeline]") {
    const char* stages = std::getenv("ARTFS_STAGES");
    const char* data = std::getenv("ARTFS_MNIST_DATA");
    if (stages == nullptr || data == nullptr) {
        WARN("ARTFS_STAGES and ARTFS_MNIST_DATA are not set: run tests/run");
        return;
    }
    TestMount mount;
    std::string command = std::string("QUICK=1 ART=$PWD DATA=") + data + " BIN=" + stages +
                          " bash " + ARTFS_SOURCE "/examples/mnist/pipeline.sh";
    mount.ok(command);
    auto runs = mount.json("runs --all");
    REQUIRE(runs.size() == 5);
    Names types;
    for (const auto& run : runs) {
        types.insert(types.begin(), run.at("job_type").get<std::string>());
        CHECK(run.at("state") == "finished");
        CHECK(run.at("exit_code") == 0);
    }
    CHECK(types == Names{"load-data", "preprocess-data", "initialize", "train", "report"});
    CHECK(mount.json("runs").size() == 5);

    Json model{{"hidden_layer_sizes", {32, 64}},
               {"kernel_sizes", {3}},
               {"activation", "ReLU"},
               {"pool_sizes", {2}},
               {"dropout", 0.5},
               {"num_classes", 10}};
    auto name = [&](const std::string& type) { return mount.newest_run(type); };
    auto paths = [](const Json& version) {
        Names found;
        for (const auto& file : version.at("files")) found.push_back(file.at("path"));
        return found;
    };
    SECTION("the table") {
        CHECK(mount.uses(name("load-data")).empty());
        CHECK(mount.logs(name("load-data")) == Names{"mnist-raw:v0"});
        auto raw = mount.json("show mnist-raw:v0");
        CHECK(raw.at("type") == "dataset");
        CHECK(raw.at("description") == "Raw MNIST dataset, split into train/val/test");
        CHECK(raw.at("metadata").at("sizes") == Json({2000, 2000, 2000}));
        CHECK(paths(raw) == Names{"test.pt", "training.pt", "validation.pt"});
        CHECK(raw.at("aliases") == Json({"latest"}));
        CHECK(raw.at("used_by") == Json({name("preprocess-data")}));

        CHECK(mount.uses(name("preprocess-data")) == Names{"mnist-raw:v0/test.pt",
                                                           "mnist-raw:v0/training.pt",
                                                           "mnist-raw:v0/validation.pt"});
        CHECK(mount.logs(name("preprocess-data")) == Names{"mnist-preprocess:v0"});
        CHECK(mount.json("show mnist-preprocess").at("metadata") ==
              Json{{"normalize", true}, {"expand_dims", true}});

        CHECK(mount.uses(name("initialize")).empty());
        auto convnet = mount.json("show convnet");
        CHECK(convnet.at("type") == "model");
        CHECK(convnet.at("description") == "Simple AlexNet style CNN");
        CHECK(convnet.at("metadata") == model);
        CHECK(paths(convnet) == Names{"initialized_model.pth"});

        CHECK(mount.uses(name("train")) ==
              Names{"convnet:v0/.art/metadata.json", "convnet:v0/initialized_model.pth",
                    "mnist-preprocess:v0/training.pt", "mnist-preprocess:v0/validation.pt"});
        auto trained = mount.json("show trained-model");
        CHECK(trained.at("type") == "model");
        CHECK(trained.at("metadata") == model);
        auto train = mount.json("show @" + name("train"));
        CHECK(train.at("config").at("batch_size") == 128);
        CHECK(train.at("config").at("optimizer") == "Adam");
        CHECK(train.at("config").at("dropout") == 0.5);

        CHECK(mount.uses(name("report")) == Names{"mnist-preprocess:v0/test.pt",
                                                  "trained-model:v0/.art/metadata.json",
                                                  "trained-model:v0/trained_model.pth"});
        CHECK(mount.logs(name("report")).empty());
        auto report = mount.json("show @" + name("report"));
        CHECK(report.at("summary").at("accuracy").get<double>() > 40);
        CHECK(report.at("summary").contains("loss"));
        CHECK(mount.ok("ls .art/runs/" + name("report") +
                       "/media/high-loss-examples/*.png | wc -l") == "32\n");

        std::string metrics = mount.ok("cat .art/runs/" + name("train") + "/metrics.jsonl");
        CHECK(metrics.find("\"train/loss\"") != std::string::npos);
        CHECK(metrics.find("\"validation/accuracy\"") != std::string::npos);
        CHECK(metrics.find("\"step\":128") != std::string::npos);

        auto graph = mount.json("graph --explode");
        CHECK(graph.at("nodes").size() == 9);
        CHECK(graph.at("edges").size() == 4 + 1 + 2 + 2);
        auto collapsed = mount.json("graph");
        CHECK(collapsed.at("nodes").size() == 7);  // two types, five job types
        CHECK(mount.ok("art lineage trained-model:latest --files")
                  .find("[training.pt, validation.pt]") != std::string::npos);
    }
    SECTION("a second time: new runs, and no version of what did not change") {
        mount.ok(command);
        CHECK(mount.json("runs").size() == 10);
        for (const char* artifact : {"mnist-raw", "mnist-preprocess", "convnet"})
            CHECK(mount.json(std::string("ls ") + artifact).size() == 1);
        CHECK(mount.json("show mnist-raw").at("logged_by").size() == 2);
        mount.kill_daemon();
        mount.mount();
        CHECK(mount.json("runs").size() == 10);
        CHECK(mount.ok("cat trained-model/latest/.art/metadata.json").find("ReLU") !=
              std::string::npos);
    }
    SECTION("Python reads the files, and a Python stage replaces a C++ one") {
        mount.ok(
            "python3 -c 'import torch; x,y=torch.load(\"mnist-preprocess/latest/training.pt\"); "
            "assert x.shape==(2000,1,28,28) and x.dtype==torch.float32 and y.dtype==torch.int64; "
            "s=torch.load(\"trained-model/latest/trained_model.pth\"); assert \"layer1.0.weight\" "
            "in s and \"fc.bias\" in s'");
        mount.ok(std::string("python3 ") + ARTFS_SOURCE +
                 "/examples/mnist/python/preprocess_data.py --in mnist-raw/latest --out "
                 "mnist-preprocess/latest");
        CHECK(mount.uses(name("preprocess_data")).size() == 3);
        mount.ok(
            std::string(stages) +
            "/report --in mnist-preprocess/latest --model trained-model/latest/trained_model.pth "
            "--model-metadata trained-model/latest/.art/metadata.json");
    }
}

// report: the trained model on the test split, and the examples it finds hardest.
#include <png.h>

#include <filesystem>
#include <iostream>

#include "convnet.h"
#include "data.h"
#include "flags.h"

namespace {

using namespace mnist;

void write_png(const std::string& path, const torch::Tensor& image) {
    auto pixels = (image.squeeze() * 255).round().to(torch::kUInt8).contiguous();
    png_image png{};
    png.version = PNG_IMAGE_VERSION;
    png.width = static_cast<png_uint_32>(pixels.size(1));
    png.height = static_cast<png_uint_32>(pixels.size(0));
    png.format = PNG_FORMAT_GRAY;
    if (png_image_write_to_file(&png, path.c_str(), 0, pixels.data_ptr(), 0, nullptr) == 0)
        throw std::runtime_error("cannot write " + path + ": " + png.message);
}

void report(const Flags& flags) {
    const auto& get = [&](const char* name) { return flags[name].as<std::string>(); };
    ConvNet model(read_json(get("model-metadata")));
    load_state(get("model"), model);
    auto [x, y] = load_split(get("in") + "/test.pt");
    auto result = evaluate(model, x, y);
    std::cout << "test loss " << result.loss << ", accuracy " << result.accuracy << " %\n";
    if (flags.count("summary") > 0)
        write_text(
            get("summary"),
            nlohmann::json{{"loss", result.loss}, {"accuracy", result.accuracy}}.dump(2) + "\n");
    if (flags.count("media") == 0) return;
    std::string directory = get("media") + "/high-loss-examples";
    std::filesystem::create_directories(directory);
    auto hardest = result.losses.argsort(0, true).slice(0, 0, flags["hardest"].as<std::int64_t>());
    auto captions = nlohmann::json::array();
    for (std::int64_t i = 0; i < hardest.size(0); ++i) {
        auto example = hardest[i].item<std::int64_t>();
        std::string name = (i < 10 ? "0" : "") + std::to_string(i) + ".png";
        write_png(directory + "/" + name, x[example]);
        captions.push_back(
            {{"file", name},
             {"caption", std::to_string(result.predictions[example].item<std::int64_t>()) + "," +
                             std::to_string(y[example].item<std::int64_t>())}});
    }
    write_text(directory + "/captions.json", captions.dump(2) + "\n");
}

}  // namespace

int main(int argc, char** argv) {
    po::options_description options("Options");
    auto path = [] { return po::value<std::string>()->required(); };
    options.add_options()("in", path()->value_name("DIR"), "test.pt")(
        "model", path()->value_name("FILE"), "the trained model")(
        "model-metadata", path()->value_name("FILE"), "what the network is built from (JSON)")(
        "summary", po::value<std::string>()->value_name("FILE"),
        "write loss and accuracy here (JSON)")("media", po::value<std::string>()->value_name("DIR"),
                                               "write the hardest examples here")(
        "hardest", po::value<std::int64_t>()->default_value(32), "how many");
    return run_stage(argc, argv, "evaluate the model on the test split", options, report);
}

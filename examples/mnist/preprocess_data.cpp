// preprocess-data: images as float32 in [0, 1], shaped (N, 1, 28, 28).
#include "data.h"
#include "flags.h"

int main(int argc, char** argv) {
    using namespace mnist;
    po::options_description options("Options");
    options.add_options()("in", po::value<std::string>()->required()->value_name("DIR"),
                          "the raw splits")("out",
                                            po::value<std::string>()->required()->value_name("DIR"),
                                            "where the processed ones go")(
        "normalize", po::value<bool>()->default_value(true), "scale pixels to [0, 1]")(
        "expand_dims", po::value<bool>()->default_value(true), "add the channel dimension");
    add_about_options(options);
    return run_stage(argc, argv, "normalise and shape the splits", options, [](const Flags& flags) {
        bool normalize = flags["normalize"].as<bool>();
        bool expand = flags["expand_dims"].as<bool>();
        for (const char* name : {"training.pt", "validation.pt", "test.pt"}) {
            auto [x, y] = load_split(flags["in"].as<std::string>() + "/" + name);
            if (normalize) x = x.to(torch::kFloat32) / 255;
            if (expand) x = x.unsqueeze(1);
            save_split(flags["out"].as<std::string>() + "/" + name, {x, y});
        }
        write_about(flags, {{"normalize", normalize}, {"expand_dims", expand}},
                    "MNIST, preprocessed", "dataset");
    });
}

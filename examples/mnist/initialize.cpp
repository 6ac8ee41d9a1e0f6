// initialize: a network that has learned nothing yet, and the configuration it is built from.
#include "convnet.h"
#include "flags.h"

int main(int argc, char** argv) {
    using namespace mnist;
    po::options_description options("Options");
    options.add_options()("out", po::value<std::string>()->required()->value_name("DIR"),
                          "where initialized_model.pth goes")(
        "config", po::value<std::string>()->value_name("FILE"),
        "the model's configuration (JSON; default: the tutorial's)")(
        "seed", po::value<std::uint64_t>()->default_value(0), "for the initial weights")(
        "run-config-out", po::value<std::string>()->value_name("FILE"),
        "write the configuration here, too");
    add_about_options(options);
    return run_stage(argc, argv, "make an untrained model", options, [](const Flags& flags) {
        torch::manual_seed(flags["seed"].as<std::uint64_t>());
        auto config = flags.count("config") > 0 ? read_json(flags["config"].as<std::string>())
                                                : default_model_config();
        ConvNet model(config);
        save_state(flags["out"].as<std::string>() + "/initialized_model.pth", model);
        if (flags.count("run-config-out") > 0)
            write_text(flags["run-config-out"].as<std::string>(), config.dump(2) + "\n");
        write_about(flags, config, "Simple AlexNet style CNN", "model");
    });
}

// train: the model, built from its metadata, on the training split; metrics as JSON lines.
#include <unistd.h>

#include <fstream>
#include <iostream>

#include "convnet.h"
#include "data.h"
#include "flags.h"

namespace {

using namespace mnist;
using nlohmann::json;

// One JSON object a line, each with its step.
class Metrics {
public:
    explicit Metrics(const Flags& flags) {
        if (flags.count("metrics") > 0)
            out_.open(flags["metrics"].as<std::string>(), std::ios::app);
    }
    void log(std::int64_t step, json values) {
        values["step"] = step;
        if (out_.is_open()) out_ << values.dump() << std::endl;
    }

private:
    std::ofstream out_;
};

std::unique_ptr<torch::optim::Optimizer> make_optimizer(const std::string& name, ConvNet& model) {
    if (name == "Adam") return std::make_unique<torch::optim::Adam>(model->parameters());
    if (name == "SGD")
        return std::make_unique<torch::optim::SGD>(model->parameters(),
                                                   torch::optim::SGDOptions(0.01));
    throw InputError("unknown optimizer '" + name + "': use Adam or SGD");
}

void train(const Flags& flags) {
    const auto& get = [&](const char* name) { return flags[name].as<std::string>(); };
    torch::manual_seed(flags["seed"].as<std::uint64_t>());
    json config{{"batch_size", flags["batch_size"].as<int>()},
                {"epochs", flags["epochs"].as<int>()},
                {"batch_log_interval", flags["batch_log_interval"].as<int>()},
                {"optimizer", get("optimizer")}};
    auto model_config = read_json(get("model-metadata"));
    config.update(model_config);
    if (flags.count("run-config-out") > 0) write_text(get("run-config-out"), config.dump(2) + "\n");

    ConvNet model(model_config);
    load_state(get("model"), model);
    auto [x, y] = load_split(get("in") + "/training.pt");
    auto [validation_x, validation_y] = load_split(get("in") + "/validation.pt");
    auto optimizer = make_optimizer(get("optimizer"), model);
    Metrics metrics(flags);
    const std::int64_t batch = config["batch_size"];
    const std::int64_t interval = config["batch_log_interval"];
    const int epochs = config["epochs"];
    const bool terminal = isatty(STDERR_FILENO) == 1;
    std::int64_t examples = 0;
    for (int epoch = 0; epoch < epochs; ++epoch) {
        model->train();
        auto order = torch::randperm(x.size(0));
        for (std::int64_t at = 0, number = 0; at < x.size(0); at += batch, ++number) {
            auto chosen = order.slice(0, at, std::min(at + batch, x.size(0)));
            optimizer->zero_grad();
            auto loss = torch::nn::functional::cross_entropy(
                model->forward(x.index_select(0, chosen)), y.index_select(0, chosen));
            loss.backward();
            optimizer->step();
            examples += chosen.size(0);
            if (number % interval != 0) continue;
            metrics.log(examples, {{"epoch", epoch}, {"train/loss", loss.item<double>()}});
            if (terminal)
                std::cerr << "\repoch " << epoch + 1 << "/" << epochs << "  "
                          << 100 * at / x.size(0) << " %" << std::flush;
        }
        auto validation = evaluate(model, validation_x, validation_y);
        metrics.log(examples, {{"epoch", epoch},
                               {"validation/loss", validation.loss},
                               {"validation/accuracy", validation.accuracy}});
        std::cerr << (terminal ? "\r" : "") << "epoch " << epoch + 1 << "/" << epochs
                  << "  validation loss " << validation.loss << ", accuracy " << validation.accuracy
                  << " %\n";
    }
    save_state(get("out") + "/trained_model.pth", model);
    write_about(flags, model_config, "ConvNet trained on MNIST", "model");
}

}  // namespace

int main(int argc, char** argv) {
    po::options_description options("Options");
    auto path = [] { return po::value<std::string>()->required(); };
    options.add_options()("in", path()->value_name("DIR"), "training.pt and validation.pt")(
        "model", path()->value_name("FILE"), "the initialized model")(
        "model-metadata", path()->value_name("FILE"), "what the network is built from (JSON)")(
        "out", path()->value_name("DIR"), "where trained_model.pth goes")(
        "batch_size", po::value<int>()->default_value(128), "")(
        "epochs", po::value<int>()->default_value(5), "")("batch_log_interval",
                                                          po::value<int>()->default_value(25),
                                                          "log the loss every so many batches")(
        "optimizer", po::value<std::string>()->default_value("Adam"), "Adam or SGD")(
        "seed", po::value<std::uint64_t>()->default_value(0),
        "for the order of examples and for dropout")("metrics",
                                                     po::value<std::string>()->value_name("FILE"),
                                                     "append metrics here, as JSON lines")(
        "run-config-out", po::value<std::string>()->value_name("FILE"),
        "write the merged configuration here");
    add_about_options(options);
    return run_stage(argc, argv, "train the model", options, train);
}

#include "convnet.h"

#include "files.h"
#include "flags.h"

namespace mnist {

namespace {

torch::nn::AnyModule activation(const std::string& name) {
    if (name == "ReLU") return torch::nn::AnyModule(torch::nn::ReLU());
    if (name == "GELU") return torch::nn::AnyModule(torch::nn::GELU());
    if (name == "Tanh") return torch::nn::AnyModule(torch::nn::Tanh());
    if (name == "Sigmoid") return torch::nn::AnyModule(torch::nn::Sigmoid());
    throw InputError("unknown activation '" + name + "' in the model's metadata");
}

torch::nn::Sequential layer(std::int64_t in, std::int64_t out, std::int64_t kernel,
                            const std::string& activation_name, std::int64_t pool) {
    torch::nn::Sequential made;
    made->push_back(torch::nn::Conv2d(in, out, kernel));
    made->push_back(activation(activation_name));
    made->push_back(torch::nn::MaxPool2d(pool));
    return made;
}

}  // namespace

nlohmann::json default_model_config() {
    return {{"hidden_layer_sizes", {32, 64}},
            {"kernel_sizes", {3}},
            {"activation", "ReLU"},
            {"pool_sizes", {2}},
            {"dropout", 0.5},
            {"num_classes", 10}};
}

ConvNetImpl::ConvNetImpl(const nlohmann::json& config) {
    try {
        auto hidden = config.at("hidden_layer_sizes").get<std::vector<std::int64_t>>();
        auto kernels = config.at("kernel_sizes").get<std::vector<std::int64_t>>();
        auto pools = config.at("pool_sizes").get<std::vector<std::int64_t>>();
        auto name = config.at("activation").get<std::string>();
        if (hidden.empty() || kernels.empty() || pools.empty())
            throw InputError("the model's metadata has an empty list");
        layer1 = register_module("layer1",
                                 layer(1, hidden.front(), kernels.front(), name, pools.front()));
        layer2 = register_module(
            "layer2", layer(hidden.front(), hidden.back(), kernels.back(), name, pools.back()));
        layer3 = register_module(
            "layer3",
            torch::nn::Sequential(torch::nn::Flatten(),
                                  torch::nn::Dropout(config.at("dropout").get<double>())));
        auto flat = layer2->forward(layer1->forward(torch::zeros({1, 1, 28, 28}))).numel();
        fc = register_module("fc",
                             torch::nn::Linear(flat, config.at("num_classes").get<std::int64_t>()));
    } catch (const nlohmann::json::exception& wrong) {
        throw InputError(std::string("the model's metadata is not complete: ") + wrong.what());
    }
}

torch::Tensor ConvNetImpl::forward(torch::Tensor x) {
    return fc->forward(layer3->forward(layer2->forward(layer1->forward(x))));
}

torch::OrderedDict<std::string, torch::Tensor> ConvNetImpl::state() const {
    return named_parameters();
}

void save_state(const std::string& path, const ConvNet& model) {
    c10::Dict<std::string, torch::Tensor> state;
    for (const auto& parameter : model->state())
        state.insert(parameter.key(), parameter.value().detach().contiguous());
    write_pickle(path, state);
}

void load_state(const std::string& path, ConvNet& model) {
    auto value = read_pickle(path);
    if (!value.isGenericDict()) throw InputError(path + " holds no state dict");
    torch::NoGradGuard no_gradient;
    auto state = value.toGenericDict();
    for (auto& parameter : model->state()) {
        if (!state.contains(parameter.key()))
            throw InputError(path + " lacks '" + parameter.key() + "': it is of another model");
        parameter.value().copy_(state.at(parameter.key()).toTensor());
    }
}

Evaluation evaluate(ConvNet& model, const torch::Tensor& x, const torch::Tensor& y) {
    torch::NoGradGuard no_gradient;
    model->eval();
    std::vector<torch::Tensor> losses;
    std::vector<torch::Tensor> predictions;
    for (std::int64_t at = 0; at < x.size(0); at += 1000) {
        auto end = std::min<std::int64_t>(at + 1000, x.size(0));
        auto output = model->forward(x.slice(0, at, end));
        losses.push_back(torch::nn::functional::cross_entropy(
            output, y.slice(0, at, end),
            torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kNone)));
        predictions.push_back(output.argmax(1));
    }
    Evaluation result;
    result.losses = torch::cat(losses);
    result.predictions = torch::cat(predictions);
    result.loss = result.losses.mean().item<double>();
    result.accuracy = 100.0 * result.predictions.eq(y).to(torch::kFloat64).mean().item<double>();
    return result;
}

}  // namespace mnist

// The network of the tutorial, built from a model's metadata.
#pragma once

#include <torch/torch.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mnist {

struct ConvNetImpl : torch::nn::Module {
    explicit ConvNetImpl(
        const nlohmann::json& config);  // throws InputError where it is not complete
    torch::Tensor forward(torch::Tensor x);
    // Parameters by the names that the tutorial's Python module gives them ("layer1.0.weight").
    torch::OrderedDict<std::string, torch::Tensor> state() const;

    torch::nn::Sequential layer1, layer2, layer3;
    torch::nn::Linear fc{nullptr};
};
TORCH_MODULE(ConvNet);

nlohmann::json default_model_config();

// A state dict: a dictionary of tensors by name.
void save_state(const std::string& path, const ConvNet& model);
void load_state(const std::string& path, ConvNet& model);

struct Evaluation {
    double loss = 0;                    // mean cross-entropy
    double accuracy = 0;                // percent
    torch::Tensor losses, predictions;  // per example
};
Evaluation evaluate(ConvNet& model, const torch::Tensor& x, const torch::Tensor& y);

}  // namespace mnist

// MNIST's IDX files, and tensors in files that Python's torch.load reads.
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>

namespace mnist {

// Images and labels: x, y.
using Split = std::pair<torch::Tensor, torch::Tensor>;

// The IDX format is described on MNIST's own page (yann.lecun.com/exdb/mnist): big-endian numbers,
// magic 0x00000803 for images (count, rows, columns), 0x00000801 for labels (count).
torch::Tensor read_images(const std::string& path);  // uint8 (N, 28, 28)
torch::Tensor read_labels(const std::string& path);  // int64 (N)

// A pickled tuple (x, y), in torch.save's zip form.
void save_split(const std::string& path, const Split& split);
Split load_split(const std::string& path);

}  // namespace mnist

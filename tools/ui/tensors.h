// Names, shapes and types of the tensors in a file, from its headers alone.
//
//   .safetensors   u64 length, then JSON: {"name": {"dtype", "shape", "data_offsets"}}
//   .npz, .npy     a zip of arrays; "\x93NUMPY", version, length, then a Python literal
//   .pt, .pth      a zip with NAME/data.pkl, a pickle of calls; read by pickle.h, never run
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"

namespace artfs::ui {

bool is_tensor_file(const std::string& ending);

// [{"name": "fc.weight", "shape": [10, 64], "dtype": "float32"}]
Result<nlohmann::json> read_tensors(const std::string& ending, int fd, std::uint64_t offset,
                                    std::uint64_t length);

}  // namespace artfs::ui

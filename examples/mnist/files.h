// Values in files of torch.save's zip form: what is written here Python's torch.load reads, and the
// other way round.
#pragma once

#include <torch/torch.h>

#include <string>

namespace mnist {

void write_pickle(const std::string& path, const c10::IValue& value);
c10::IValue read_pickle(const std::string& path);

}  // namespace mnist

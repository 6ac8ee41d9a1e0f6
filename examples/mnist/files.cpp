#include "files.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/import.h>
#include <torch/csrc/jit/serialization/import_read.h>
#include <torch/serialize.h>

#include "flags.h"

namespace mnist {

void write_pickle(const std::string& path, const c10::IValue& value) {
    auto bytes = torch::pickle_save(value);
    write_text(path, std::string(bytes.begin(), bytes.end()));
}

c10::IValue read_pickle(const std::string& path) {
    auto bytes = read_text(path);
    try {
        return torch::pickle_load(std::vector<char>(bytes.begin(), bytes.end()));
    } catch (const c10::Error&) {
        throw InputError(path + " is no file of torch.save's form");
    }
}

}  // namespace mnist

#include "data.h"

#include "files.h"
#include "flags.h"

namespace mnist {

namespace {

std::uint32_t big_endian(const std::string& bytes, std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i)
        value = value << 8U | static_cast<unsigned char>(bytes.at(at + i));
    return value;
}

torch::Tensor body(const std::string& bytes, std::size_t header, std::vector<std::int64_t> shape,
                   const std::string& path) {
    std::int64_t size = 1;
    for (auto length : shape) size *= length;
    if (bytes.size() != header + static_cast<std::size_t>(size))
        throw InputError(path + " has the wrong length: fetch it again");
    auto tensor = torch::empty(shape, torch::kUInt8);
    std::memcpy(tensor.data_ptr(), bytes.data() + header, static_cast<std::size_t>(size));
    return tensor;
}

}  // namespace

torch::Tensor read_images(const std::string& path) {
    auto bytes = read_text(path);
    if (bytes.size() < 16 || big_endian(bytes, 0) != 0x803)
        throw InputError(path + " holds no IDX images");
    return body(bytes, 16, {big_endian(bytes, 4), big_endian(bytes, 8), big_endian(bytes, 12)},
                path);
}

torch::Tensor read_labels(const std::string& path) {
    auto bytes = read_text(path);
    if (bytes.size() < 8 || big_endian(bytes, 0) != 0x801)
        throw InputError(path + " holds no IDX labels");
    return body(bytes, 8, {big_endian(bytes, 4)}, path).to(torch::kInt64);
}

void save_split(const std::string& path, const Split& split) {
    write_pickle(path,
                 c10::ivalue::Tuple::create({split.first.contiguous(), split.second.contiguous()}));
}

Split load_split(const std::string& path) {
    auto value = read_pickle(path);
    if (!value.isTuple() || value.toTuple()->elements().size() != 2)
        throw InputError(path + " holds no pair of tensors");
    const auto& parts = value.toTuple()->elements();
    return {parts[0].toTensor(), parts[1].toTensor()};
}

}  // namespace mnist

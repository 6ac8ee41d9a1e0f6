#include "ui/tensors.h"

#include <unistd.h>
#include <zip.h>

#include <map>
#include <memory>
#include <set>

#include "base/bytes.h"
#include "lineage/text.h"
#include "ui/pickle.h"

namespace artfs::ui {

namespace {

using Json = nlohmann::json;
using Is = PickleValue::Is;

constexpr std::size_t most_header = std::size_t{64} << 20U;
constexpr std::size_t most_tensors = 20000;

std::string bytes_at(int fd, std::uint64_t offset, std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
        auto got = pread(fd, text.data() + have, bytes - have, static_cast<off_t>(offset + have));
        if (got <= 0) throw FormatError("the file ends early");
        have += static_cast<std::size_t>(got);
    }
    return text;
}

Json from_safetensors(int fd, std::uint64_t offset, std::uint64_t length) {
    if (length < 8) throw FormatError("the file is shorter than its header");
    auto first = bytes_at(fd, offset, 8);
    auto bytes = Decoder(first).u64();
    if (bytes > most_header || bytes > length - 8) throw FormatError("the header is too long");
    auto header = Json::parse(bytes_at(fd, offset + 8, bytes), nullptr, false);
    if (!header.is_object()) throw FormatError("the header is no JSON object");
    auto list = Json::array();
    for (const auto& [name, tensor] : header.items()) {
        if (name == "__metadata__" || !tensor.is_object()) continue;
        list.push_back({{"name", name},
                        {"shape", tensor.value("shape", Json::array())},
                        {"dtype", tensor.value("dtype", "")}});
    }
    return list;
}

// {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
Json from_npy_header(const std::string& name, const std::string& start) {
    if (!start.starts_with("\x93NUMPY") || start.size() < 12) throw FormatError("no NumPy array");
    bool first_form = start[6] == 1;
    std::size_t header = first_form ? 10 : 12;
    auto text = start.substr(header);
    auto after = [&](const std::string& key) {
        auto at = text.find("'" + key + "':");
        if (at == std::string::npos) throw FormatError("a NumPy header without " + key);
        return text.find_first_not_of(' ', at + key.size() + 3);
    };
    auto descr = after("descr");
    std::string dtype = descr < text.size() && text[descr] == '\''
                            ? text.substr(descr + 1, text.find('\'', descr + 1) - descr - 1)
                            : "structured";
    auto from = text.find('(', after("shape"));
    auto to = text.find(')', from);
    if (to == std::string::npos) throw FormatError("a NumPy header without a shape");
    auto shape = Json::array();
    for (std::size_t at = from + 1; at < to;) {
        auto digits = text.find_first_of("0123456789", at);
        if (digits >= to) break;
        auto end = std::min(text.find_first_not_of("0123456789", digits), to);
        shape.push_back(Json::parse(text.substr(digits, end - digits), nullptr, false));
        at = end + 1;
    }
    return {{"name", lossy_utf8(name)}, {"shape", shape}, {"dtype", lossy_utf8(dtype)}};
}

// A zip archive in part of a file.
class Archive {
public:
    Archive(int fd, std::uint64_t offset, std::uint64_t length) {
        file_ = fdopen(dup(fd), "rb");
        if (file_ == nullptr) throw FormatError("the file cannot be read");
        zip_error_t error;
        zip_error_init(&error);
        auto* source =
            zip_source_filep_create(file_, offset, static_cast<zip_int64_t>(length), &error);
        if (source == nullptr) {
            std::fclose(file_);
            throw FormatError("the file cannot be read");
        }
        archive_ = zip_open_from_source(source, ZIP_RDONLY, &error);
        if (archive_ == nullptr) {
            zip_source_free(source);
            throw FormatError("no zip archive");
        }
    }
    ~Archive() { zip_discard(archive_); }
    Archive(const Archive&) = delete;
    Archive& operator=(const Archive&) = delete;

    std::vector<std::string> names() const {
        std::vector<std::string> found;
        auto count = zip_get_num_entries(archive_, 0);
        for (zip_int64_t i = 0; i < count; ++i)
            if (const char* name =
                    zip_get_name(archive_, static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW))
                found.emplace_back(name);
        return found;
    }
    std::string start_of(const std::string& name, std::size_t most) const {
        std::unique_ptr<zip_file_t, int (*)(zip_file_t*)> member(
            zip_fopen(archive_, name.c_str(), ZIP_FL_ENC_RAW), zip_fclose);
        if (!member) throw FormatError("the archive is damaged");
        std::string text;
        char chunk[65536];
        while (text.size() < most) {
            auto got = zip_fread(member.get(), chunk, std::min(sizeof chunk, most - text.size()));
            if (got < 0) throw FormatError("the archive is damaged");
            if (got == 0) break;
            text.append(chunk, static_cast<std::size_t>(got));
        }
        return text;
    }

private:
    std::FILE* file_ = nullptr;  // closed with the archive
    zip_t* archive_ = nullptr;
};

Json from_npz(const Archive& archive) {
    auto list = Json::array();
    for (const auto& name : archive.names()) {
        if (!name.ends_with(".npy") || list.size() == most_tensors) continue;
        list.push_back(
            from_npy_header(name.substr(0, name.size() - 4), archive.start_of(name, 4096)));
    }
    return list;
}

// Finds calls of torch's rebuilders in what a pickle would build, and names them by their keys.
class TensorFinder {
public:
    Json find(const PickleValue& top) {
        look("", top, 0);
        return std::move(list_);
    }

private:
    static bool is_call_of(const PickleValue& value, const char* name) {
        return value.is == Is::call && !value.items.empty() && value.items[0]->is == Is::global &&
               value.items[0]->text == name;
    }

    static std::string joined(const std::string& path, const std::string& key) {
        return path.empty() ? key : path + "." + key;
    }

    // ("storage", torch.FloatStorage, key, device, count)
    static std::string dtype_of(const PickleValue& storage) {
        static const std::map<std::string, std::string> types{{"Float", "float32"},
                                                              {"Double", "float64"},
                                                              {"Half", "float16"},
                                                              {"BFloat16", "bfloat16"},
                                                              {"Long", "int64"},
                                                              {"Int", "int32"},
                                                              {"Short", "int16"},
                                                              {"Char", "int8"},
                                                              {"Byte", "uint8"},
                                                              {"Bool", "bool"},
                                                              {"ComplexFloat", "complex64"},
                                                              {"ComplexDouble", "complex128"}};
        if (storage.items.size() < 2) return "?";
        auto name = storage.items[1]->text;
        if (auto dot = name.rfind('.'); dot != std::string::npos) name = name.substr(dot + 1);
        if (name.ends_with("Storage")) name.resize(name.size() - 7);
        auto found = types.find(name);
        return found == types.end() ? lossy_utf8(name) : found->second;
    }

    void tensor(const std::string& name, const PickleValue& call) {
        auto shape = Json::array();
        for (const auto* size : call.items[3]->items) shape.push_back(size->integer);
        list_.push_back({{"name", name.empty() ? "tensor" : lossy_utf8(name)},
                         {"shape", shape},
                         {"dtype", dtype_of(*call.items[1])}});
    }

    void look(const std::string& path, const PickleValue& value, unsigned depth) {
        if (depth > 64 || list_.size() == most_tensors || ++looked_ > 500'000) return;
        if (is_call_of(value, "torch._utils._rebuild_tensor_v2") && value.items.size() > 3)
            return tensor(path, value);
        bool wraps = is_call_of(value, "torch._utils._rebuild_parameter") ||
                     is_call_of(value, "torch.jit._pickle.restore_type_tag");
        if (wraps && value.items.size() > 1) return look(path, *value.items[1], depth + 1);
        // An OrderedDict is a call to which items are added.
        std::size_t first = value.is == Is::call ? 1 : 0;
        bool keyed = value.is == Is::dict || is_call_of(value, "collections.OrderedDict");
        if (keyed && first == 1 && value.items.size() % 2 == 0) ++first;
        for (std::size_t i = first; i < value.items.size(); ++i) {
            if (keyed && i + 1 < value.items.size()) {
                const auto& key = *value.items[i];
                auto name = key.is == Is::integer ? std::to_string(key.integer) : key.text;
                look(joined(path, name), *value.items[++i], depth + 1);
            } else {
                look(joined(path, std::to_string(i - first)), *value.items[i], depth + 1);
            }
        }
    }

    Json list_ = Json::array();
    std::size_t looked_ = 0;
};

Json from_torch(const Archive& archive) {
    for (const auto& name : archive.names()) {
        if (!name.ends_with("/data.pkl")) continue;
        return TensorFinder().find(*read_pickle(archive.start_of(name, most_header)).top);
    }
    throw FormatError("no file of torch.save: it has no data.pkl");
}

}  // namespace

bool is_tensor_file(const std::string& ending) {
    static const std::set<std::string> endings{"pt", "pth", "safetensors", "npz", "npy"};
    return endings.count(ending) > 0;
}

Result<Json> read_tensors(const std::string& ending, int fd, std::uint64_t offset,
                          std::uint64_t length) {
    try {
        if (ending == "safetensors") return from_safetensors(fd, offset, length);
        if (ending == "npy") {
            auto start = bytes_at(fd, offset, std::min<std::uint64_t>(length, 4096));
            return Json::array({from_npy_header("array", start)});
        }
        Archive archive(fd, offset, length);
        return ending == "npz" ? from_npz(archive) : from_torch(archive);
    } catch (const FormatError& damage) {
        return fail(EINVAL, damage.what());
    } catch (const Json::exception&) {
        return fail(EINVAL, "the header has values of other types than it should");
    }
}

}  // namespace artfs::ui

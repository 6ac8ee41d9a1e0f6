// What the pages read from other people's files: names and shapes, and no more, whatever is in
// them.
#include "ui/tensors.h"

#include <fcntl.h>
#include <zip.h>

#include <fstream>

#include "base/bytes.h"
#include "base/fd.h"
#include "support/catch.h"
#include "support/scratch.h"
#include "ui/pickle.h"

using namespace artfs;
using namespace artfs::ui;
using Json = nlohmann::json;
using namespace std::string_literals;

namespace {

// {"w": torch._utils._rebuild_tensor_v2(("storage", torch.HalfStorage), 0, (2, 3))}
const std::string a_state =
    "\x80\x02}X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(X\x07\0\0\0storagectorch\nHalfStorage\n\x86QK\0K\x02K\x03\x86tRs."s;

std::string safetensors(const std::string& header) {
    std::string bytes;
    for (unsigned i = 0; i < 8; ++i)
        bytes.push_back(static_cast<char>(header.size() >> (8 * i) & 0xff));
    return bytes + header;
}

class File {
public:
    explicit File(const std::string& bytes) { std::ofstream(path(), std::ios::binary) << bytes; }
    // A zip archive of one member, as torch.save writes it.
    static std::string archive_of(const std::string& member, const std::string& bytes) {
        Scratch at;
        auto where = (at.path() / "a.zip").string();
        int error = 0;
        auto* zip = zip_open(where.c_str(), ZIP_CREATE, &error);
        REQUIRE(zip != nullptr);
        REQUIRE(zip_file_add(zip, member.c_str(),
                             zip_source_buffer(zip, bytes.data(), bytes.size(), 0), 0) >= 0);
        REQUIRE(zip_close(zip) == 0);
        return *read_file(where);
    }
    Result<Json> tensors(const std::string& ending) const {
        auto fd = open_file(path(), O_RDONLY);
        return read_tensors(ending, fd->get(), 0, std::filesystem::file_size(path()));
    }

private:
    std::filesystem::path path() const { return scratch_.path() / "file"; }
    Scratch scratch_;
};

}  // namespace

TEST_CASE("A torch file's tensors are read from its pickle", "[ui]") {
    auto found = File(File::archive_of("net/data.pkl", a_state)).tensors("pt");
    REQUIRE(found);
    CHECK(*found == Json::parse(R"([{"name":"w","shape":[2,3],"dtype":"float16"}])"));
}

TEST_CASE("A call in a pickle is looked at and not made", "[ui]") {
    auto pickle = read_pickle(
        "\x80\x02"
        "cos\nsystem\nX\x04\0\0\0true\x85R."s);
    REQUIRE(pickle.top->is == PickleValue::Is::call);
    CHECK(pickle.top->items[0]->text == "os.system");
    CHECK(pickle.top->items[1]->text == "true");
}

TEST_CASE("A short pickle cannot ask for much memory", "[ui]") {
    // A tuple, kept; then calls of it with itself, each of which holds its items once more.
    std::string bytes = "\x80\x02(NNNNNNNNNNNNNNNNtq\0"s;
    for (int i = 0; i < 200'000; ++i) bytes += "h\0h\0R0"s;
    CHECK_THROWS_AS(read_pickle(bytes + "."), FormatError);
}

TEST_CASE("A header with values of other types is refused in words", "[ui]") {
    for (const char* header : {R"({"w":{"dtype":7,"shape":[1]}})", R"([1])", R"({"w")", ""}) {
        auto found = File(safetensors(header)).tensors("safetensors");
        CHECK((!found && !found.error().message.empty()));
    }
    CHECK(File(safetensors(R"({"__metadata__":{},"w":{"dtype":"F16","shape":[]}})"))
              .tensors("safetensors")
              ->size() == 1);
    CHECK(!File("\xff\xff\xff\xff\xff\xff\xff\x7f{}"s).tensors("safetensors"));
}

TEST_CASE("Damage anywhere in a file is an error or other names, and nothing worse", "[ui]") {
    const std::pair<const char*, std::string> files[] = {
        {"pt", File::archive_of("net/data.pkl", a_state)},
        {"npz",
         File::archive_of(
             "a.npy",
             "\x93NUMPY\x01\0\x40\0{'descr': '<f8', 'fortran_order': False, 'shape': (5, 4), }"s)},
        {"safetensors", safetensors(R"({"w":{"dtype":"F16","shape":[2]}})")}};
    for (const auto& [ending, whole] : files) {
        REQUIRE(File(whole).tensors(ending));
        for (std::size_t at = 0; at < whole.size(); ++at) {
            for (unsigned change : {0x01U, 0x80U, 0xffU}) {
                auto damaged = whole;
                damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ change);
                auto found = File(damaged).tensors(ending);
                CHECK((found || !found.error().message.empty()));
            }
        }
        for (std::size_t length = 0; length < whole.size(); length += 3)
            CHECK_NOTHROW(File(whole.substr(0, length)).tensors(ending));
    }
    for (std::size_t at = 0; at + 1 < a_state.size(); ++at)
        for (int value = 0; value < 256; ++value) {
            auto damaged = a_state;
            damaged[at] = static_cast<char>(value);
            try {
                read_pickle(damaged);
            } catch (const FormatError&) {
                // what a damaged pickle is
            }
        }
}

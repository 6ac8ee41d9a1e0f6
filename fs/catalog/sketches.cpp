// Records of which few fields are wanted, many at a time.
#include "base/bytes.h"
#include "catalog/catalog.h"
#include "catalog/codec.h"
#include "catalog/lmdb.h"

namespace artfs {

namespace {

// A record's own scalars as they come by, and the texts of its own lists; what is nested deeper is
// passed over.
class RecordFields final : public nlohmann::json_sax<nlohmann::json> {
public:
    using Text = std::function<void(std::string_view key, std::string_view value)>;
    using Number = std::function<void(std::string_view key, std::int64_t value)>;
    RecordFields(Text text, Number number) : text_(std::move(text)), number_(std::move(number)) {}

    bool null() override { return true; }
    bool boolean(bool value) override { return number_integer(value ? 1 : 0); }
    bool number_integer(number_integer_t value) override {
        if (depth_ == 1) number_(key_, value);
        return true;
    }
    bool number_unsigned(number_unsigned_t value) override {
        return number_integer(static_cast<number_integer_t>(value));
    }
    bool number_float(number_float_t, const string_t&) override { return true; }
    bool string(string_t& value) override {
        if (depth_ == 1 || (depth_ == 2 && in_list_)) text_(key_, value);
        return true;
    }
    bool binary(binary_t& value) override {
        if (depth_ == 1) text_(key_, {reinterpret_cast<const char*>(value.data()), value.size()});
        return true;
    }
    bool start_object(std::size_t) override { return nest(false); }
    bool end_object() override {
        --depth_;
        return true;
    }
    bool start_array(std::size_t) override { return nest(true); }
    bool end_array() override {
        --depth_;
        return true;
    }
    bool key(string_t& value) override {
        if (depth_ == 1) key_ = value;
        return true;
    }
    bool parse_error(std::size_t, const std::string&,
                     const nlohmann::detail::exception& damage) override {
        throw FormatError(std::string("a catalog record is damaged: ") + damage.what());
    }

private:
    bool nest(bool list) {
        if (++depth_ == 2) in_list_ = list;
        return true;
    }

    Text text_;
    Number number_;
    std::string key_;
    unsigned depth_ = 0;
    bool in_list_ = false;  // what stands at depth 2
};

void read_fields(std::string_view bytes, RecordFields fields) {
    nlohmann::json::sax_parse(bytes.begin(), bytes.end(), &fields,
                              nlohmann::json::input_format_t::cbor);
}

template <class Id>
Id id_in(std::string_view bytes) {
    auto id = Id::from_bytes(bytes);
    if (!id) throw FormatError("a catalog record has a damaged identifier");
    return *id;
}

RunSketch decode_run_sketch(std::string_view bytes) {
    RunSketch run;
    auto text = [&run](std::string_view key, std::string_view value) {
        if (key == "id")
            run.id = id_in<RunId>(value);
        else if (key == "name")
            run.name = value;
        else if (key == "job_type")
            run.job_type = value;
        else if (key == "tags")
            run.tags.emplace_back(value);
        else if (key == "resumes")
            run.resumes = id_in<RunId>(value);
    };
    auto number = [&run](std::string_view key, std::int64_t value) {
        if (key == "state")
            run.state = static_cast<RunState>(value);
        else if (key == "started")
            run.started = from_ns(value);
        else if (key == "ended")
            run.ended = from_ns(value);
        else if (key == "wrote")
            run.wrote = value != 0;
        else if (key == "explicit")
            run.explicitly_started = value != 0;
    };
    read_fields(bytes, {text, number});
    return run;
}

VersionSketch decode_version_sketch(std::string_view bytes) {
    VersionSketch version;
    auto text = [&version](std::string_view key, std::string_view value) {
        if (key == "id") version.id = id_in<VersionId>(value);
    };
    auto number = [&version](std::string_view key, std::int64_t value) {
        if (key == "deleted")
            version.deleted = value != 0;
        else if (key == "number")
            version.number = static_cast<std::uint32_t>(value);
        else if (key == "created")
            version.created = from_ns(value);
    };
    read_fields(bytes, {text, number});
    return version;
}

}  // namespace

std::optional<RunSketch> ReadTxn::run_sketch(const RunId& run) const {
    std::optional<RunSketch> found;
    state_->scan(runs_table, run.view(), [&](std::string_view, std::string_view value) {
        found = decode_run_sketch(value);
        return false;
    });
    return found;
}

void ReadTxn::run_sketches(std::string_view project,
                           const std::function<void(const RunSketch&)>& visit) const {
    std::string prefix = named_key(project, "");
    state_->scan(
        run_list_table, prefix,
        [&](std::string_view key, std::string_view) {
            auto record = state_->get(runs_table,
                                      Encoder().raw(key.substr(prefix.size())).raw(project).take());
            if (record) visit(decode_run_sketch(*record));
            return true;
        },
        true);
}

std::optional<VersionPlace> ReadTxn::place_of(const VersionId& id) const {
    auto key = state_->get(version_ids_table, id.view());
    if (!key) return std::nullopt;
    Decoder in(*key);
    auto artifact = id_in<ArtifactId>(in.raw(16));
    return VersionPlace{artifact, in.u32be()};
}

void ReadTxn::version_sketches(const ArtifactId& id,
                               const std::function<void(const VersionSketch&)>& visit) const {
    state_->scan(versions_table, id.view(), [&](std::string_view, std::string_view value) {
        auto version = decode_version_sketch(value);
        if (!version.deleted) visit(version);
        return true;
    });
}

void ReadTxn::each_use(
    const RunId& run,
    const std::function<void(std::uint32_t segment, const VersionId&)>& visit) const {
    state_->scan(uses_table, run.view(), [&](std::string_view key, std::string_view) {
        Decoder in(key.substr(16));
        auto segment = in.u32be();
        visit(segment, id_in<VersionId>(in.raw(16)));
        return true;
    });
}

}  // namespace artfs

#include "runs/config_edit.h"

#include "runs/config.h"
#include "support/catch.h"

using namespace artfs;

namespace {

const char* const file = R"(# what I set
observers = [
  "+",   # köln
  "ö-viewer" ]   # mine
pm_qos = "off" # keep

[limits]
# of all
drafts = 3
[artifact."mnist-raw"]
ttl = "90d"
)";

std::string changed(const std::string& text, const std::string& key, const std::string& value) {
    auto out = with_config_value(text, key, value);
    INFO(key << " = " << value << ": " << (out ? "" : out.error().message));
    REQUIRE(out);
    REQUIRE(parse_config(*out, "t"));
    return *out;
}

}  // namespace

TEST_CASE("every documented key can be set, and its example is a value of it") {
    for (const auto& key : config_keys()) {
        std::string name = key.name;
        if (auto at = name.find("NAME"); at != std::string::npos) name.replace(at, 4, "a.b");
        INFO(name);
        REQUIRE(find_config_key(name) != nullptr);
        for (const std::string& text : {std::string(), std::string(file)}) {
            auto out = changed(text, name, key.form);
            CHECK(*config_value(out, name) == key.form);
            // Nothing else is touched: without the new line, or with the old value, it is the same.
            auto again = changed(out, name, key.form);
            CHECK(again == out);
        }
    }
    CHECK(find_config_key("nothing") == nullptr);
    CHECK(find_config_key("limits.nothing") == nullptr);
    CHECK(find_config_key("artifact.ttl") == nullptr);
}

TEST_CASE("what a file says beside the value stays as it was") {
    auto out = changed(file, "pm_qos", "auto");
    CHECK(out.find("pm_qos = \"auto\" # keep\n") != std::string::npos);
    CHECK(out.size() == std::string(file).size() + 1);
    out = changed(file, "observers", R"(["less"])");
    CHECK(out.find("observers = [\"less\"]   # mine\npm_qos") != std::string::npos);
    out = changed(file, "limits.drafts", "10");
    CHECK(out.find("# of all\ndrafts = 10\n") != std::string::npos);
    out = changed(file, "limits.bytes", "2GiB");
    CHECK(out.find("[limits]\nbytes = ") != std::string::npos);
    out = changed(file, "artifact.mnist-raw.keep_last", "5");
    CHECK(out.find("[artifact.\"mnist-raw\"]\nkeep_last = 5\nttl") != std::string::npos);
    out = changed(file, "never_keep", R"(["*.tmp"])");
    CHECK(out.find("never_keep = [\"*.tmp\"]\n[limits]") != std::string::npos);
    CHECK(out.rfind("# what I set\n", 0) == 0);
}

TEST_CASE("a bad value leaves no file") {
    for (auto [key, value] :
         std::initializer_list<std::pair<const char*, const char*>>{{"pm_qos", "fast"},
                                                                    {"limits.drafts", "many"},
                                                                    {"artifact.x.keep_last", "0"},
                                                                    {"artifact.x y.ttl", "1d"},
                                                                    {"launchers", "sh"},
                                                                    {"unknown", "1"}}) {
        INFO(key);
        auto out = with_config_value(file, key, value);
        REQUIRE(!out);
        CHECK(out.error().code == EINVAL);
        CHECK(out.error().message.find('\n') == std::string::npos);
    }
    CHECK(!with_config_value("broken = [", "pm_qos", "off"));
}

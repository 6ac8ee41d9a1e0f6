// Command lines as configuration, and what is hidden of them.
#include "runs/arguments.h"

#include "support/catch.h"

using namespace artfs;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

std::string config_text(const Words& words) { return config_of(words).dump(); }

}  // namespace

TEST_CASE("Flags become configuration") {
    CHECK(config_of({"./train", "--epochs", "5", "--lr=0.1", "-v", "--flag"}) ==
          json({{"epochs", 5}, {"lr", 0.1}, {"v", true}, {"flag", true}}));
    CHECK(config_of({"./train", "--batch-size", "128"}) == json({{"batch_size", 128}}));
    CHECK(config_of({"./train", "in.csv", "out.csv"}) == json::object());
    CHECK(config_of({"./train"}) == json::object());
    CHECK(config_of({}) == json::object());
    CHECK(config_of({"./train", "--a", "-b", "-1"}) == json({{"a", true}, {"b", -1}}));
    CHECK(config_of({"./train", "--seed", "1", "--", "--seed", "2"}) == json({{"seed", 1}}));
    CHECK(config_of({"./train", "--x", "1", "--x=two", "--x", "3"}) ==
          json({{"x", {1, "two", 3}}}));
    CHECK(config_of({"./train", "-lr", "0.1", "--empty="}) == json({{"lr", 0.1}, {"empty", ""}}));
}

TEST_CASE("Values have types") {
    const std::vector<std::pair<std::string, json>> table = {
        {"5", 5},           {"-5", -5},
        {"0.5", 0.5},       {"1e-3", 0.001},
        {".5", 0.5},        {"-2.5e2", -250.0},
        {"true", true},     {"False", false},
        {"007", "007"},     {"1.2.3", "1.2.3"},
        {"5s", "5s"},       {"inf", "inf"},
        {"nan", "nan"},     {"0x10", "0x10"},
        {"1e999", "1e999"}, {"Adam", "Adam"},
        {"0", 0},           {"123456789012345678901234567890", 123456789012345678901234567890.0},
        {"-", "-"},         {"yes", "yes"},
    };
    for (const auto& [text, value] : table) {
        CAPTURE(text);
        CHECK(config_of({"p", "--k", text})["k"] == value);
        CHECK(config_of({"p", "--k=" + text})["k"] == value);
    }
}

TEST_CASE("An interpreter's own flags are not the program's") {
    CHECK(config_of({"python3", "-u", "-W", "error", "train.py", "--lr", "1"}) ==
          json({{"lr", 1}}));
    CHECK(config_of({"/usr/bin/python3.11", "-m", "pkg.train", "--lr", "1"}) == json({{"lr", 1}}));
    CHECK(config_of({"Rscript", "--vanilla", "x.R", "--n=3"}) == json({{"n", 3}}));
    CHECK(config_of({"/usr/lib/R/bin/exec/R", "--no-echo", "--file=x.R", "--args", "--n", "3"}) ==
          json({{"n", 3}}));
    CHECK(config_of({"bash", "-eu", "x.sh", "--n", "3"}) == json({{"n", 3}}));
}

TEST_CASE("Arguments that are not UTF-8 make valid JSON") {
    CHECK_NOTHROW(config_text({"p", "--name", "\xff\xfe", "--\xff", "1", "--ok\xff=2"}));
}

TEST_CASE("Keys that look secret") {
    for (const char* key : {"api_key",
                            "api-key",
                            "apikey",
                            "API_KEY",
                            "hf-token",
                            "HF_TOKEN",
                            "token",
                            "--token",
                            "secret",
                            "client_secret",
                            "secret_name",
                            "password",
                            "db-password",
                            "dbPassword",
                            "passwd",
                            "AWS_SECRET_ACCESS_KEY",
                            "AWS_ACCESS_KEY_ID",
                            "key",
                            "authToken",
                            "accesstoken",
                            "auth",
                            "Authorization",
                            "wandb.api_key",
                            "GITHUB_PAT",
                            "X-Api-Key"}) {
        CAPTURE(key);
        CHECK(looks_secret(key));
    }
    for (const char* key : {"tokenizer", "max_tokens", "num-tokens", "monkey", "keyboard",
                            "key_dim", "n_keys", "keypoints", "secretary", "author", "path",
                            "pattern", "lr", "", "---", "attention", "keep_last"}) {
        CAPTURE(key);
        CHECK_FALSE(looks_secret(key));
    }
}

TEST_CASE("Secrets are hidden in configuration and command") {
    Words words = {"./t", "--api-key", "abc", "--token=xyz", "--lr", "1", "--password", "--next"};
    CHECK(config_of(words) == json({{"api_key", "***"},
                                    {"token", "***"},
                                    {"lr", 1},
                                    {"password", "***"},
                                    {"next", true}}));
    CHECK(redact(words) ==
          Words{"./t", "--api-key", "***", "--token=***", "--lr", "1", "--password", "--next"});
    CHECK(redact({"env", "WANDB_API_KEY=abc", "LANG=C", "./t"}) ==
          Words{"env", "WANDB_API_KEY=***", "LANG=C", "./t"});
    CHECK(redact({"t", "--secret", "two words"}) == Words{"t", "--secret", "***"});
    CHECK(redact({"bash", "-c", "TOKEN=abc ./t --password x  --lr 1"}) ==
          Words{"bash", "-c", "TOKEN=*** ./t --password ***  --lr 1"});
    CHECK(redact({"curl", "-H", "Authorization: Bearer abc", "-H", "Accept: x y"}) ==
          Words{"curl", "-H", "Authorization: ***", "-H", "Accept: x y"});
    CHECK(redact({}) == Words{});
    CHECK(redact({"t", "--key"}) == Words{"t", "--key"});
}

TEST_CASE("Passwords in URLs are hidden") {
    const std::vector<std::pair<std::string, std::string>> table = {
        {"https://u:p@host/x", "https://u:***@host/x"},
        {"https://tok@host/x", "https://***@host/x"},
        {"s3://bucket/x@y", "s3://bucket/x@y"},
        {"http://h/?token=abc&n=1", "http://h/?token=***&n=1"},
        {"http://h/?n=1&api_key=abc#f", "http://h/?n=1&api_key=***#f"},
        {"https://u:p@ss@host", "https://u:***@host"},
        {"https://host", "https://host"},
        {"user@host:path", "user@host:path"},
        {"://", "://"},
        {"https://h/?token=", "https://h/?token=***"},
    };
    for (const auto& [from, to] : table) {
        CAPTURE(from);
        CHECK(redact({"p", from}) == Words{"p", to});
        CHECK(redact({"p", "--url=" + from}) == Words{"p", "--url=" + to});
        CHECK(config_of({"p", "--url", from})["url"] == to);
        CHECK(config_of({"p", "--url=" + from})["url"] == to);
    }
}

// Signed statements, with keys that Debian's openssl makes.
#include "lineage/attestation.h"

#include <cstdlib>

#include "base/signing.h"
#include "lineage/text.h"
#include "support/catch.h"
#include "support/scratch.h"

using namespace artfs;
using Json = nlohmann::json;

namespace {

struct KeyPair {
    std::string secret;
    std::string open;
};

KeyPair make_key(const Scratch& scratch, const std::string& how) {
    auto file = (scratch.path() / "key.pem").string();
    auto command = "openssl genpkey " + how + " -out " + file +
                   " 2>/dev/null && openssl pkey -in " + file + " -pubout -out " + file + ".pub";
    REQUIRE(std::system(command.c_str()) == 0);
    return {*read_file(file), *read_file(file + ".pub")};
}

}  // namespace

TEST_CASE("what one key signed, its public key opens, and no other") {
    Scratch scratch;
    const Json statement{{"subject", {{{"name", "a:v0/x"}, {"digest", {{"sha256", "00"}}}}}}};
    for (const char* how : {"-algorithm ed25519", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
                            "-algorithm RSA -pkeyopt rsa_keygen_bits:2048"}) {
        INFO(how);
        auto key = make_key(scratch, how);
        auto other = make_key(scratch, "-algorithm ed25519");
        auto envelope = sign_statement(statement, key.secret);
        INFO((envelope ? "" : envelope.error().message));
        REQUIRE(envelope);
        CHECK(envelope->at("payloadType") == "application/vnd.in-toto+json");
        CHECK(envelope->at("signatures")[0].at("keyid") == *key_id(key.open));
        CHECK(*open_envelope(*envelope, key.open) == statement);
        CHECK(*open_envelope(*envelope, key.secret) == statement);
        CHECK(open_envelope(*envelope, other.open).error().code == EPERM);
        auto changed = *envelope;
        auto payload = *from_base64(changed.at("payload"));
        payload[payload.size() / 2] ^= 1;
        changed["payload"] = base64(payload);
        CHECK(open_envelope(changed, key.open).error().code == EPERM);
        CHECK(sign_statement(statement, key.open).error().code == EINVAL);
        CHECK(open_envelope(*envelope, "no key").error().code == EINVAL);
    }
    CHECK(open_envelope(Json::object(), "").error().code == EINVAL);
    CHECK(open_envelope({{"payload", "%%%%"}, {"payloadType", "x"}}, "").error().code == EINVAL);
}

TEST_CASE("base64 comes back as it went") {
    for (const std::string text : {"", "a", "ab", "abc", "abcd", "\0\xff\n", "aaaa="}) {
        auto back = from_base64(base64(text));
        REQUIRE(back);
        CHECK(*back == text);
    }
    CHECK(!from_base64("abc"));
    CHECK(!from_base64("a*c="));
}

#include "lineage/attestation.h"

#include <map>

#include "base/json.h"
#include "base/signing.h"
#include "lineage/exports.h"
#include "lineage/text.h"

namespace artfs {

namespace {

using Json = nlohmann::json;

constexpr const char* payload_type = "application/vnd.in-toto+json";

// What is signed: DSSE's pre-authentication encoding.
std::string encoded(const std::string& payload) {
    std::string type = payload_type;
    return "DSSEv1 " + std::to_string(type.size()) + " " + type + " " +
           std::to_string(payload.size()) + " " + payload;
}

std::map<std::string, std::string> digests_of(const Json& statement) {
    std::map<std::string, std::string> digests;
    for (const auto& subject : statement.value("subject", Json::array()))
        digests[subject.value("name", "")] =
            subject.value("digest", Json::object()).value("sha256", "");
    return digests;
}

}  // namespace

Result<Json> sign_statement(const Json& statement, const std::string& pem) {
    std::string payload = statement.dump();
    auto signature = sign(pem, encoded(payload));
    if (!signature) return tl::unexpected(signature.error());
    auto id = key_id(pem);
    if (!id) return tl::unexpected(id.error());
    return Json{{"payloadType", payload_type},
                {"payload", base64(payload)},
                {"signatures", Json::array({{{"keyid", *id}, {"sig", base64(*signature)}}})}};
}

Result<Json> open_envelope(const Json& envelope, const std::string& pem) {
    try {
        auto payload = from_base64(envelope.at("payload").get<std::string>());
        if (!payload || envelope.at("payloadType") != payload_type)
            return fail(EINVAL, "it is no signed in-toto statement");
        for (const auto& one : envelope.at("signatures")) {
            auto signature = from_base64(one.at("sig").get<std::string>());
            if (!signature) continue;
            auto good = is_signed(pem, encoded(*payload), *signature);
            if (!good) return tl::unexpected(good.error());
            if (!*good) continue;
            auto statement = parse_json(*payload);
            if (statement.is_object()) return statement;
            return fail(EINVAL, "it is no signed in-toto statement");
        }
        return fail(EPERM, "the key did not sign it, or it was changed since");
    } catch (const Json::exception&) {
        return fail(EINVAL, "it is no signed in-toto statement");
    }
}

std::vector<std::string> contradictions(const Reading& at, const VersionRecord& version,
                                        const Json& statement) {
    std::vector<std::string> lines;
    std::map<std::string, std::string> said;
    try {
        said = digests_of(statement);
    } catch (const Json::exception&) {
        return {"it names no files"};
    }
    for (const auto& [name, digest] : digests_of(export_in_toto(at, {version, {}}))) {
        auto one = said.find(name);
        if (one == said.end())
            lines.push_back(name + " is not named");
        else if (one->second != digest)
            lines.push_back(name + " has other bytes");
        if (one != said.end()) said.erase(one);
    }
    for (const auto& [name, digest] : said) lines.push_back(lossy_utf8(name) + " is not there");
    return lines;
}

}  // namespace artfs

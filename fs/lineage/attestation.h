// in-toto statements in signed envelopes: DSSE v1 (github.com/secure-systems-lab/dsse).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "lineage/describe.h"

namespace artfs {

// The envelope of a statement, signed with the private key in `pem`.
Result<nlohmann::json> sign_statement(const nlohmann::json& statement, const std::string& pem);

// The statement of an envelope that the key in `pem` signed. EPERM: it did not. EINVAL: it is no
// envelope of a statement, or `pem` no key.
Result<nlohmann::json> open_envelope(const nlohmann::json& envelope, const std::string& pem);

// What a statement says otherwise of the version's files than they are; one line each.
std::vector<std::string> contradictions(const Reading& at, const VersionRecord& version,
                                        const nlohmann::json& statement);

}  // namespace artfs

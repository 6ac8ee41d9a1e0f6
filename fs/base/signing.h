// Signatures with keys in PEM files: Ed25519, ECDSA and RSA, each with SHA-256 where it needs a
// digest.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace artfs {

// EINVAL where `pem` holds no private key that can be read without a passphrase.
Result<std::string> sign(const std::string& pem, std::string_view message);
// `pem`: a public key, or the private one. False: not signed with it, or something else was.
Result<bool> is_signed(const std::string& pem, std::string_view message,
                       std::string_view signature);
// SHA-256 of the public key's DER form, in hexadecimal.
Result<std::string> key_id(const std::string& pem);

std::optional<std::string> from_base64(const std::string& text);

}  // namespace artfs

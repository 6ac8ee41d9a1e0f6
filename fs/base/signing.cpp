#include "base/signing.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "base/digest.h"

namespace artfs {

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Context = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

// A key with a passphrase is not asked for on a terminal: it is no key.
int no_passphrase(char*, int, int, void*) { return 0; }

Bio memory(const std::string& pem) {
    return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

Key private_key(const std::string& pem) {
    return {PEM_read_bio_PrivateKey(memory(pem).get(), nullptr, no_passphrase, nullptr),
            EVP_PKEY_free};
}

Key public_key(const std::string& pem) {
    Key key(PEM_read_bio_PUBKEY(memory(pem).get(), nullptr, no_passphrase, nullptr), EVP_PKEY_free);
    return key ? std::move(key) : private_key(pem);
}

const EVP_MD* digest_for(EVP_PKEY* key) {
    int kind = EVP_PKEY_base_id(key);
    return kind == EVP_PKEY_ED25519 || kind == EVP_PKEY_ED448 ? nullptr : EVP_sha256();
}

const unsigned char* octets(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<std::string> sign(const std::string& pem, std::string_view message) {
    Key key = private_key(pem);
    if (!key) return fail(EINVAL, "it holds no private key in PEM form without a passphrase");
    Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    std::size_t size = 0;
    bool good = EVP_DigestSignInit(context.get(), nullptr, digest_for(key.get()), nullptr,
                                   key.get()) == 1 &&
                EVP_DigestSign(context.get(), nullptr, &size, octets(message), message.size()) == 1;
    std::string signature(size, '\0');
    good = good && EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                                  &size, octets(message), message.size()) == 1;
    if (!good) return fail(EINVAL, "its kind of key cannot sign");
    signature.resize(size);
    return signature;
}

Result<bool> is_signed(const std::string& pem, std::string_view message,
                       std::string_view signature) {
    Key key = public_key(pem);
    if (!key) return fail(EINVAL, "it holds no public key in PEM form");
    Context context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
    if (EVP_DigestVerifyInit(context.get(), nullptr, digest_for(key.get()), nullptr, key.get()) !=
        1)
        return fail(EINVAL, "its kind of key cannot verify");
    return EVP_DigestVerify(context.get(), octets(signature), signature.size(), octets(message),
                            message.size()) == 1;
}

Result<std::string> key_id(const std::string& pem) {
    Key key = public_key(pem);
    if (!key) return fail(EINVAL, "it holds no public key in PEM form");
    unsigned char* der = nullptr;
    int size = i2d_PUBKEY(key.get(), &der);
    if (size <= 0) return fail(EINVAL, "its public key cannot be written");
    std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return sha256(bytes).hex();
}

std::optional<std::string> from_base64(const std::string& text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string bytes(text.size() / 4 * 3, '\0');
    int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), octets(text),
                               static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    // Padding counts as zeros there.
    auto padding = text.size() - std::min(text.size(), text.find_last_not_of('=') + 1);
    bytes.resize(static_cast<std::size_t>(size) - std::min<std::size_t>(padding, 2));
    return bytes;
}

}  // namespace artfs

#include "base/digest.h"

#include <openssl/evp.h>

#include <stdexcept>

namespace artfs {

namespace {
void check(int ok) {
    if (ok != 1) throw std::runtime_error("OpenSSL refused a SHA-256 operation");
}

int nibble(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return -1;
}
}  // namespace

std::optional<Digest> Digest::from_bytes(std::string_view raw) {
    Digest digest;
    if (raw.size() != digest.bytes.size()) return std::nullopt;
    std::memcpy(digest.bytes.data(), raw.data(), raw.size());
    return digest;
}

std::string Digest::hex() const {
    static constexpr char digits[] = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (auto byte : bytes) {
        text.push_back(digits[byte >> 4U]);
        text.push_back(digits[byte & 15U]);
    }
    return text;
}

std::optional<Digest> Digest::from_hex(std::string_view text) {
    Digest digest;
    if (text.size() != digest.bytes.size() * 2) return std::nullopt;
    for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
        int high = nibble(text[2 * i]);
        int low = nibble(text[2 * i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        digest.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
    }
    return digest;
}

struct Hasher::Context {
    EVP_MD_CTX* evp = EVP_MD_CTX_new();
    ~Context() { EVP_MD_CTX_free(evp); }
};

Hasher::Hasher() : context_(std::make_unique<Context>()) {
    check(EVP_DigestInit_ex(context_->evp, EVP_sha256(), nullptr));
}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::add(std::string_view data) { return add(data.data(), data.size()); }

Hasher& Hasher::add(const void* data, std::size_t bytes) {
    check(EVP_DigestUpdate(context_->evp, data, bytes));
    return *this;
}

Digest Hasher::finish() {
    Digest digest;
    check(EVP_DigestFinal_ex(context_->evp, digest.bytes.data(), nullptr));
    return digest;
}

Digest sha256(std::string_view data) { return Hasher().add(data).finish(); }

}  // namespace artfs

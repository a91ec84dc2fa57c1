#include "shoal/net/identity/signature.h"

#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "shoal/base/file.h"
#include "shoal/net/identity/openssl.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

bool is_p256(const EVP_PKEY* key) {
  char group[32] = {};
  const bool named = EVP_PKEY_is_a(key, "EC") == 1 &&
                     EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, group,
                                                    sizeof group, nullptr) == 1;
  ERR_clear_error();
  return named && std::string_view(group) == "prime256v1";
}

Digest digest_of(const EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int length = i2d_PUBKEY(key, &der);
  SHOAL_CHECK(length > 0, "a public key has a DER form");
  const Digest digest = sha256(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return digest;
}

}  // namespace

int refuse_password(char*, int, int, void*) { return -1; }

Result<VerifyingKey> VerifyingKey::of(const X509* certificate) {
  KeyPointer key(X509_get_pubkey(const_cast<X509*>(certificate)));
  if (!key) return corrupt(fmt::format("no public key in the certificate: {}", openssl_reason()));
  if (!is_p256(key.get()))
    return unsupported("the certificate's key is not EC P-256; issue it with `shoal ca issue`");
  VerifyingKey verifying;
  verifying.digest_ = digest_of(key.get());
  verifying.key_ = std::shared_ptr<EVP_PKEY>(std::move(key));
  return verifying;
}

Result<VerifyingKey> VerifyingKey::from_certificate(std::string_view pem) {
  if (pem.size() > kPemBytesMax)
    return limit_exceeded(
        fmt::format("a certificate of {} bytes; at most {} are read", pem.size(), kPemBytesMax));
  const BioPointer bio = memory_bio(pem);
  const X509Pointer x509(PEM_read_bio_X509(bio.get(), nullptr, refuse_password, nullptr));
  if (!x509) return corrupt(fmt::format("no certificate in PEM: {}", openssl_reason()));
  return of(x509.get());
}

bool VerifyingKey::verify(ByteView statement, ByteView signature) const {
  if (signature.empty() || signature.size() > kSignatureBytesMax) return false;
  const DigestContext context(EVP_MD_CTX_new());
  SHOAL_CHECK(context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr,
                                              key_.get()) == 1,
              "OpenSSL verifies ECDSA");
  const bool verified = EVP_DigestVerify(context.get(), raw(signature), signature.size(),
                                         raw(statement), statement.size()) == 1;
  ERR_clear_error();
  return verified;
}

Result<SigningKey> SigningKey::from_pem(std::string_view pem) {
  if (pem.size() > kPemBytesMax)
    return limit_exceeded(
        fmt::format("a key of {} bytes; at most {} are read", pem.size(), kPemBytesMax));
  const BioPointer bio = memory_bio(pem);
  KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, nullptr));
  if (!key)
    return corrupt(fmt::format("no private key in PEM without a password: {}", openssl_reason()));
  if (!is_p256(key.get()))
    return unsupported("the private key is not EC P-256; issue it with `shoal ca issue`");
  SigningKey signing;
  signing.key_ = std::shared_ptr<EVP_PKEY>(std::move(key));
  return signing;
}

Result<SigningKey> SigningKey::from_file(const std::string& path) {
  SHOAL_TRY(std::string pem, read_text_file(path, kPemBytesMax));
  auto key = from_pem(pem);
  OPENSSL_cleanse(pem.data(), pem.size());
  if (!key.ok()) return within(path, key.error());
  return key;
}

Bytes SigningKey::sign(ByteView statement) const {
  const DigestContext context(EVP_MD_CTX_new());
  SHOAL_CHECK(
      context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get()) == 1,
      "OpenSSL signs ECDSA");
  Bytes signature(kSignatureBytesMax);
  std::size_t length = signature.size();
  SHOAL_CHECK(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                             &length, raw(statement), statement.size()) == 1,
              "OpenSSL signs ECDSA");
  signature.resize(length);
  return signature;
}

Proof prove(const SigningKey& key, const FrameHead& head, std::string_view server,
            std::int64_t now_unix_s) {
  FrameHead proven = head;
  SHOAL_CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(proven.proof.nonce.data()),
                         static_cast<int>(proven.proof.nonce.size())) == 1,
              "OpenSSL has random bytes");
  proven.proof.expires_unix_s = now_unix_s;
  proven.proof.signature = key.sign(frame_statement(proven, server, kSendMethod));
  return std::move(proven.proof);
}

}  // namespace shoal

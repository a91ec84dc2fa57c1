#include "shoal/net/identity/x509.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "shoal/base/file.h"
#include "shoal/net/identity/signature.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr int kSerialBits = 127;

void must(bool done) { SHOAL_CHECK(done, "OpenSSL makes a certificate: " + openssl_reason()); }

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  must(extension != nullptr);
  must(X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

void add_name(X509_NAME* subject, const char* field, const std::string& value) {
  if (value.empty()) return;
  must(X509_NAME_add_entry_by_txt(subject, field, MBSTRING_UTF8,
                                  reinterpret_cast<const unsigned char*>(value.data()),
                                  static_cast<int>(value.size()), -1, 0) == 1);
}

void set_serial(X509* certificate) {
  BIGNUM* number = BN_new();
  must(number != nullptr && BN_rand(number, kSerialBits, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1);
  must(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr);
  BN_free(number);
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ",") + part;
  return text;
}

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long length = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(length)};
}

}  // namespace

KeyPointer make_key() {
  KeyPointer key(EVP_EC_gen("P-256"));
  must(key != nullptr);
  return key;
}

X509Pointer make_certificate(const CertificateContent& content, EVP_PKEY* key, X509* issuer,
                             EVP_PKEY* issuer_key) {
  X509Pointer certificate(X509_new());
  must(certificate != nullptr);
  X509* made = certificate.get();
  must(X509_set_version(made, X509_VERSION_3) == 1);
  set_serial(made);
  X509_NAME* subject = X509_get_subject_name(made);
  add_name(subject, "OU", content.role);
  add_name(subject, "CN", content.name);
  if (issuer == nullptr) issuer = made;
  must(X509_set_issuer_name(made, X509_get_subject_name(issuer)) == 1);
  must(ASN1_TIME_set(X509_getm_notBefore(made), content.not_before_unix_s) != nullptr);
  must(ASN1_TIME_set(X509_getm_notAfter(made), content.not_after_unix_s) != nullptr);
  must(X509_set_pubkey(made, key) == 1);
  add_extension(made, issuer, NID_basic_constraints,
                content.authority ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE");
  add_extension(made, issuer, NID_key_usage,
                content.authority ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature");
  add_extension(made, issuer, NID_subject_key_identifier, "hash");
  if (!content.authority) {
    add_extension(made, issuer, NID_authority_key_identifier, "keyid:always");
    add_extension(made, issuer, NID_ext_key_usage, content.usage);
    add_extension(made, issuer, NID_subject_alt_name, joined(content.subjects));
  }
  must(X509_sign(made, issuer_key, EVP_sha256()) > 0);
  return certificate;
}

std::string pem_of(X509* certificate) {
  const BioPointer bio(BIO_new(BIO_s_mem()));
  must(bio && PEM_write_bio_X509(bio.get(), certificate) == 1);
  return text_of(bio.get());
}

std::string pem_of(EVP_PKEY* private_key) {
  const BioPointer bio(BIO_new(BIO_s_secmem()));
  must(bio && PEM_write_bio_PrivateKey(bio.get(), private_key, nullptr, nullptr, 0, nullptr,
                                       nullptr) == 1);
  return text_of(bio.get());
}

Result<KeyPointer> read_private_key(const std::string& path) {
  SHOAL_TRY(std::string pem, read_text_file(path, kPemBytesMax));
  const BioPointer bio = memory_bio(pem);
  KeyPointer key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_password, nullptr));
  OPENSSL_cleanse(pem.data(), pem.size());
  if (!key) return corrupt(fmt::format("{}: no private key in PEM: {}", path, openssl_reason()));
  return key;
}

}  // namespace shoal

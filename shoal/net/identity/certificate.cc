#include "shoal/net/identity/certificate.h"

#include <ctime>
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/net/identity/openssl.h"
#include "shoal/net/identity/signature.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

Result<std::int64_t> unix_seconds(const ASN1_TIME* time) {
  std::tm utc{};
  if (ASN1_TIME_to_tm(time, &utc) != 1) {
    ERR_clear_error();
    return corrupt("the certificate's validity is no time");
  }
  return static_cast<std::int64_t>(timegm(&utc));
}

// The first of that kind; empty where there is none.
Result<std::string> subject_text(const X509* certificate, int kind) {
  const X509_NAME* subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, kind, -1);
  if (at < 0) return std::string();
  unsigned char* text = nullptr;
  const int length =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  if (length < 0) {
    ERR_clear_error();
    return corrupt("the certificate's subject is no text");
  }
  std::string name(reinterpret_cast<const char*>(text), static_cast<std::size_t>(length));
  OPENSSL_free(text);
  return name;
}

std::string serial_text(const X509* certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  char* digits = number != nullptr ? BN_bn2hex(number) : nullptr;
  std::string text = digits != nullptr ? digits : "";
  OPENSSL_free(digits);
  BN_free(number);
  return text;
}

}  // namespace

Result<Certificate> read_certificate(std::string_view pem) {
  if (pem.size() > kPemBytesMax)
    return limit_exceeded(
        fmt::format("a certificate of {} bytes; at most {} are read", pem.size(), kPemBytesMax));
  const BioPointer bio = memory_bio(pem);
  const X509Pointer x509(PEM_read_bio_X509(bio.get(), nullptr, refuse_password, nullptr));
  if (!x509) return corrupt(fmt::format("no certificate in PEM: {}", openssl_reason()));
  SHOAL_TRY(const VerifyingKey key, VerifyingKey::of(x509.get()));
  Certificate certificate;
  SHOAL_TRY(certificate.name, subject_text(x509.get(), NID_commonName));
  if (certificate.name.empty()) return corrupt("the certificate has no common name");
  SHOAL_TRY(const std::string unit, subject_text(x509.get(), NID_organizationalUnitName));
  certificate.server = unit == "server";
  SHOAL_TRY(certificate.not_before_unix_s, unix_seconds(X509_get0_notBefore(x509.get())));
  SHOAL_TRY(certificate.not_after_unix_s, unix_seconds(X509_get0_notAfter(x509.get())));
  certificate.key = key.digest();
  certificate.serial = serial_text(x509.get());
  return certificate;
}

Result<Certificate> read_certificate_file(const std::string& path) {
  SHOAL_TRY(const std::string pem, read_text_file(path, kPemBytesMax));
  auto certificate = read_certificate(pem);
  if (!certificate.ok()) return within(path, certificate.error());
  return certificate;
}

}  // namespace shoal

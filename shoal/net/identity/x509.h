// Makes keys and certificates in memory: what the certificate authority issues.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/net/identity/openssl.h"

namespace shoal {

struct CertificateContent {
  std::string name;                   // common name
  std::string role;                   // organisational unit
  std::vector<std::string> subjects;  // alternative names, "DNS:..." or "IP:..."
  std::string usage;                  // extended key usage, "serverAuth,clientAuth"
  bool authority = false;
  std::int64_t not_before_unix_s = 0;
  std::int64_t not_after_unix_s = 0;
};

KeyPointer make_key();
// Signed by `issuer_key`; `issuer` is null for a certificate that signs itself. Texts in `content`
// must have been checked: no commas, no line ends.
X509Pointer make_certificate(const CertificateContent& content, EVP_PKEY* key, X509* issuer,
                             EVP_PKEY* issuer_key);
std::string pem_of(X509* certificate);
std::string pem_of(EVP_PKEY* private_key);
Result<KeyPointer> read_private_key(const std::string& path);

}  // namespace shoal

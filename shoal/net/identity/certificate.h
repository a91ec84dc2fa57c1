// Reads a certificate (PEM): whose it is, its public key, and how long it is valid.
//
// Only EC P-256 keys are taken, as certificate_authority.h makes them. Nothing here says whether
// the certificate was signed by anyone: that is TLS's part.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "shoal/base/result.h"
#include "shoal/base/sha256.h"

namespace shoal {

struct Certificate {
  std::string name;     // common name; may hold any characters
  bool server = false;  // its organisational unit is "server": good for being called only
  Digest key{};         // SHA-256 of the SubjectPublicKeyInfo (DER)
  std::string serial;   // upper-case hexadecimal
  std::int64_t not_before_unix_s = 0;
  std::int64_t not_after_unix_s = 0;
};

// The first certificate of the text, which has at most kPemBytesMax bytes.
Result<Certificate> read_certificate(std::string_view pem);
Result<Certificate> read_certificate_file(const std::string& path);

}  // namespace shoal

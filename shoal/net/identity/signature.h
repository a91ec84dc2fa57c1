// Signs and verifies statements: ECDSA on P-256 over SHA-256, signatures in DER (at most 72 bytes).
//
// Costs about 25 us to sign and 70 us to verify on one core. Both kinds of key may be used from any
// thread at once.
#pragma once

#include <cstdint>
#include <memory>
#include <openssl/types.h>
#include <string>
#include <string_view>

#include "shoal/net/envelope.h"

namespace shoal {

inline constexpr std::size_t kSignatureBytesMax = 72;

class VerifyingKey {
 public:
  // Of the first certificate in the text.
  static Result<VerifyingKey> from_certificate(std::string_view pem);
  // Fails for anything but an EC P-256 key.
  static Result<VerifyingKey> of(const X509* certificate);

  bool verify(ByteView statement, ByteView signature) const;
  // SHA-256 of the SubjectPublicKeyInfo (DER): by this a key is known.
  const Digest& digest() const { return digest_; }

 private:
  std::shared_ptr<EVP_PKEY> key_;
  Digest digest_{};
};

class SigningKey {
 public:
  static Result<SigningKey> from_pem(std::string_view pem);
  // The error names the path, never the content.
  static Result<SigningKey> from_file(const std::string& path);

  Bytes sign(ByteView statement) const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
};

// A proof for this frame with a fresh random nonce, made at `now_unix_s` by the sender's clock.
// `server` names who receives. A frame that is sent again after seconds needs a new proof.
Proof prove(const SigningKey& key, const FrameHead& head, std::string_view server,
            std::int64_t now_unix_s);

// For OpenSSL's PEM readers: an encrypted key is an error, not a question at the terminal.
int refuse_password(char* buffer, int size, int writing, void* context);

}  // namespace shoal

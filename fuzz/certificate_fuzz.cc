// PEM and revocation lists of anyone: a value or an error. What was read of a certificate is read
// the same again, and its key judges signatures without complaint.
#include <cstdlib>

#include "shoal/net/identity/certificate.h"
#include "shoal/net/identity/revocation_list.h"
#include "shoal/net/identity/signature.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto revoked = parse_revocations(text); revoked.ok()) {
    const auto again = parse_revocations(revocations_text(*revoked));
    require(again.ok() && again->size() == revoked->size());
  }
  (void)SigningKey::from_pem(text);
  const auto certificate = read_certificate(text);
  const auto key = VerifyingKey::from_certificate(text);
  if (!certificate.ok()) return 0;
  require(key.ok() && key->digest() == certificate->key);
  require(!key->verify(as_bytes("statement"), as_bytes(text.substr(0, 70))));
  return 0;
}

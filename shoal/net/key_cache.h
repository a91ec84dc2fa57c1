// KeyCache: the certificates that peers show, read once.
//
// Cost: about 4 KB a key. Transports let in only what our authority has signed, so keys are few; at
// kKeysMax the cache starts anew.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "shoal/net/identity/certificate.h"
#include "shoal/net/identity/signature.h"

namespace shoal {

struct KnownKey {
  std::string pem;
  Certificate certificate;
  VerifyingKey key;
};

// Thread-safe.
class KeyCache {
 public:
  static constexpr std::size_t kKeysMax = 32768;

  // `key` is what the transport takes for the digest of that certificate's key.
  Result<std::shared_ptr<const KnownKey>> get(const Digest& key, std::string_view pem);

 private:
  std::mutex mutex_;
  std::map<Digest, std::shared_ptr<const KnownKey>> keys_;
};

}  // namespace shoal

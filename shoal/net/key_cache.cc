#include "shoal/net/key_cache.h"

namespace shoal {

Result<std::shared_ptr<const KnownKey>> KeyCache::get(const Digest& key, std::string_view pem) {
  {
    const std::lock_guard lock(mutex_);
    const auto at = keys_.find(key);
    if (at != keys_.end() && at->second->pem == pem) return at->second;
  }
  SHOAL_TRY(Certificate certificate, read_certificate(pem));
  SHOAL_TRY(VerifyingKey verifying, VerifyingKey::from_certificate(pem));
  if (verifying.digest() != key)
    return corrupt("the connection's key is not that of its certificate");
  auto known = std::make_shared<const KnownKey>(
      KnownKey{std::string(pem), std::move(certificate), std::move(verifying)});
  const std::lock_guard lock(mutex_);
  if (keys_.size() >= kKeysMax) keys_.clear();
  keys_[key] = known;
  return known;
}

}  // namespace shoal

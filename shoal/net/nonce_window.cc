#include "shoal/net/nonce_window.h"

#include "shoal/net/limits.h"

namespace shoal {

bool NonceWindow::seen(NodeId from, const Nonce& nonce) const {
  const auto at = members_.find(from);
  return at != members_.end() && at->second.nonces.contains(nonce);
}

bool NonceWindow::full(NodeId from) const {
  const auto at = members_.find(from);
  return at != members_.end() && at->second.nonces.size() >= kNoncesPerClientMax;
}

void NonceWindow::add(NodeId from, const Nonce& nonce, double now_s) {
  SHOAL_CHECK(!full(from), "there is room for another nonce");
  Used& used = members_[from];
  if (used.nonces.contains(nonce)) return;
  used.by_time.emplace_back(now_s, nonce);  // first: what is not in the set expires all the same
  used.nonces.insert(nonce);
}

void NonceWindow::Used::expire(double now_s) {
  while (!by_time.empty() && now_s - by_time.front().first > 2.0 * kClockSkew_s) {
    nonces.erase(by_time.front().second);
    by_time.pop_front();
  }
}

void NonceWindow::expire(double now_s) {
  for (auto at = members_.begin(); at != members_.end();) {
    at->second.expire(now_s);
    at = at->second.nonces.empty() ? members_.erase(at) : std::next(at);
  }
}

void NonceWindow::expire(NodeId from, double now_s) {
  const auto at = members_.find(from);
  if (at != members_.end()) at->second.expire(now_s);
}

}  // namespace shoal

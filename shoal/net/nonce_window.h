// NonceWindow: the nonces that proofs of each member have used lately.
//
// A proof is accepted while its expiry lies within kClockSkew_s of the receiver's clock, so one
// that has been used can come again for at most 2 x kClockSkew_s: that long its nonce is
// remembered, by the monotonic clock. Cost: about 80 bytes a nonce, at most kNoncesPerClientMax of
// one member.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <utility>

#include "shoal/net/envelope.h"

namespace shoal {

// Not thread-safe; the gate guards it.
class NonceWindow {
 public:
  bool seen(NodeId from, const Nonce& nonce) const;
  // Whether this member has used as many as are remembered.
  bool full(NodeId from) const;
  // It must not be full.
  void add(NodeId from, const Nonce& nonce, double now_s);
  // Drops those whose time is over.
  void expire(double now_s);
  void expire(NodeId from, double now_s);
  void clear() { members_.clear(); }

 private:
  struct Used {
    std::set<Nonce> nonces;
    std::deque<std::pair<double, Nonce>> by_time;
    void expire(double now_s);
  };
  std::map<NodeId, Used> members_;
};

}  // namespace shoal

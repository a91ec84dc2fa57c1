// The liars of a simulated run: rewrites what they sent when a receiver closes a round, seeing the
// honest rows of the same round as the receiver will decode them (the omniscient worst case).
//
// A liar computes, encodes and sends like everybody else, so its bytes and its time are those of an
// honest node; only the content is replaced, encoded by the same codec. In a round whose arrivals
// the attack is not defined for (no honest row to see, more liars than its formula allows) the
// liars' honest rows stand.
#pragma once

#include <memory>
#include <vector>

#include "shoal/attack/attack.h"
#include "shoal/codec/codec.h"
#include "shoal/node/world.h"

namespace shoal {

class Adversary : public Interceptor {
 public:
  // `liars` by increasing node id. `codec` is that of the updates.
  Adversary(std::unique_ptr<Attack> attack, std::vector<NodeId> liars, const Codec& codec,
            const Layout& layout, std::uint64_t seed);
  void round_closed(NodeId receiver, std::vector<Message>& messages) override;

 private:
  bool is_liar(NodeId node) const;
  std::unique_ptr<Attack> attack_;
  std::vector<NodeId> liars_;
  const Codec& codec_;
  const Layout& layout_;
  std::uint64_t seed_;
};

// Which of the workers first..first+count-1 lie: a uniform draw keyed by the seed, increasing.
std::vector<NodeId> draw_liars(std::uint64_t seed, NodeId first, std::size_t count,
                               std::size_t liars);

}  // namespace shoal

// Draws: where a codec's random numbers come from. Numbers of `shared` are the same at all nodes of
// a round, so nothing drawn from it needs to be sent; those of `own` are the sender's alone.
#pragma once

#include "shoal/base/ids.h"
#include "shoal/base/random.h"

namespace shoal {

struct Draws {
  RandomStream own;
  RandomStream shared;
};

inline RandomStream shared_draws(std::uint64_t seed, Step round) {
  return RandomStream(seed, purpose("codec shared"), 0, static_cast<std::uint32_t>(round));
}
inline Draws codec_draws(std::uint64_t seed, NodeId sender, Step round) {
  return {RandomStream(seed, purpose("codec"), sender, static_cast<std::uint32_t>(round)),
          shared_draws(seed, round)};
}

}  // namespace shoal

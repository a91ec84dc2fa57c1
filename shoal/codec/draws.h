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

// Numbers of their own for the n-th further body of one message, whose first body draws from
// `draws` itself. Streams are fresh ones.
inline RandomStream further_stream(const RandomStream& stream, std::uint32_t n) {
  const auto& [low, high] = stream.key();
  const auto& counter = stream.next_counter();
  return RandomStream((std::uint64_t{high} << 32) | low,
                      static_cast<Purpose>(counter[3] ^ (0x9e3779b9u * n)), counter[2], counter[1]);
}
inline Draws further_draws(const Draws& draws, std::uint32_t n) {
  return {further_stream(draws.own, n), further_stream(draws.shared, n)};
}

}  // namespace shoal

// Generalised Byzantine failures (Xie, Koyejo and Gupta 2018, 1802.10116): single values change on
// their way, of any sender; no node lies, so [nodes] liars = 0 goes with them. They act on the
// floats that a receiver has read.
//
//   bit_flip   in each of the first `dims` dimensions one row, drawn anew every round, has its
//              32-bit word XORed with the mask. 0xE0200000 turns 1 into -2.3e19. A value near
//              2^-64 can become infinite or NaN, and its whole row is then refused
//   gambler    the dimensions are split evenly over `servers`; one of them, drawn once a run,
//              multiplies each value it receives by the factor with some probability
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

struct BitFlipSettings {
  std::int64_t dims = 1000;
  std::int64_t mask = 0xE0200000;
};
void describe(Settings& s, BitFlipSettings& v);
float flip_bits(float value, std::uint32_t mask);

struct GamblerSettings {
  std::int64_t servers = 20;
  double probability = 0.0005;
  double factor = -1e20;
};
void describe(Settings& s, GamblerSettings& v);

CatalogueEntry<Attack> bit_flip_entry();
CatalogueEntry<Attack> gambler_entry();

}  // namespace shoal

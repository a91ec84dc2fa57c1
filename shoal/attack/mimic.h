// Mimic (Karimireddy, He and Jaggi 2020, 2006.09365): every liar sends what one honest worker
// sends, so that nothing it sends is an outlier and yet that worker is heard f+1 times. The worker
// is the one farthest along the direction z in which honest rows differ most, learnt in a warm-up:
//
//   s = sum_i <x_i - mu, z> (x_i - mu),  z <- t/(t+1) z + 1/(t+1) s/||s||, normalised
//   target = argmax_i <x_i, z>
//
// and fixed afterwards; in a round that it sends nothing in, the argmax of those who do. z begins
// at random, once for every receiver. Wire: an ordinary message. O(n d); memory d doubles.
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

struct MimicSettings {
  std::int64_t warm_up = 10;
};
void describe(Settings& s, MimicSettings& v);

// One step of the power iteration: z becomes s/||s||, or stays where all rows are equal.
void power_step(std::span<const std::span<const float>> honest, std::span<double> z);

CatalogueEntry<Attack> mimic_entry();

}  // namespace shoal

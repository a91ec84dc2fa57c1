// Random block: k neighbouring entries from a uniformly random place on, around the end of the part
// (the block sparsifier of the PowerSGD comparison, 1905.13727). Every entry is kept with k/d, so
// the constants are those of Rand-K, and memory is read in one piece.
//
// Wire: per tensor (or once for the whole row) where the block begins as u32 when the seed is the
// node's, else nothing; then the kept values (sparse.h). O(k) and a check of the row.
#pragma once

#include "shoal/codec/rand_k.h"

namespace shoal {

// Exactly one of ratio and k is above 0.
struct RandomBlockSettings {
  double ratio = 0.0;
  std::int64_t k = 0;
  bool scaled = true;
  SeedMode seed_mode = SeedMode::kShared;
  Scope scope = Scope::kLayer;
  ValueType value_type = ValueType::kF32;
};
void describe(Settings& s, RandomBlockSettings& v);

CatalogueEntry<Codec> random_block_entry();

}  // namespace shoal

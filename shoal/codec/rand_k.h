// Rand-K: k entries chosen uniformly without replacement (Stich et al. 2018, 1809.07599).
//
// scaled: kept values times d/k, unbiased with variance factor d/k - 1. Not scaled: contractive
// with k/d, as error feedback wants it. seed_mode says where the choice is drawn from: by the node,
// which sends the indices; or from the stream that all nodes of a round share, which sends values
// only and makes the codec linear (up to the rounding of float sums).
//
// Wire: per tensor (or once for the whole row) the index code's bytes when the seed is the node's,
// else nothing; then the kept values (sparse.h). O(d / 64 + k) and a check of the row.
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/index_code.h"
#include "shoal/codec/parts.h"
#include "shoal/codec/value_type.h"

namespace shoal {

enum class SeedMode : std::uint8_t { kNode, kShared };
void describe_seed_mode(Settings& s, SeedMode& v);

// Exactly one of ratio and k is above 0.
struct RandKSettings {
  double ratio = 0.0;
  std::int64_t k = 0;
  bool scaled = true;
  SeedMode seed_mode = SeedMode::kNode;
  Scope scope = Scope::kLayer;
  IndexCode index_code = IndexCode::kAuto;
  ValueType value_type = ValueType::kF32;
};
void describe(Settings& s, RandKSettings& v);

CatalogueEntry<Codec> rand_k_entry();

// What an unscaled choice of at least this share of the entries is, or a scaled one: shared by the
// codecs that choose at random.
CodecProperties random_choice_properties(double least_share, bool scaled, bool linear);

}  // namespace shoal

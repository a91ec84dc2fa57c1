// GRBS, the globally randomised block sparsifier of CSER (Xie et al. 2020, 2007.13221).
//
// A part is cut into B nearly equal fixed blocks, and all nodes of a round keep the same
// m = max(1, round(B / R)) of them, drawn from the stream they share. Not scaled it is contractive
// with m/B, which is 1/R; scaled by B/m it is unbiased with variance factor B/m - 1. Linear (up to
// the rounding of float sums). Every block is kept with m/B, so both hold exactly even when blocks
// differ by an entry. A caller that needs two independent draws in a step (CSER does) passes two
// different shared streams.
//
// Wire: the kept values (sparse.h) and nothing else. O(B + d / R) and a check of the row.
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/parts.h"
#include "shoal/codec/value_type.h"

namespace shoal {

struct GrbsSettings {
  double compression_ratio = 16.0;  // R
  std::int64_t blocks = 1024;       // B, at most
  bool scaled = false;
  Scope scope = Scope::kGlobal;
  ValueType value_type = ValueType::kF32;
};
void describe(Settings& s, GrbsSettings& v);

CatalogueEntry<Codec> grbs_entry();

}  // namespace shoal

// TernGrad: -s, 0 or +s (Wen et al. 2017, 1705.07878). With s = max |v_i| of a part, entry i is
// sent as its sign with probability |v_i| / s and as 0 otherwise.
//
// Unbiased: the variance is exactly sum(s |v_i| - v_i^2), at most (sqrt(d) - 1) / 2 times ||v||^2
// (because max |v_i| ||v||_1 <= (1 + sqrt(d)) / 2 ||v||^2). clip_std > 0 first clips every entry to
// so many standard deviations of its part, as the paper trains; that makes it BIASED, with nothing
// left to state, and error feedback does not take it.
//
// Wire, per tensor (or once for the whole row): s as f32; then the entries t in {-1, 0, 1} as
// digits t + 1, five a byte in base 3, the first one lowest (ceil(d / 5) bytes), or four a byte in
// 2 bits each (ceil(d / 4)). Digits behind the last entry are 0. O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/parts.h"

namespace shoal {

enum class TernaryPacking : std::uint8_t { kBase3, kTwoBit };

struct TerngradSettings {
  double clip_std = 0.0;
  TernaryPacking packing = TernaryPacking::kBase3;
  Scope scope = Scope::kLayer;
};
void describe(Settings& s, TerngradSettings& v);

CatalogueEntry<Codec> terngrad_entry();

}  // namespace shoal

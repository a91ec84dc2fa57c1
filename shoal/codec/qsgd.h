// QSGD: random rounding to s levels of a norm (Alistarh et al. 2017, 1610.02132).
//
// Of every bucket of b entries n = ||v||_2 is sent as f32 and every entry as sign, and level l,
// which is a = |v_i| s / n rounded down or, with probability a - floor(a), up; it is decoded as n l
// / s. Unbiased with variance factor min(d / s^2, sqrt(d) / s), d being the length of the bucket,
// and so contractive with 1 less that when it is below 1. (The code that came with ATOMO rounds up
// with one less that probability, which is biased; and cuts parts into equal buckets. Here buckets
// have b entries and the last one what is left.)
//
// Wire, per tensor (or once for the whole row): the norms, ceil(d / b) f32; the levels
// (level_code.h). O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/level_code.h"
#include "shoal/codec/parts.h"

namespace shoal {

struct QsgdSettings {
  std::int64_t levels = 1;
  std::int64_t bucket = 512;  // 0: the whole part
  LevelCode code = LevelCode::kAuto;
  Scope scope = Scope::kLayer;
};
void describe(Settings& s, QsgdSettings& v);

CatalogueEntry<Codec> qsgd_entry();

}  // namespace shoal

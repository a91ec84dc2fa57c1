// Bucketing (Karimireddy, He, Jaggi 2022, 2006.09365): means of s rows put together at random,
// before another rule sees them, so that honest rows of different data look more alike.
//
// A random permutation, drawn anew for every round and receiver, is cut into buckets of s rows; the
// last may be short. ceil(n/s) rows come out, and each liar may spoil a bucket of its own: f stays.
// Claimed weights are ignored. O(n d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct BucketingSettings {
  std::int64_t s = 2;
};
void describe(Settings& s, BucketingSettings& v);

CatalogueEntry<PreAggregator> bucketing_entry();

}  // namespace shoal

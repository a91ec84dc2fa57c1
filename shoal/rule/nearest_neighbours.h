// Nearest-neighbour averaging (Farhadkhani et al. 2023, 2209.10931, MoNNA): the mean of the rows
// nearest to one that the receiver trusts, its own model.
//
// Two counts are easily confused: how many rows a round must bring (`hold`) and how many are
// averaged (`keep`). A peer that waits for n-f rows, its own among them, keeps n-2f; a server that
// has all n keeps n-f. Both are the rows that came less f, which is what keep = 0 means.
//
// Distances are sums of (x_j - x)^2 in double, never by way of norms: models differ in their last
// digits. In ties the receiver's own row comes first, then the lower sender. Claimed weights are
// ignored. Needs n > 2f of the rows that came. O(n d): no distances between pairs.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct NearestNeighboursSettings {
  std::int64_t hold = 0;
  std::int64_t keep = 0;
};
void describe(Settings& s, NearestNeighboursSettings& v);

CatalogueEntry<Rule> nearest_neighbours_entry();

}  // namespace shoal

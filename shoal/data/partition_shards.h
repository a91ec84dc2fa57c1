// Shards (FedAvg, arXiv 1602.05629): rows sorted by label, cut in n * s contiguous shards, s to
// each node by a random deal. Most nodes see about s classes.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/data/dataset.h"

namespace shoal {

// Cuts rows that are sorted by label into deal.size() shards of floor(N / shards), the remainder in
// the last one, and hands node i the shards deal[i * s], ..., deal[i * s + s - 1] in that order.
std::vector<Rows> deal_shards(const Rows& sorted, std::size_t nodes,
                              std::span<const std::uint32_t> deal);

}  // namespace shoal

// A uniformly random subset of 0..n-1, in O(n / 64 + k) time and about k random words.
#pragma once

#include <cstdint>
#include <vector>

#include "shoal/base/random.h"

namespace shoal {

// k of 0..n-1 without replacement, in increasing order, appended to `chosen`. k <= n < 2^32.
// Numbers are drawn until k (or n - k, if that is less) different ones have come; which ones come
// first is uniform. The subset is the same on every machine.
void random_subset(RandomStream& stream, std::size_t n, std::size_t k,
                   std::vector<std::uint32_t>& chosen);

}  // namespace shoal

// The k entries of largest magnitude, exactly and in O(d).
//
// A lower bound of the k-th magnitude comes from a strided sample (or, when that fails or k is
// large, from a 2048-bin histogram of the leading bits); one SIMD pass collects what reaches it,
// and a radix select finishes on those few. The bound only costs time: the result is a pure
// function of the row. Ties go to the lower index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "shoal/math/vector.h"

namespace shoal {

struct Selected {
  std::vector<std::uint32_t> indices;  // increasing
  std::vector<float> values;           // x at those indices
};

// The k largest |x_i| into `found`, whose memory is used again. x is finite and shorter than 2^32;
// k <= x.size().
void largest_magnitudes(Row x, std::size_t k, Selected& found);
Selected largest_magnitudes(Row x, std::size_t k);
// The entries with |x_i| >= bound >= 0, as above.
void entries_reaching(Row x, float bound, Selected& found);

}  // namespace shoal

// The long form of tests: `make soak` sets SHOAL_SOAK, and SHOAL_SOAK=0.1 does a tenth of it.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace shoal {

inline bool soaking() { return std::getenv("SHOAL_SOAK") != nullptr; }

// How often a test does what it does: `quick` times, or its share of `full` in the long form.
inline int soak_count(int quick, int full) {
  const char* share = std::getenv("SHOAL_SOAK");
  if (share == nullptr) return quick;
  return std::max(1, static_cast<int>(std::lround(std::strtod(share, nullptr) * full)));
}

}  // namespace shoal

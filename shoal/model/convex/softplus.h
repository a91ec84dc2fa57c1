// ln(1 + e^z) and its derivative, from e^-|z|, which cannot overflow.
#pragma once

#include <algorithm>
#include <cmath>

#include "shoal/base/portable_math.h"
#include "shoal/model/exponential.h"

namespace shoal {

struct Softplus {
  double value;
  double slope;
};

inline Softplus softplus(double z) {
  const double e = fast_exp(-std::abs(z));
  const double nearer = 1.0 / (1.0 + e);
  return {std::max(z, 0.0) + portable_log(1.0 + e), z >= 0.0 ? nearer : e * nearer};
}

}  // namespace shoal

// PyTorch's default start of linear and convolutional layers: weight and bias uniform on
// +-1 / sqrt(fan-in), drawn from a RandomStream in the order of the flat vector.
#pragma once

#include <cmath>
#include <cstddef>
#include <span>

#include "shoal/base/random.h"

namespace shoal {

template <class Scalar>
void draw_uniform_fan_in(RandomStream& stream, std::size_t fan_in, std::span<Scalar> values) {
  const double bound = 1.0 / std::sqrt(static_cast<double>(fan_in));
  for (Scalar& value : values) value = static_cast<Scalar>(bound * (2.0 * stream.uniform() - 1.0));
}

}  // namespace shoal

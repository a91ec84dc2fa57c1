// e^x from IEEE additions and multiplications only: the same bits from every compiler and C
// library, and loops over it vectorise. Within 2 units in the last place of a double.
//
// portable_exp (base/portable_math.h) is the slow and wider sibling that random draws use.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

namespace shoal {

// e^x for x in [-700, 700]; arguments beyond are taken as the nearer bound (e^-700 is 1e-304, and
// the probabilities computed from it are 0 in any precision that follows).
inline double fast_exp(double x) {
  x = std::min(std::max(x, -700.0), 700.0);
  // Adding and taking away 1.5 * 2^52 rounds to the nearest integer.
  constexpr double kRound = 6755399441055744.0;
  const double shifted = x * 1.44269504088896340736 + kRound;
  const double k = shifted - kRound;
  const double r = (x - k * 6.93147180369123816490e-01) - k * 1.90821492927058770002e-10;
  // Taylor series to r^13 / 13!, |r| <= 0.347: the rest is below 2^-57.
  double series = 1.0 / 6227020800.0;
  series = series * r + 1.0 / 479001600.0;
  series = series * r + 1.0 / 39916800.0;
  series = series * r + 1.0 / 3628800.0;
  series = series * r + 1.0 / 362880.0;
  series = series * r + 1.0 / 40320.0;
  series = series * r + 1.0 / 5040.0;
  series = series * r + 1.0 / 720.0;
  series = series * r + 1.0 / 120.0;
  series = series * r + 1.0 / 24.0;
  series = series * r + 1.0 / 6.0;
  series = series * r + 0.5;
  series = series * r + 1.0;
  series = series * r + 1.0;
  const auto exponent = (std::bit_cast<std::int64_t>(shifted) << 52) + (std::int64_t{1023} << 52);
  return series * std::bit_cast<double>(exponent);
}

}  // namespace shoal

#include "shoal/base/portable_math.h"

#include <cmath>
#include <limits>

namespace shoal {
namespace {

// ln 2 split so that k * kLn2High is exact for |k| < 2^11.
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;
constexpr double kSqrtHalf = 0.70710678118654752440;

}  // namespace

double portable_log(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);  // in [0.5, 1)
  if (mantissa < kSqrtHalf) {
    mantissa *= 2.0;
    --exponent;
  }
  // ln m = 2 atanh(s), s = (m-1)/(m+1), |s| <= 0.1716: the series to s^23 is exact to rounding.
  const double f = mantissa - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double series = 0.0;
  for (int odd = 23; odd >= 3; odd -= 2) series = (series + 1.0 / odd) * z;
  // 2 s = f - s f, so the leading term is f and the corrections stay small.
  const double tail = 2.0 * s * series - s * f;
  return exponent * kLn2High + (f + (tail + exponent * kLn2Low));
}

double portable_exp(double x) {
  if (x < -745.2) return 0.0;
  if (x > 709.79) return std::numeric_limits<double>::infinity();
  const double k = std::floor(x / 0.69314718055994530942 + 0.5);
  const double r = (x - k * kLn2High) - k * kLn2Low;  // |r| <= 0.347
  double series = 1.0;
  for (int n = 18; n >= 1; --n) series = 1.0 + series * r / n;
  return std::ldexp(series, static_cast<int>(k));
}

}  // namespace shoal

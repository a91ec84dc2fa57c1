#include "shoal/math/fourier.h"

#include <cmath>
#include <complex>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

namespace shoal {
namespace {

TEST(Fourier, UnitRootsAgainstTheCLibrary) {
  for (const std::uint64_t n : {1u, 2u, 3u, 4u, 8u, 12u, 97u, 1000u, 65536u})
    for (std::uint64_t k = 0; k < n; ++k) {
      const double angle = 2 * M_PI * static_cast<double>(k) / static_cast<double>(n);
      const Complex root = unit_root(k, n);
      ASSERT_NEAR(root.re, std::cos(angle), 2e-15) << k << " of " << n;
      ASSERT_NEAR(root.im, std::sin(angle), 2e-15) << k << " of " << n;
      ASSERT_NEAR(root.re * root.re + root.im * root.im, 1.0, 5e-16);
    }
  EXPECT_EQ(unit_root(1, 4).im, 1.0);
  EXPECT_EQ(unit_root(1, 4).re, 0.0);
  EXPECT_EQ(unit_root(1, 2).re, -1.0);
}

TEST(Fourier, ExampleOfTheCard) {
  std::vector<Complex> values{{1, 0}, {2, 0}, {3, 0}, {4, 0}};
  Fourier(4).transform(values);
  const double expected[4][2] = {{5, 0}, {-1, 1}, {-1, 0}, {-1, -1}};
  for (std::size_t f = 0; f < 4; ++f) {
    EXPECT_NEAR(values[f].re, expected[f][0], 1e-15);
    EXPECT_NEAR(values[f].im, expected[f][1], 1e-15);
  }
}

// Every length up to 70, and two primes: against the sum itself, and back again.
TEST(Fourier, IsTheSum) {
  RandomStream stream(1, purpose("fourier"));
  std::vector<std::size_t> lengths{257, 509};
  for (std::size_t n = 1; n <= 70; ++n) lengths.push_back(n);
  for (const std::size_t n : lengths) {
    std::vector<Complex> values(n);
    for (Complex& value : values) value = {stream.normal(), stream.normal()};
    const std::vector<Complex> before = values;
    Fourier fourier(n);
    fourier.transform(values);
    for (std::size_t f = 0; f < n; ++f) {
      std::complex<double> sum = 0;
      for (std::size_t t = 0; t < n; ++t)
        sum += std::complex<double>(before[t].re, before[t].im) *
               std::polar(1.0, -2 * M_PI * static_cast<double>(f * t % n) / static_cast<double>(n));
      sum /= std::sqrt(static_cast<double>(n));
      ASSERT_NEAR(values[f].re, sum.real(), 2e-14) << n;
      ASSERT_NEAR(values[f].im, sum.imag(), 2e-14) << n;
    }
    fourier.inverse(values);
    for (std::size_t t = 0; t < n; ++t) {
      ASSERT_NEAR(values[t].re, before[t].re, 2e-14) << n;
      ASSERT_NEAR(values[t].im, before[t].im, 2e-14) << n;
    }
  }
}

}  // namespace
}  // namespace shoal

#include "shoal/math/fourier.h"

#include <bit>
#include <cmath>
#include <utility>

#include "shoal/base/check.h"

namespace shoal {
namespace {

constexpr double kPi = 0x1.921fb54442d18p1;

Complex operator*(Complex a, Complex b) {
  return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}
Complex conjugate(Complex a) { return {a.re, -a.im}; }

// Taylor series for 0 <= x <= pi / 4: the terms left out are below 1e-18.
Complex small_angle(double x) {
  const double square = x * x;
  double cosine = 1.0, sine = 1.0;
  for (int k = 18; k >= 2; k -= 2) {
    cosine = 1.0 - cosine * square / ((k - 1) * k);
    sine = 1.0 - sine * square / (k * (k + 1));
  }
  return {cosine, x * sine};
}

}  // namespace

Complex unit_root(std::uint64_t k, std::uint64_t n) {
  // Octants by whole numbers, so that symmetric roots are exactly symmetric.
  if (2 * k > n) return conjugate(unit_root(n - k, n));
  if (4 * k > n) {
    const Complex mirrored = unit_root(n - 2 * k, 2 * n);  // of the angle pi less this one's
    return {-mirrored.re, mirrored.im};
  }
  if (8 * k <= n) return small_angle(2.0 * kPi * static_cast<double>(k) / static_cast<double>(n));
  const Complex swapped =
      small_angle(2.0 * kPi * static_cast<double>(n - 4 * k) / (4.0 * static_cast<double>(n)));
  return {swapped.im, swapped.re};
}

Fourier::Fourier(std::size_t n) : n_(n), padded_(n) {
  SHOAL_CHECK(n >= 1, "a transform has a length");
  const bool power_of_two = std::has_single_bit(n);
  if (!power_of_two) padded_ = std::bit_ceil(2 * n - 1);
  for (std::size_t k = 0; k < padded_ / 2; ++k) roots_.push_back(conjugate(unit_root(k, padded_)));
  if (power_of_two) return;
  scratch_.resize(padded_);
  filter_.resize(padded_);
  std::uint64_t square = 0;  // t^2 mod 2n
  for (std::size_t t = 0; t < n; ++t) {
    chirp_.push_back(conjugate(unit_root(square, 2 * n)));
    filter_[t] = conjugate(chirp_[t]);
    if (t > 0) filter_[padded_ - t] = filter_[t];
    square = (square + 2 * t + 1) % (2 * n);
  }
  powers_of_two(filter_);
}

void Fourier::transform(std::span<Complex> values) {
  SHOAL_CHECK(values.size() == n_, "a transform takes rows of its length");
  if (chirp_.empty())
    powers_of_two(values);
  else
    any_length(values);
  const double scale = 1.0 / std::sqrt(static_cast<double>(n_));
  for (Complex& value : values) value = {value.re * scale, value.im * scale};
}

void Fourier::inverse(std::span<Complex> values) {
  for (Complex& value : values) value = conjugate(value);
  transform(values);
  for (Complex& value : values) value = conjugate(value);
}

void Fourier::powers_of_two(std::span<Complex> values) const {
  const std::size_t n = values.size();
  for (std::size_t i = 1, j = 0; i < n; ++i) {  // j is i with its bits reversed
    std::size_t bit = n >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (std::size_t half = 1; half < n; half *= 2) {
    const std::size_t stride = n / (2 * half);
    for (std::size_t begin = 0; begin < n; begin += 2 * half)
      for (std::size_t k = 0; k < half; ++k) {
        const Complex even = values[begin + k];
        const Complex odd = values[begin + k + half] * roots_[k * stride];
        values[begin + k] = {even.re + odd.re, even.im + odd.im};
        values[begin + k + half] = {even.re - odd.re, even.im - odd.im};
      }
  }
}

// f t = (f^2 + t^2 - (f - t)^2) / 2 makes the transform a convolution with the chirp.
void Fourier::any_length(std::span<Complex> values) {
  scratch_.assign(padded_, Complex{});
  for (std::size_t t = 0; t < n_; ++t) scratch_[t] = values[t] * chirp_[t];
  powers_of_two(scratch_);
  for (std::size_t f = 0; f < padded_; ++f) scratch_[f] = conjugate(scratch_[f] * filter_[f]);
  powers_of_two(scratch_);
  const double scale = 1.0 / static_cast<double>(padded_);
  for (std::size_t f = 0; f < n_; ++f) {
    const Complex sum = conjugate(scratch_[f]) * chirp_[f];
    values[f] = {sum.re * scale, sum.im * scale};
  }
}

}  // namespace shoal

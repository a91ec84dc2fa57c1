// The unitary discrete Fourier transform of any length, from IEEE additions and multiplications
// alone: X_f = 1/sqrt(n) sum_t x_t e^(-2 pi i f t / n), and the same bits on every machine.
//
// Lengths that are powers of two go by halves; any other length is a convolution of such a length
// (Bluestein 1970), so primes cost no more: O(n log n).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace shoal {

struct Complex {
  double re = 0.0;
  double im = 0.0;
};

// e^(2 pi i k / n), k < n, with both parts right to 1e-16.
Complex unit_root(std::uint64_t k, std::uint64_t n);

// What transforms of one length share; keeps its memory from call to call.
class Fourier {
 public:
  explicit Fourier(std::size_t n);  // n >= 1

  // In place; values.size() = n. inverse(transform(x)) is x up to rounding.
  void transform(std::span<Complex> values);
  void inverse(std::span<Complex> values);

 private:
  void powers_of_two(std::span<Complex> values) const;
  void any_length(std::span<Complex> values);

  std::size_t n_;
  std::size_t padded_;            // length of the transforms made: n, or a power of 2 above 2n - 2
  std::vector<Complex> roots_;    // e^(-2 pi i k / padded), k < padded / 2
  std::vector<Complex> chirp_;    // e^(-pi i t^2 / n); empty for a power of two
  std::vector<Complex> filter_;   // the transform of the chirp's conjugate, over padded
  std::vector<Complex> scratch_;  // padded
};

}  // namespace shoal

// The atoms that a tensor is a sum of (Wang et al. 2018, 1806.04090), and how kept ones are
// written. They are orthonormal, and what is sent of a kept one is its weight over its probability.
//
//   element   coordinates; weight g_i. Wire: varint 2k + e; with k > 0 the indices (index_code.h,
//             auto); then with e = 1, when all kept values have one magnitude, that as f32 and k
//             sign bits (1 is negative), with e = 0 k values f32.
//   spectral  singular triplets of the tensor as a matrix of m x c; weight sigma. Wire: varint k,
//             then of each u sigma / p, m f32, and v, c f32. SVD O(m c min(m, c)).
//   fourier   of the unitary transform X: 0 and, when d is even, d/2 are atoms by themselves, of
//             weight |X_f|; every other f <= d/2 is a pair of cosine and sine, of weight sqrt(2)
//             |X_f|. Wire: varint k; with k > 0 the indices f; then re X_f / p and for pairs im X_f
//             / p, f32. O(d log d).
//
// Varints are LEB128 of up to 5 bytes. A weight below 2^-45 of the largest that an SVD or a
// transform gives is its rounding, and 0.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/codec/atom_probabilities.h"
#include "shoal/model/layout.h"

namespace shoal {

enum class AtomKind : std::uint8_t { kElement, kSpectral, kFourier };

// Of one tensor at a time; the next one finds the memory of the last.
class Atoms {
 public:
  virtual ~Atoms() = default;
  // Atoms of a tensor of this shape, and about how many floats one of them takes.
  virtual std::size_t count(const TensorInfo& tensor) const = 0;
  virtual std::size_t floats(const TensorInfo& tensor) const = 0;
  // Gives the weights, count() of them, all finite. tensor.size >= 1 and entries are finite.
  virtual void decompose(const TensorInfo& tensor, std::span<const float> entries,
                         std::vector<double>& weights) = 0;
  // Writes the kept atoms of what was decomposed last, in increasing order. False when a value is
  // beyond the largest float.
  virtual bool write(std::span<const std::uint32_t> kept, const AtomProbabilities& found,
                     ByteWriter& out) = 0;
  // Reads them, moves `bytes` behind them and writes every entry; with no `entries` only checks.
  virtual Status read(ByteView& bytes, const TensorInfo& tensor, std::span<float> entries) = 0;
};

// The atoms of this thread.
Atoms& atoms_of_thread(AtomKind kind);
std::unique_ptr<Atoms> element_atoms();
std::unique_ptr<Atoms> spectral_atoms();
std::unique_ptr<Atoms> fourier_atoms();

// What the three share.
void write_count(std::uint32_t count, ByteWriter& out);
Result<std::uint32_t> read_count(ByteView& bytes);
void write_atom_indices(std::span<const std::uint32_t> kept, std::size_t count, ByteWriter& out);
Status read_atom_indices(ByteView& bytes, std::size_t count, std::span<std::uint32_t> kept);
// Reads values.size() floats; they must be there and finite.
Status read_floats(ByteView& bytes, std::span<float> values);
bool fits_float(double value);
void drop_rounding(std::span<double> weights);

}  // namespace shoal

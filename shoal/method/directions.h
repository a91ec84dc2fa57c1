// Directions: random vectors that every machine can make again from a key, and so never sends.
//
// Direction (round, node, sample) is its own Philox stream, keyed by (run seed, round, node,
// sample); element i comes from word i (Gaussian) or bit i (Rademacher), so any piece of it can be
// made alone. The numbers are the same on every processor and thread count (math/random_bits.h,
// math/normal_row.h), and so is what is added up of them: pieces are of a fixed coordinate range,
// terms are added in their given order, in double, and rounded once.
//
// Cost: perturb() d numbers; apply_terms() N d numbers for N terms, in pieces that stay in the
// first cache: the hot loop of zeroth-order training over a network. Nothing is allocated a piece.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/base/random.h"
#include "shoal/base/thread_pool.h"

namespace shoal {

enum class DirectionLaw { kGaussian, kRademacher };

struct DirectionKey {
  Step round = 0;
  NodeId node = 0;
  std::uint32_t sample = 0;
};

// Coordinates of a piece: words, numbers and double sums of one stay within 32 KiB.
inline constexpr std::size_t kPieceSize = 2048;
// Pieces begin at multiples of this: a whole Philox block of bits.
inline constexpr std::size_t kPieceAlignment = 128;

class Directions {
 public:
  // Samples of a node and round are numbered below `samples`; rounds * samples < 2^32.
  Directions(std::uint64_t seed, std::uint32_t samples, DirectionLaw law)
      : seed_(seed), samples_(samples), law_(law) {}

  // Elements begin .. begin + out.size() - 1; `begin` is a multiple of kPieceAlignment, and out has
  // at most kPieceSize elements (checked).
  void fill(const DirectionKey& key, std::size_t begin, std::span<float> out) const;

 private:
  std::uint64_t seed_;
  std::uint32_t samples_;
  DirectionLaw law_;
};

// out = x + factor z; out may be x.
template <class Scalar>
void perturb(const Directions& directions, const DirectionKey& key, double factor,
             std::span<const Scalar> x, std::span<Scalar> out);

// A direction and what it is multiplied with.
struct DirectionTerm {
  DirectionKey key;
  double weight = 0.0;
};

// x += factor * sum of weight z over the terms, summed in double in their order. Pieces of
// `piece_size` coordinates (a multiple of kPieceAlignment, at most kPieceSize) are shared out over
// the pool; null: this thread. The result depends on neither.
template <class Scalar>
void apply_terms(const Directions& directions, std::span<const DirectionTerm> terms, double factor,
                 std::span<Scalar> x, ThreadPool* pool, std::size_t piece_size = kPieceSize);

}  // namespace shoal

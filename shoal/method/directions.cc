#include "shoal/method/directions.h"

#include <algorithm>
#include <array>

#include "shoal/base/check.h"
#include "shoal/math/normal_row.h"
#include "shoal/math/quantise.h"
#include "shoal/math/random_bits.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

template <class Scalar>
void add_scaled(double factor, std::span<const Scalar> x, std::span<const float> z,
                std::span<Scalar> out) {
  const auto scalar = static_cast<Scalar>(factor);
  if constexpr (std::is_same_v<Scalar, float>) {
    scaled_sum(1.0f, x, scalar, z, out);
  } else {
    for (std::size_t i = 0; i < z.size(); ++i) out[i] = x[i] + scalar * static_cast<Scalar>(z[i]);
  }
}

}  // namespace

void Directions::fill(const DirectionKey& key, std::size_t begin, std::span<float> out) const {
  SHOAL_CHECK(begin % kPieceAlignment == 0 && out.size() <= kPieceSize,
              "a direction is made in aligned pieces");
  SHOAL_CHECK(key.sample < samples_, "a sample beyond those of a round");
  RandomStream stream(seed_, purpose("direction"), key.node, key.round * samples_ + key.sample);
  std::array<std::uint32_t, kPieceSize> words;
  if (law_ == DirectionLaw::kGaussian) {
    stream.skip_blocks(static_cast<std::uint32_t>(begin / 4));
    const auto some = std::span(words).first(out.size());
    fill_bits(stream, some);
    normals_of_words(some, out);
  } else {
    stream.skip_blocks(static_cast<std::uint32_t>(begin / 128));
    const auto some = std::span(words).first((out.size() + 31) / 32);
    fill_bits(stream, some);
    unpack_signs(std::as_bytes(some).data(), 1.0f, out);
  }
}

template <class Scalar>
void perturb(const Directions& directions, const DirectionKey& key, double factor,
             std::span<const Scalar> x, std::span<Scalar> out) {
  std::array<float, kPieceSize> z;
  for (std::size_t begin = 0; begin < x.size(); begin += kPieceSize) {
    const std::size_t size = std::min(kPieceSize, x.size() - begin);
    const auto piece = std::span(z).first(size);
    directions.fill(key, begin, piece);
    add_scaled<Scalar>(factor, x.subspan(begin, size), piece, out.subspan(begin, size));
  }
}

template <class Scalar>
void apply_terms(const Directions& directions, std::span<const DirectionTerm> terms, double factor,
                 std::span<Scalar> x, ThreadPool* pool, std::size_t piece_size) {
  SHOAL_CHECK(piece_size > 0 && piece_size <= kPieceSize && piece_size % kPieceAlignment == 0,
              "pieces are aligned and fit the cache");
  const auto apply_piece = [&](std::size_t index) {
    const std::size_t begin = index * piece_size;
    const auto piece = x.subspan(begin, std::min(piece_size, x.size() - begin));
    std::array<float, kPieceSize> z;
    std::array<double, kPieceSize> sums;
    std::fill_n(sums.begin(), piece.size(), 0.0);
    for (const DirectionTerm& term : terms) {
      directions.fill(term.key, begin, std::span(z).first(piece.size()));
      accumulate(term.weight, std::span(z).first(piece.size()),
                 std::span(sums).first(piece.size()));
    }
    for (std::size_t i = 0; i < piece.size(); ++i)
      piece[i] = static_cast<Scalar>(static_cast<double>(piece[i]) + factor * sums[i]);
  };
  const std::size_t pieces = (x.size() + piece_size - 1) / piece_size;
  for_each_block(pool, pieces, apply_piece);
}

template void perturb<float>(const Directions&, const DirectionKey&, double, std::span<const float>,
                             std::span<float>);
template void perturb<double>(const Directions&, const DirectionKey&, double,
                              std::span<const double>, std::span<double>);
template void apply_terms<float>(const Directions&, std::span<const DirectionTerm>, double,
                                 std::span<float>, ThreadPool*, std::size_t);
template void apply_terms<double>(const Directions&, std::span<const DirectionTerm>, double,
                                  std::span<double>, ThreadPool*, std::size_t);

}  // namespace shoal

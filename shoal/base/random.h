// Counter-based random streams: Philox4x32-10 (Salmon et al., SC 2011, through Random123), keyed
// by (seed, purpose, node, step). A stream is a value: it costs nothing to make, needs no lock, and
// gives the same bits on any thread count, compiler and world.
//
//   RandomStream stream(seed, purpose("cohort"), node, step);
//   const double u = stream.uniform();
//
// Distributions are our own (the standard library's differ between implementations), built on
// portable_math.h.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace shoal {

// What a stream is for: a hash (FNV-1a) of a name, so that two parts of the code that draw for the
// same node and step do not share numbers.
enum class Purpose : std::uint32_t {};

constexpr Purpose purpose(std::string_view name) {
  std::uint32_t hash = 2166136261u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  return static_cast<Purpose>(hash);
}

class RandomStream {
 public:
  RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t node = 0, std::uint32_t step = 0);

  std::uint32_t bits32();
  std::uint64_t bits64();
  // Uniform on [0, 1), 53 bits.
  double uniform();
  // Uniform on (0, 1]: safe under a logarithm.
  double uniform_positive();
  // Uniform on {0, ..., bound-1}, without bias; bound >= 1.
  std::uint64_t below(std::uint64_t bound);
  // Standard normal (Marsaglia's polar method).
  double normal();
  // Exponential of mean 1.
  double exponential();
  // Gamma of shape alpha > 0 and scale 1 (Marsaglia and Tsang 2000).
  double gamma(double alpha);
  // ln of a gamma draw: exact for tiny alpha, where the draw itself underflows to 0.
  double log_gamma_draw(double alpha);
  // A draw from Dirichlet(alpha_1, ..., alpha_k), computed in logs; sums to 1.
  std::vector<double> dirichlet(std::span<const double> alpha);

  // Fisher-Yates, from the last place down.
  template <class T>
  void shuffle(std::span<T> values) {
    for (std::size_t i = values.size(); i > 1; --i)
      std::swap(values[i - 1], values[static_cast<std::size_t>(below(i))]);
  }
  // A uniform permutation of 0..n-1.
  std::vector<std::uint32_t> permutation(std::size_t n);
  // k of 0..n-1 without replacement, in increasing order; O(k log k) time (Floyd).
  std::vector<std::uint32_t> sample(std::size_t n, std::size_t k);

  // For code that makes whole blocks itself (math/random_bits.h): how many words of the current
  // block bits32() has not given out yet, the key, and the counter of the next block.
  std::uint32_t words_left() const { return 4 - used_; }
  const std::array<std::uint32_t, 2>& key() const { return key_; }
  const std::array<std::uint32_t, 4>& next_counter() const { return counter_; }
  // Moves past blocks that were made elsewhere; no words are left of the current one.
  void skip_blocks(std::uint32_t count);

 private:
  void refill();

  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  std::uint32_t used_ = 4;
  bool has_spare_normal_ = false;
  double spare_normal_ = 0.0;
};

}  // namespace shoal

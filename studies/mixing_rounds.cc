#include "studies/mixing_rounds.h"

#include <cmath>

#include "shoal/base/random.h"

namespace shoal {
namespace {

// n rows of the same number of values, and the distance to their mean row.
class Peers {
 public:
  Peers(std::size_t nodes, std::size_t coordinates, std::uint64_t seed)
      : nodes_(nodes), coordinates_(coordinates), x_(nodes * coordinates), next_(x_.size()) {
    for (std::size_t i = 0; i < nodes; ++i) {
      RandomStream stream(seed, purpose("consensus start"), static_cast<std::uint32_t>(i));
      for (std::size_t k = 0; k < coordinates; ++k) x_[i * coordinates + k] = stream.normal();
    }
  }

  void mix(const MixingMatrix& w) {
    for (std::size_t i = 0; i < nodes_; ++i) {
      double* out = &next_[i * coordinates_];
      const double* own = &x_[i * coordinates_];
      for (std::size_t k = 0; k < coordinates_; ++k) out[k] = w.own[i] * own[k];
      for (const auto& [node, weight] : w.rows[i]) {
        const double* other = &x_[node * coordinates_];
        for (std::size_t k = 0; k < coordinates_; ++k) out[k] += weight * other[k];
      }
    }
    x_.swap(next_);
  }

  double distance() const {
    double total = 0.0;
    for (std::size_t k = 0; k < coordinates_; ++k) {
      double mean = 0.0;
      for (std::size_t i = 0; i < nodes_; ++i) mean += x_[i * coordinates_ + k];
      mean /= static_cast<double>(nodes_);
      for (std::size_t i = 0; i < nodes_; ++i) {
        const double gap = x_[i * coordinates_ + k] - mean;
        total += gap * gap;
      }
    }
    return std::sqrt(total);
  }

 private:
  std::size_t nodes_;
  std::size_t coordinates_;
  std::vector<double> x_;
  std::vector<double> next_;
};

}  // namespace

std::size_t rounds_to_consensus(const std::vector<MixingMatrix>& schedule, double tolerance,
                                std::size_t coordinates, std::uint64_t seed,
                                std::size_t rounds_max) {
  Peers peers(schedule.front().size(), coordinates, seed);
  const double goal = tolerance * peers.distance();
  for (std::size_t round = 0; round < rounds_max; ++round) {
    peers.mix(schedule[round % schedule.size()]);
    if (peers.distance() <= goal) return round + 1;
  }
  return rounds_max;
}

}  // namespace shoal

// What several parts of a pipeline need to know about the same rows, computed at most once each:
// pre-aggregators, rule and detector of one round share one object. O(n^2 d) for the distances.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/math/gram.h"
#include "shoal/rule/rule.h"

namespace shoal {

class RoundStatistics {
 public:
  // The rows (finite, of equal length, at least one) must outlive the object.
  explicit RoundStatistics(std::span<const Row> rows, ThreadPool* pool = nullptr)
      : rows_(rows), pool_(pool) {}

  std::size_t size() const { return rows_.size(); }
  // ||x_i||^2, in double.
  const std::vector<double>& squared_norms();
  // ||x_i - x_j||^2; +infinity beyond the float range.
  const PairMatrix& squared_distances();
  // The row whose median squared distance to the others is least, ties to the lower index: with
  // fewer liars than half it lies among the honest rows, so it is a safe origin.
  std::size_t medoid();
  // <x_i, x_j>, without a reference: half the work of the centred one, and as good for whatever
  // does not ask for distances far below the norms.
  const PairMatrix& gram();
  // <x_i - x_m, x_j - x_m> about the medoid m.
  const PairMatrix& centred_gram();

 private:
  std::span<const Row> rows_;
  ThreadPool* pool_;
  std::optional<std::vector<double>> squared_norms_;
  std::optional<PairMatrix> squared_distances_;
  std::optional<std::size_t> medoid_;
  std::optional<PairMatrix> gram_;
  std::optional<PairMatrix> centred_gram_;
};

// The statistics that the round shares, or else ones of its own.
class StatisticsOf {
 public:
  explicit StatisticsOf(const RoundView& round) : shared_(round.statistics) {
    if (!shared_) own_.emplace(round.rows, round.pool);
  }
  RoundStatistics* operator->() { return shared_ ? shared_ : &*own_; }

 private:
  RoundStatistics* shared_;
  std::optional<RoundStatistics> own_;
};

}  // namespace shoal

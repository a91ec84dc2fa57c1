#include "shoal/rule/round_statistics.h"

#include <algorithm>

namespace shoal {

const std::vector<double>& RoundStatistics::squared_norms() {
  if (!squared_norms_) {
    squared_norms_.emplace(rows_.size());
    for_each_block(pool_, rows_.size(),
                   [&](std::size_t i) { (*squared_norms_)[i] = squared_norm(rows_[i]); });
  }
  return *squared_norms_;
}

const PairMatrix& RoundStatistics::squared_distances() {
  if (!squared_distances_) squared_distances_ = shoal::squared_distances(rows_, pool_);
  return *squared_distances_;
}

std::size_t RoundStatistics::medoid() {
  SHOAL_CHECK(!rows_.empty(), "the medoid of no rows");
  if (medoid_) return *medoid_;
  const PairMatrix& distances = squared_distances();
  const std::size_t n = rows_.size();
  std::vector<double> typical(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<double> row(distances.values.begin() + static_cast<std::ptrdiff_t>(i * n),
                            distances.values.begin() + static_cast<std::ptrdiff_t>((i + 1) * n));
    const auto middle = row.begin() + static_cast<std::ptrdiff_t>(n / 2);
    std::nth_element(row.begin(), middle, row.end());
    typical[i] = *middle;
  }
  medoid_ =
      static_cast<std::size_t>(std::min_element(typical.begin(), typical.end()) - typical.begin());
  return *medoid_;
}

const PairMatrix& RoundStatistics::gram() {
  if (!gram_) gram_ = gram_matrix(rows_, pool_);
  return *gram_;
}

const PairMatrix& RoundStatistics::centred_gram() {
  if (!centred_gram_) centred_gram_ = gram_matrix(rows_, rows_[medoid()], pool_);
  return *centred_gram_;
}

}  // namespace shoal

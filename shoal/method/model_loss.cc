#include "shoal/method/model_loss.h"

#include "shoal/math/vector.h"

namespace shoal {

ModelLoss::ModelLoss(const Problem<float>& problem, const ValidationSet& set, std::size_t count,
                     std::uint64_t seed, Step round, std::span<const float> model, double factor)
    : problem_(problem),
      data_(*set.data),
      rows_(RandomStream(seed, purpose("validation"), 0, round).sample(set.rows.size(), count)),
      model_(model),
      factor_(static_cast<float>(factor)) {}

double ModelLoss::before() const {
  return problem_.models->mine().evaluate(model_, Batch{&data_, rows_}).loss;
}

double ModelLoss::after(std::span<const float> row) const {
  std::vector<float> moved(model_.begin(), model_.end());
  axpy(factor_, row, moved);
  return problem_.models->mine().evaluate(moved, Batch{&data_, rows_}).loss;
}

}  // namespace shoal

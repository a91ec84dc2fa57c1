#include "shoal/method/replica.h"

#include <algorithm>
#include <cstring>

namespace shoal {

template <class Scalar>
Replica<Scalar>::Replica(const Problem<Scalar>& problem, std::size_t worker, std::uint64_t seed,
                         std::size_t batch, const OptimizerSettings& optimizer, Step steps)
    : problem_(problem),
      settings_(optimizer),
      steps_(steps),
      batches_(problem, worker, static_cast<NodeId>(worker), seed, batch),
      optimizer_(optimizer),
      parameters_(problem.initial),
      gradient_(problem.dimension()),
      update_(problem.dimension()) {}

template <class Scalar>
double Replica<Scalar>::learning_rate(Step step) const {
  return learning_rate_at(settings_, step, steps_);
}

template <class Scalar>
void Replica<Scalar>::compute_gradient(Step step) {
  const auto next = batches_.next(step);
  skipped_ = next.skipped;
  evaluated_rows_ = next.rows.size();
  loss_ = 0.0;
  if (!next.rows.empty()) {
    const Batch batch{problem_.data.get(), next.rows};
    loss_ = problem_.models->mine().gradient(parameters_, batch, gradient_);
  }
  if (next.rows.empty() || skipped_) std::fill(gradient_.begin(), gradient_.end(), Scalar{0});
}

template <class Scalar>
void Replica<Scalar>::adopt(ByteView parameters) {
  SHOAL_CHECK(parameters.size() == parameters_.size() * sizeof(Scalar),
              "a replica of another size than the model's");
  std::memcpy(parameters_.data(), parameters.data(), parameters.size());
}

template <class Scalar>
void Replica<Scalar>::propose(Step step) {
  compute_gradient(step);
  if (skipped_)
    std::fill(update_.begin(), update_.end(), Scalar{0});
  else
    optimizer_.step(learning_rate(step), gradient_, update_);
}

template <class Scalar>
double Replica<Scalar>::work_flops() const {
  return problem_.models->flops_per_row() * static_cast<double>(batches_.size());
}

template <class Scalar>
void Replica<Scalar>::save(ByteWriter& out) const {
  out.numbers<Scalar>(parameters_);
  out.numbers<Scalar>(gradient_);
  optimizer_.save(out);
  batches_.save(out);
}

template <class Scalar>
Status Replica<Scalar>::load(ByteReader& in) {
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(parameters_));
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(gradient_));
  SHOAL_TRY_STATUS(optimizer_.load(in));
  return batches_.load(in);
}

template class Replica<float>;
template class Replica<double>;

}  // namespace shoal

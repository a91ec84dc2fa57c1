#include "shoal/method/replica.h"

#include <algorithm>
#include <cstring>

namespace shoal {

template <class Scalar>
Replica<Scalar>::Replica(const Problem<Scalar>& problem, std::size_t worker, std::uint64_t seed,
                         std::size_t batch, const OptimizerSettings& optimizer, Step steps)
    : problem_(problem),
      worker_(worker),
      settings_(optimizer),
      steps_(steps),
      batch_rows_(batch == 0 ? problem.rows[worker].size()
                             : std::min(batch, problem.rows[worker].size())),
      optimizer_(optimizer),
      parameters_(problem.initial),
      gradient_(problem.dimension()),
      update_(problem.dimension()) {
  if (batch_rows_ > 0)
    order_.emplace(problem.order, problem.rows[worker], batch_rows_, seed,
                   static_cast<NodeId>(worker));
}

template <class Scalar>
double Replica<Scalar>::learning_rate(Step step) const {
  return learning_rate_at(settings_, step, steps_);
}

template <class Scalar>
void Replica<Scalar>::compute_gradient() {
  if (batch_rows_ == 0) {
    std::fill(gradient_.begin(), gradient_.end(), Scalar{0});
    loss_ = 0.0;
    return;
  }
  const Batch batch{problem_.data.get(), order_->next_batch()};
  evaluated_rows_ = batch.rows.size();
  loss_ = problem_.models->mine().gradient(parameters_, batch, gradient_);
}

template <class Scalar>
void Replica<Scalar>::adopt(ByteView parameters) {
  SHOAL_CHECK(parameters.size() == parameters_.size() * sizeof(Scalar),
              "a replica of another size than the model's");
  std::memcpy(parameters_.data(), parameters.data(), parameters.size());
}

template <class Scalar>
void Replica<Scalar>::propose(Step step) {
  compute_gradient();
  optimizer_.step(learning_rate(step), gradient_, update_);
}

template <class Scalar>
void Replica<Scalar>::set_batch(std::size_t rows) {
  const std::size_t all = problem_.rows[worker_].size();
  batch_rows_ = rows == 0 ? all : std::min(rows, all);
  if (order_) order_->set_batch_size(batch_rows_);
}

template <class Scalar>
double Replica<Scalar>::work_flops() const {
  return problem_.models->flops_per_row() * static_cast<double>(batch_rows_);
}

template <class Scalar>
void Replica<Scalar>::save(ByteWriter& out) const {
  out.numbers<Scalar>(parameters_);
  out.numbers<Scalar>(gradient_);
  optimizer_.save(out);
  if (order_) order_->save(out);
}

template <class Scalar>
Status Replica<Scalar>::load(ByteReader& in) {
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(parameters_));
  SHOAL_TRY_STATUS(in.numbers_into<Scalar>(gradient_));
  SHOAL_TRY_STATUS(optimizer_.load(in));
  return order_ ? order_->load(in) : ok_status();
}

template class Replica<float>;
template class Replica<double>;

}  // namespace shoal

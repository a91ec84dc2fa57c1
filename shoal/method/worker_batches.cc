#include "shoal/method/worker_batches.h"

#include "shoal/attack/local_attack.h"

namespace shoal {

template <class Scalar>
std::size_t WorkerBatches<Scalar>::fitting(const Rows& rows, std::size_t wanted) const {
  return wanted == 0 ? rows.size() : std::min(wanted, rows.size());
}

template <class Scalar>
WorkerBatches<Scalar>::WorkerBatches(const Problem<Scalar>& problem, std::size_t worker,
                                     NodeId node, std::uint64_t seed, std::size_t batch)
    : problem_(problem), worker_(worker), seed_(seed), size_(fitting(problem.rows[worker], batch)) {
  const auto order_of = [&](const Rows& rows, std::optional<DataOrder>& order) {
    if (!rows.empty()) order.emplace(problem.order, rows, fitting(rows, batch), seed, node);
  };
  order_of(problem.rows[worker], honest_);
  if (!problem.lying_rows.empty()) order_of(problem.lying_rows[worker], lying_);
}

template <class Scalar>
typename WorkerBatches<Scalar>::Batch WorkerBatches<Scalar>::next(Step step) {
  const LocalAttack* const attack = problem_.attack_of(worker_, step);
  const bool other = attack && !problem_.lying_rows.empty();
  std::optional<DataOrder>& order = other ? lying_ : honest_;
  Batch batch;
  if (!order) return batch;
  batch.rows = order->next_batch();
  RandomStream skips(seed_, purpose("skipped steps"), static_cast<std::uint32_t>(worker_), step);
  batch.skipped = attack && attack->skips_step(skips);
  return batch;
}

template <class Scalar>
void WorkerBatches<Scalar>::set_size(std::size_t rows) {
  size_ = fitting(problem_.rows[worker_], rows);
  if (honest_) honest_->set_batch_size(size_);
  if (lying_) lying_->set_batch_size(fitting(problem_.lying_rows[worker_], rows));
}

template <class Scalar>
void WorkerBatches<Scalar>::save(ByteWriter& out) const {
  if (honest_) honest_->save(out);
  if (lying_) lying_->save(out);
}

template <class Scalar>
Status WorkerBatches<Scalar>::load(ByteReader& in) {
  if (honest_) SHOAL_TRY_STATUS(honest_->load(in));
  return lying_ ? lying_->load(in) : ok_status();
}

template class WorkerBatches<float>;
template class WorkerBatches<double>;

}  // namespace shoal

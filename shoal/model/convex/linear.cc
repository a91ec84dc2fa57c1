#include "shoal/model/convex/linear.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <utility>

#include "shoal/model/check_call.h"

namespace shoal {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{256} << 10;

template <class Scalar>
using WeightMap = Eigen::Map<const RowMatrix<Scalar>>;
template <class Scalar>
using MutableWeightMap = Eigen::Map<RowMatrix<Scalar>>;
template <class Scalar>
using BiasMap = Eigen::Map<const Eigen::Matrix<Scalar, 1, Eigen::Dynamic>>;

}  // namespace

void pin_eigen_blocking() {
  static std::once_flag once;
  std::call_once(once, [] { Eigen::setCpuCacheSizes(16 << 10, 64 << 10, 512 << 10); });
}

template <class Scalar>
LinearModel<Scalar>::LinearModel(LinearShape shape, std::shared_ptr<const ScoreLoss<Scalar>> loss)
    : shape_(shape), loss_(std::move(loss)) {
  const auto features = static_cast<std::uint32_t>(shape.features);
  const auto outputs = static_cast<std::uint32_t>(shape.outputs);
  if (shape.flat)
    layout_.add("weight", {features});
  else
    layout_.add("weight", {outputs, features});
  if (shape.bias) layout_.add("bias", {outputs});
  block_rows_ = std::clamp<std::size_t>(kBlockBytes / (sizeof(Scalar) * shape.features), 8, 512);
  x_.resize(block_rows_, features);
  scores_.resize(block_rows_, outputs);
  directions_.resize(block_rows_, outputs);
}

template <class Scalar>
void LinearModel<Scalar>::initialize(RandomStream stream, std::span<Scalar> parameters) const {
  std::ranges::fill(parameters, Scalar{0});
  if (shape_.initial_scale == 0.0) return;
  for (Scalar& weight : parameters.first(weights()))
    weight = static_cast<Scalar>(shape_.initial_scale * stream.normal());
}

template <class Scalar>
void LinearModel<Scalar>::gather(const Dataset& data, std::span<const std::uint32_t> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SHOAL_CHECK(rows[i] < data.rows, "a batch names a row that its data set does not have");
    const auto row = data.row(rows[i]);
    std::copy(row.begin(), row.end(), x_.row(i).data());
  }
}

template <class Scalar>
void LinearModel<Scalar>::score(std::span<const Scalar> parameters, std::size_t rows,
                                RowMatrix<Scalar>& scores) const {
  const WeightMap<Scalar> weight(parameters.data(), shape_.outputs, shape_.features);
  if (shape_.outputs == 1)
    scores.col(0).head(rows).noalias() = x_.topRows(rows) * weight.row(0).transpose();
  else
    scores.topRows(rows).noalias() = x_.topRows(rows) * weight.transpose();
  if (shape_.bias)
    scores.topRows(rows).rowwise() +=
        BiasMap<Scalar>(parameters.data() + weights(), shape_.outputs);
}

template <class Scalar>
void LinearModel<Scalar>::accumulate(const RowMatrix<Scalar>& residuals, std::size_t rows,
                                     std::span<Scalar> out) const {
  MutableWeightMap<Scalar> weight(out.data(), shape_.outputs, shape_.features);
  if (shape_.outputs == 1)
    weight.row(0).transpose().noalias() +=
        x_.topRows(rows).transpose() * residuals.col(0).head(rows);
  else
    weight.noalias() += residuals.topRows(rows).transpose() * x_.topRows(rows);
  if (!shape_.bias) return;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t k = 0; k < shape_.outputs; ++k) out[weights() + k] += residuals(i, k);
}

template <class Scalar>
double LinearModel<Scalar>::penalty(std::span<const Scalar> parameters) const {
  if (shape_.l2 == 0.0) return 0.0;
  double squares = 0.0;
  for (const Scalar weight : parameters.first(weights()))
    squares += static_cast<double>(weight) * static_cast<double>(weight);
  return 0.5 * shape_.l2 * squares;
}

template <class Scalar>
void LinearModel<Scalar>::finish(std::span<const Scalar> parameters, Scalar scale,
                                 std::span<Scalar> out) const {
  const auto l2 = static_cast<Scalar>(shape_.l2);
  for (std::size_t i = 0; i < weights(); ++i) out[i] = out[i] * scale + l2 * parameters[i];
  for (std::size_t i = weights(); i < out.size(); ++i) out[i] *= scale;
}

template <class Scalar>
double LinearModel<Scalar>::gradient(std::span<const Scalar> parameters, const Batch& batch,
                                     std::span<Scalar> out) {
  check_call(layout_, shape_.features, parameters, batch);
  std::ranges::fill(out, Scalar{0});
  double loss = 0.0;
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += block_rows_) {
    const auto rows = batch.rows.subspan(begin, std::min(block_rows_, batch.rows.size() - begin));
    gather(*batch.data, rows);
    score(parameters, rows.size(), scores_);
    loss += loss_->differentiate(*batch.data, rows, scores_.topRows(rows.size()));
    accumulate(scores_, rows.size(), out);
  }
  const double count = static_cast<double>(batch.rows.size());
  finish(parameters, static_cast<Scalar>(1.0 / count), out);
  return loss / count + penalty(parameters);
}

template <class Scalar>
Evaluation LinearModel<Scalar>::evaluate(std::span<const Scalar> parameters, const Batch& batch) {
  check_call(layout_, shape_.features, parameters, batch);
  LossSum sum;
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += block_rows_) {
    const auto rows = batch.rows.subspan(begin, std::min(block_rows_, batch.rows.size() - begin));
    gather(*batch.data, rows);
    score(parameters, rows.size(), scores_);
    const LossSum block = loss_->measure(*batch.data, rows, scores_.topRows(rows.size()));
    sum.loss += block.loss;
    sum.correct += block.correct;
  }
  const double count = static_cast<double>(batch.rows.size());
  return {sum.loss / count + penalty(parameters), sum.correct / count};
}

template <class Scalar>
double LinearModel<Scalar>::flops_per_row() const {
  return 4.0 * static_cast<double>(weights());
}

template <class Scalar>
void LinearModel<Scalar>::hessian_vector(std::span<const Scalar> parameters,
                                         std::span<const Scalar> vector, const Batch& batch,
                                         std::span<Scalar> out) {
  check_call(layout_, shape_.features, parameters, batch);
  check_call(layout_, shape_.features, vector, batch);
  std::ranges::fill(out, Scalar{0});
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += block_rows_) {
    const auto rows = batch.rows.subspan(begin, std::min(block_rows_, batch.rows.size() - begin));
    gather(*batch.data, rows);
    score(parameters, rows.size(), scores_);
    score(vector, rows.size(), directions_);
    loss_->curve(scores_.topRows(rows.size()), directions_.topRows(rows.size()));
    accumulate(directions_, rows.size(), out);
  }
  finish(vector, static_cast<Scalar>(1.0 / static_cast<double>(batch.rows.size())), out);
}

template <class Scalar>
void LinearModel<Scalar>::per_sample_gradient(std::span<const Scalar> parameters,
                                              const Batch& batch, std::span<Scalar> out) {
  const std::size_t size = layout_.size();
  check_call(layout_, shape_.features, parameters, batch);
  SHOAL_CHECK(out.size() == batch.rows.size() * size, "one gradient a row must fit into out");
  std::ranges::fill(out, Scalar{0});
  for (std::size_t i = 0; i < batch.rows.size(); ++i) {
    const auto row = batch.rows.subspan(i, 1);
    const auto own = out.subspan(i * size, size);
    gather(*batch.data, row);
    score(parameters, 1, scores_);
    loss_->differentiate(*batch.data, row, scores_.topRows(1));
    accumulate(scores_, 1, own);
    finish(parameters, Scalar{1}, own);
  }
}

template class LinearModel<float>;
template class LinearModel<double>;

}  // namespace shoal

#include "shoal/model/torch/torch_model.h"

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <utility>

#include "shoal/model/check_call.h"
#include "shoal/model/softmax_loss.h"
#include "shoal/model/torch/single_thread.h"

namespace shoal {
namespace {

constexpr std::size_t kBlockRows = 64;

}  // namespace

TorchModel::TorchModel(std::vector<std::uint32_t> row_shape, std::size_t classes)
    : row_shape_(std::move(row_shape)), classes_(classes) {
  for (const std::uint32_t side : row_shape_) features_ *= side;
  x_.resize(kBlockRows * features_);
}

Tensors TorchModel::views(std::span<const float> flat) const {
  Tensors made;
  made.reserve(layout_.tensors().size());
  for (const TensorInfo& tensor : layout_.tensors()) {
    const std::vector<std::int64_t> shape(tensor.shape.begin(), tensor.shape.end());
    // Parameters are never written through their views; gradients come from a mutable span.
    float* const data = const_cast<float*>(flat.data()) + tensor.offset;
    made.push_back(at::from_blob(data, shape, at::kFloat));
  }
  return made;
}

at::Tensor TorchModel::gather(const Dataset& data, std::span<const std::uint32_t> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SHOAL_CHECK(rows[i] < data.rows, "a batch names a row that its data set does not have");
    const auto row = data.row(rows[i]);
    std::copy(row.begin(), row.end(), x_.begin() + static_cast<std::ptrdiff_t>(i * features_));
  }
  std::vector<std::int64_t> shape = {static_cast<std::int64_t>(rows.size())};
  shape.insert(shape.end(), row_shape_.begin(), row_shape_.end());
  return at::from_blob(x_.data(), shape, at::kFloat);
}

double TorchModel::gradient(std::span<const float> parameters, const Batch& batch,
                            std::span<float> out) {
  check_call(layout_, features_, parameters, batch);
  SHOAL_CHECK(out.size() == layout_.size(), "the gradient does not fit the layout");
  compute_in_this_thread_only();
  const at::NoGradGuard no_grad;
  const Tensors values = views(parameters);
  Tensors gradients = views(out);
  const double weight = 1.0 / static_cast<double>(batch.rows.size());
  double loss = 0.0;
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += kBlockRows) {
    const auto rows = batch.rows.subspan(begin, std::min(kBlockRows, batch.rows.size() - begin));
    const at::Tensor slopes = scores(values, gather(*batch.data, rows), true)
                                  .detach()
                                  .clone(at::MemoryFormat::Contiguous);
    for (std::size_t i = 0; i < rows.size(); ++i)
      loss += cross_entropy_gradient(slopes.data_ptr<float>() + i * classes_, classes_, 1,
                                     batch.data->labels[rows[i]], weight);
    backward(values, slopes, gradients, begin > 0);
  }
  return loss * weight;
}

Evaluation TorchModel::evaluate(std::span<const float> parameters, const Batch& batch) {
  check_call(layout_, features_, parameters, batch);
  compute_in_this_thread_only();
  const at::NoGradGuard no_grad;
  const Tensors values = views(parameters);
  double loss = 0.0;
  double correct = 0.0;
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += kBlockRows) {
    const auto rows = batch.rows.subspan(begin, std::min(kBlockRows, batch.rows.size() - begin));
    const at::Tensor block = scores(values, gather(*batch.data, rows), false).contiguous();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const float* const row = block.data_ptr<float>() + i * classes_;
      const std::size_t label = batch.data->labels[rows[i]];
      loss += cross_entropy(row, classes_, 1, label);
      correct += largest_score(row, classes_, 1) == label ? 1.0 : 0.0;
    }
  }
  const double count = static_cast<double>(batch.rows.size());
  return {loss / count, correct / count};
}

at::Tensor AutogradModel::scores(const Tensors& parameters, const at::Tensor& rows, bool keep) {
  if (!keep) return forward(parameters, rows);
  const at::AutoGradMode with_grad(true);
  leaves_.clear();
  for (const at::Tensor& parameter : parameters)
    leaves_.push_back(parameter.detach().requires_grad_(true));
  kept_ = forward(leaves_, rows);
  return kept_;
}

void AutogradModel::backward(const Tensors&, const at::Tensor& slopes, Tensors& gradients,
                             bool add) {
  // Autograd adds into a gradient that is already there: the caller's memory.
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    if (!add) gradients[i].zero_();
    leaves_[i].mutable_grad() = gradients[i];
  }
  kept_.backward(slopes);
  for (std::size_t i = 0; i < gradients.size(); ++i)
    SHOAL_CHECK(leaves_[i].grad().data_ptr() == gradients[i].data_ptr(),
                "autograd replaced a gradient instead of adding to it");
  kept_.reset();
  leaves_.clear();
}

}  // namespace shoal

// What the LibTorch models share: tensors that are views of our flat vectors, batches, the loss.
//
// A model's parameters stay in the caller's vector and its gradient is written where the caller
// wants it; no tensor owns either. Rows are taken in blocks, so that scratch does not grow with the
// batch. The loss is our own cross entropy (softmax_loss.h); LibTorch sees scores and their slopes.
#pragma once

#include <ATen/ATen.h>
#include <cstdint>
#include <vector>

#include "shoal/model/model.h"

namespace shoal {

using Tensors = std::vector<at::Tensor>;

class TorchModel : public Model<float> {
 public:
  TorchModel(std::vector<std::uint32_t> row_shape, std::size_t classes);

  const Layout& layout() const final { return layout_; }
  double gradient(std::span<const float> parameters, const Batch& batch,
                  std::span<float> out) final;
  Evaluation evaluate(std::span<const float> parameters, const Batch& batch) final;
  // Forward and backward pass counted as three times the multiply-adds of the forward pass, two
  // operations each; normalisations, activations and pooling are left out.
  double flops_per_row() const final { return 6.0 * multiply_adds_; }

 protected:
  // Scores (rows x classes) of a block. With `keep`, whatever backward() needs is remembered.
  virtual at::Tensor scores(const Tensors& parameters, const at::Tensor& rows, bool keep) = 0;
  // From the slopes of the loss in the kept scores: writes (or, with `add`, adds) the gradient.
  virtual void backward(const Tensors& parameters, const at::Tensor& slopes, Tensors& gradients,
                        bool add) = 0;

  Layout layout_;
  double multiply_adds_ = 0.0;  // of one row's forward pass

 private:
  // One tensor a layout entry, over memory that the span lends.
  Tensors views(std::span<const float> flat) const;
  at::Tensor gather(const Dataset& data, std::span<const std::uint32_t> rows);

  std::vector<std::uint32_t> row_shape_;
  std::size_t features_ = 1;
  std::size_t classes_;
  std::vector<float> x_;
};

// Scores by a plain function of tensors, gradients by autograd.
class AutogradModel : public TorchModel {
 public:
  using TorchModel::TorchModel;

 protected:
  virtual at::Tensor forward(const Tensors& parameters, const at::Tensor& rows) = 0;

 private:
  at::Tensor scores(const Tensors& parameters, const at::Tensor& rows, bool keep) final;
  void backward(const Tensors& parameters, const at::Tensor& slopes, Tensors& gradients,
                bool add) final;

  Tensors leaves_;
  at::Tensor kept_;
};

}  // namespace shoal

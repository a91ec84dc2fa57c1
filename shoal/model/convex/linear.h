// Models whose scores are linear in the parameters: z = W x + b for one row x, then a loss of z.
//
//   f(W, b) = mean over rows of loss(W x + b, y) + l2/2 |W|^2        (the bias is not penalised)
//
// One core serves ridge, logistic and softmax regression; they differ in the loss of a row's
// scores. Rows are gathered in blocks of at most 256 KiB, so a full evaluation needs that much
// scratch, and nothing is allocated once the first call has sized it. Cost: 4 features x outputs
// operations a row for loss and gradient, 6 for a Hessian-vector product.
//
// The same bits everywhere: sums run in row order, exponentials come from exponential.h, and
// Eigen's blocking, which follows the caches it finds, is pinned (pin_eigen_blocking).
#pragma once

#include <Eigen/Core>
#include <memory>
#include <span>
#include <vector>

#include "shoal/model/model.h"

namespace shoal {

template <class Scalar>
using RowMatrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
// Scores of a block of rows: rows x outputs.
template <class Scalar>
using Scores = Eigen::Ref<RowMatrix<Scalar>>;

// Sums over the rows of a block.
struct LossSum {
  double loss = 0.0;
  double correct = 0.0;  // NaN for regression
};

// The loss of one row given its scores. `rows` are the block's row ids in `data`; scores.row(i)
// belongs to rows[i].
template <class Scalar>
class ScoreLoss {
 public:
  virtual ~ScoreLoss() = default;
  virtual LossSum measure(const Dataset& data, std::span<const std::uint32_t> rows,
                          const Scores<Scalar>& scores) const = 0;
  // Overwrites each row of scores with the gradient of its loss; returns the sum of losses.
  virtual double differentiate(const Dataset& data, std::span<const std::uint32_t> rows,
                               Scores<Scalar> scores) const = 0;
  // Overwrites each row of `directions` with (Hessian of the row's loss in its scores) times it.
  virtual void curve(const Scores<Scalar>& scores, Scores<Scalar> directions) const = 0;
};

struct LinearShape {
  std::size_t features = 0;
  std::size_t outputs = 1;
  bool flat = false;  // one output: the weight is named as a vector
  bool bias = true;
  double l2 = 0.0;
  double initial_scale = 0.0;  // standard deviation of the initial weights
};

template <class Scalar>
class LinearModel final : public Model<Scalar>,
                          public HessianVectorProduct<Scalar>,
                          public PerSampleGradient<Scalar> {
 public:
  LinearModel(LinearShape shape, std::shared_ptr<const ScoreLoss<Scalar>> loss);

  const Layout& layout() const override { return layout_; }
  void initialize(RandomStream stream, std::span<Scalar> parameters) const override;
  double gradient(std::span<const Scalar> parameters, const Batch& batch,
                  std::span<Scalar> out) override;
  Evaluation evaluate(std::span<const Scalar> parameters, const Batch& batch) override;
  double flops_per_row() const override;
  void hessian_vector(std::span<const Scalar> parameters, std::span<const Scalar> vector,
                      const Batch& batch, std::span<Scalar> out) override;
  void per_sample_gradient(std::span<const Scalar> parameters, const Batch& batch,
                           std::span<Scalar> out) override;

 private:
  // Copies the block's rows to x_ and computes their scores under `parameters` into `scores`.
  void gather(const Dataset& data, std::span<const std::uint32_t> rows);
  void score(std::span<const Scalar> parameters, std::size_t rows, RowMatrix<Scalar>& scores) const;
  // out += residuals^T [x, 1]
  void accumulate(const RowMatrix<Scalar>& residuals, std::size_t rows,
                  std::span<Scalar> out) const;
  double penalty(std::span<const Scalar> parameters) const;
  // out = out * scale + l2 * weights of `parameters`
  void finish(std::span<const Scalar> parameters, Scalar scale, std::span<Scalar> out) const;
  std::size_t weights() const { return shape_.features * shape_.outputs; }

  LinearShape shape_;
  std::shared_ptr<const ScoreLoss<Scalar>> loss_;
  Layout layout_;
  std::size_t block_rows_;
  RowMatrix<Scalar> x_;           // block_rows x features
  RowMatrix<Scalar> scores_;      // block_rows x outputs
  RowMatrix<Scalar> directions_;  // block_rows x outputs
};

extern template class LinearModel<float>;
extern template class LinearModel<double>;

// Fixes the cache sizes by which Eigen blocks matrix products: the order of its sums then does not
// depend on the machine, and its packing buffers stay on the stack.
void pin_eigen_blocking();

}  // namespace shoal

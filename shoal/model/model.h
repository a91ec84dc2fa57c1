// Model: a calculator that owns no parameters.
//
// A node owns its flat parameter vector; a Model computes loss and gradient at whatever parameters
// it is given. It may hold scratch memory, so one instance serves one thread (ModelPool, below).
// Scalar is float everywhere but in convex problems and studies, which may run in double.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/base/result.h"
#include "shoal/base/thread_pool.h"
#include "shoal/data/dataset.h"
#include "shoal/model/layout.h"

namespace shoal {

// Some rows of a data set.
struct Batch {
  const Dataset* data = nullptr;
  std::span<const std::uint32_t> rows;
};

// Means over the evaluated rows. Accuracy is NaN for regression.
struct Evaluation {
  double loss = 0.0;
  double accuracy = 0.0;
};

template <class Scalar>
class Model {
 public:
  virtual ~Model() = default;

  virtual const Layout& layout() const = 0;
  std::size_t size() const { return layout().size(); }

  // Draws the initial parameters; parameters.size() == size().
  virtual void initialize(RandomStream stream, std::span<Scalar> parameters) const = 0;

  // Writes the gradient of the mean loss over the batch (regularisation included) to `out`,
  // overwriting it, and returns that loss. parameters.size() == out.size() == size().
  virtual double gradient(std::span<const Scalar> parameters, const Batch& batch,
                          std::span<Scalar> out) = 0;

  // Mean loss and accuracy over the batch; no gradient.
  virtual Evaluation evaluate(std::span<const Scalar> parameters, const Batch& batch) = 0;

  // Modelled floating-point operations of one row's forward and backward pass: what virtual
  // compute time is derived from.
  virtual double flops_per_row() const = 0;
};

// Optional abilities, asked for with dynamic_cast.
template <class Scalar>
class HessianVectorProduct {
 public:
  virtual ~HessianVectorProduct() = default;
  virtual void hessian_vector(std::span<const Scalar> parameters, std::span<const Scalar> vector,
                              const Batch& batch, std::span<Scalar> out) = 0;
};
template <class Scalar>
class PerSampleGradient {
 public:
  virtual ~PerSampleGradient() = default;
  // rows.size() gradients, one after another.
  virtual void per_sample_gradient(std::span<const Scalar> parameters, const Batch& batch,
                                   std::span<Scalar> out) = 0;
};

// The operator of a variational inequality, for models whose solution is no minimum: of a saddle
// problem min over x, max over y of g it is (g_x, -g_y), which is monotone for convex-concave g.
template <class Scalar>
class VariationalOperator {
 public:
  virtual ~VariationalOperator() = default;
  // Writes the mean over the batch to `out`, of the length of the parameters.
  virtual void variational_operator(std::span<const Scalar> parameters, const Batch& batch,
                                    std::span<Scalar> out) = 0;
};

template <class Scalar>
using MakeModel = std::function<std::unique_ptr<Model<Scalar>>()>;

// One Model a thread, made when a thread first asks.
template <class Scalar>
class ModelPool {
 public:
  ModelPool(MakeModel<Scalar> make, std::size_t threads) : make_(std::move(make)) {
    models_.resize(threads);
    models_[0] = make_();
  }
  // The calling thread's instance (ThreadPool::this_thread_index).
  Model<Scalar>& mine() {
    auto& model = models_.at(ThreadPool::this_thread_index());
    if (!model) model = make_();
    return *model;
  }
  const Layout& layout() const { return models_[0]->layout(); }
  std::size_t size() const { return layout().size(); }
  double flops_per_row() const { return models_[0]->flops_per_row(); }

 private:
  MakeModel<Scalar> make_;
  std::vector<std::unique_ptr<Model<Scalar>>> models_;
};

}  // namespace shoal

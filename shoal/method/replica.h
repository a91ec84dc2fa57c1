// Replica: the model of one peer, with its data and its optimizer.
//
// A local step proposes an update; the method decides what becomes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/data/order.h"
#include "shoal/method/optimizer.h"
#include "shoal/method/problem.h"
#include "shoal/node/world.h"

namespace shoal {

template <class Scalar>
class Replica : public Persistent {
 public:
  // batch = 0: all rows of the worker at once.
  Replica(const Problem<Scalar>& problem, std::size_t worker, std::uint64_t seed, std::size_t batch,
          const OptimizerSettings& optimizer, Step steps);

  std::vector<Scalar>& parameters() { return parameters_; }
  const std::vector<Scalar>& parameters() const { return parameters_; }
  const std::vector<Scalar>& gradient() const { return gradient_; }
  // What the optimizer makes of the gradient: parameters + update is the usual local step.
  const std::vector<Scalar>& update() const { return update_; }
  double loss() const { return loss_; }
  double learning_rate(Step step) const;

  // Takes on the parameters of others, as bytes of scalars; data order and optimizer begin anew.
  void adopt(ByteView parameters);

  // Takes the next batch, sets gradient(), update() and loss(). To be run inside compute().
  void propose(Step step);
  // Only gradient() and loss(), for methods that correct the gradient first.
  void compute_gradient();
  // Rows of the next gradients; all of the worker's where it has fewer, or for 0.
  void set_batch(std::size_t rows);
  // Modelled operations of one propose().
  double work_flops() const;
  // Rows whose gradient the last step evaluated: the batch at an epoch's end may be smaller.
  std::uint64_t gradients_of_step() const { return evaluated_rows_; }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  const Problem<Scalar>& problem_;
  std::size_t worker_;
  OptimizerSettings settings_;
  Step steps_;
  std::size_t batch_rows_;
  std::size_t evaluated_rows_ = 0;
  LocalOptimizer<Scalar> optimizer_;
  std::optional<DataOrder> order_;  // none for a worker without data
  std::vector<Scalar> parameters_;
  std::vector<Scalar> gradient_;
  std::vector<Scalar> update_;
  double loss_ = 0.0;
};

}  // namespace shoal

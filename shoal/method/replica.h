// Replica: the model of one peer, with its data and its optimizer.
//
// A local step proposes an update; the method decides what becomes of it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/method/optimizer.h"
#include "shoal/method/problem.h"
#include "shoal/method/worker_batches.h"
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

  // Takes the next batch, sets gradient(), update() and loss(). To be run inside compute(). In a
  // step that a liar skips both are 0, and the optimizer does not move.
  void propose(Step step);
  // Only gradient() and loss(), for methods that correct the gradient first.
  void compute_gradient(Step step);
  // Rows of the next gradients; all of the worker's where it has fewer, or for 0.
  void set_batch(std::size_t rows) { batches_.set_size(rows); }
  // Modelled operations of one propose().
  double work_flops() const;
  // Rows whose gradient the last step evaluated: the batch at an epoch's end may be smaller.
  std::uint64_t gradients_of_step() const { return evaluated_rows_; }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  const Problem<Scalar>& problem_;
  OptimizerSettings settings_;
  Step steps_;
  WorkerBatches<Scalar> batches_;
  std::size_t evaluated_rows_ = 0;
  bool skipped_ = false;  // the step of gradient_
  LocalOptimizer<Scalar> optimizer_;
  std::vector<Scalar> parameters_;
  std::vector<Scalar> gradient_;
  std::vector<Scalar> update_;
  double loss_ = 0.0;
};

}  // namespace shoal

// Periodic averaging: every worker steps on its own for H steps, then all take on the mean of their
// models. One loop for the local-SGD family; a variant says what a step is:
//
//   local_sgd        x_i += update of the local optimizer             1805.09767
//                    with [codec] and feedback = "ef": QSparse-local-SGD, 1906.02367; H = 1 is
//                    EF-SGD with optimizer = "adagrad": naive local AdaGrad, whose accumulators
//                    never meet
//   local_adaalter   AdaGrad with a denominator frozen between means   1911.09030
//
// What is averaged is the difference to the last common model, through the codec when there is one:
// common += mean_i C(x_i - common). A variant may have a second row that is averaged raw.
//
// The first `synchronous_steps` steps average every time. A worker that misses a mean leaves, and
// with it all (reduction.h): nobody goes on with a model that is not the common one.
//
// Wire: one reduction of d scalars every H steps, two for local_adaalter.
#pragma once

#include <memory>
#include <span>

#include "shoal/method/method.h"
#include "shoal/method/reduction.h"
#include "shoal/method/replica.h"

namespace shoal {

struct PeriodicAveragingSettings {
  std::int64_t steps = 600;
  std::int64_t batch = 16;
  std::int64_t period = 8;  // H
  std::int64_t synchronous_steps = 0;
  CollectiveKind collective = CollectiveKind::kAuto;
};
void describe(Settings& s, PeriodicAveragingSettings& v);

template <class Scalar>
class LocalVariant : public Persistent {
 public:
  // Moves the replica's parameters by one local step.
  virtual void step(Replica<Scalar>& replica, Step step) = 0;
  // A second row to be averaged, in place; empty: none.
  virtual std::span<Scalar> second_row() { return {}; }
  // Both rows are the common ones now.
  virtual void averaged() {}
};

// How a variant is made, in both precisions, for a model of that size.
struct LocalKind {
  std::function<std::unique_ptr<LocalVariant<float>>(std::size_t size)> in_float;
  std::function<std::unique_ptr<LocalVariant<double>>(std::size_t size)> in_double;
  OptimizerSettings optimizer;  // of the replica
};
std::unique_ptr<Method> make_periodic_averaging(const PeriodicAveragingSettings& settings,
                                                LocalKind kind);

}  // namespace shoal

// The optimizer a node runs on its own parameters, and its learning-rate schedule.
//
//   sgd       update = -lr g
//   momentum  m <- beta m + g, update = -lr m
//   dampened  m <- beta m + (1 - beta) g, update = -lr m         m is of the size of a gradient
//   nesterov  m <- beta m + g, update = -lr (g + beta m)
//   adagrad   B <- B + g o g, update = -lr g / sqrt(B + eps^2)     B = b0^2 at the beginning
//
// A gradient longer than clip_norm is first scaled down to it. Buffers are local: they never leave
// the node.
#pragma once

#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/node/world.h"

namespace shoal {

enum class LocalOptimizerKind { kSgd, kMomentum, kDampened, kNesterov, kAdagrad };
enum class ScheduleKind { kConstant, kCut, kInverse, kInverseStairs };

struct OptimizerSettings {
  LocalOptimizerKind optimizer = LocalOptimizerKind::kSgd;
  double learning_rate = 0.1;
  double momentum = 0.9;
  double clip_norm = 0.0;            // 0: none
  double epsilon = 1.0;              // of adagrad
  double initial_accumulator = 1.0;  // b0
  ScheduleKind schedule = ScheduleKind::kConstant;
  double cut_at = 0.75;
  double cut_factor = 0.1;
  double inverse_steps = 300.0;
};
void describe(Settings& s, OptimizerSettings& v);

// The learning rate of `step` of `steps`.
double learning_rate_at(const OptimizerSettings& settings, std::uint64_t step, std::uint64_t steps);

template <class Scalar>
class LocalOptimizer : public Persistent {
 public:
  explicit LocalOptimizer(const OptimizerSettings& settings) : settings_(settings) {}

  // Writes the update for gradient g to `update` (which may be g itself).
  void step(double learning_rate, std::span<const Scalar> gradient, std::span<Scalar> update);

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  double clip_factor(std::span<const Scalar> gradient) const;
  void adagrad_step(Scalar rate, std::span<const Scalar> gradient, std::span<Scalar> update);

  OptimizerSettings settings_;
  std::vector<Scalar> momentum_;  // or adagrad's B; empty until first used
};

}  // namespace shoal

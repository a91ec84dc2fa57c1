#include "shoal/method/optimizer.h"

#include <cmath>

#include "shoal/base/check.h"
#include "shoal/math/vector.h"

namespace shoal {

void describe(Settings& s, OptimizerSettings& v) {
  s.choice("optimizer", v.optimizer, "what a node does with its gradient",
           {{"sgd", LocalOptimizerKind::kSgd},
            {"momentum", LocalOptimizerKind::kMomentum},
            {"dampened", LocalOptimizerKind::kDampened},
            {"nesterov", LocalOptimizerKind::kNesterov},
            {"adagrad", LocalOptimizerKind::kAdagrad}});
  s.real("learning_rate", v.learning_rate, "step size of a node", {.range = above(0)});
  s.real("momentum", v.momentum, "of the local momentum buffer", {.range = at_least(0).below(1)});
  s.real("clip_norm", v.clip_norm, "longer gradients are scaled down to this norm; 0: none",
         {.range = at_least(0)});
  s.real("epsilon", v.epsilon, "of adagrad, added to the squares", {.range = at_least(0)});
  s.real("initial_accumulator", v.initial_accumulator, "of adagrad: b0, the root of its first sum",
         {.range = at_least(0)});
  s.choice("schedule", v.schedule, "how the step size changes",
           {{"constant", ScheduleKind::kConstant},
            {"cut", ScheduleKind::kCut},
            {"inverse", ScheduleKind::kInverse},
            {"inverse_stairs", ScheduleKind::kInverseStairs}});
  s.real("cut_at", v.cut_at, "fraction of the run after which it is cut",
         {.range = at_least(0).up_to(1)});
  s.real("cut_factor", v.cut_factor, "what it is multiplied with then",
         {.range = above(0).up_to(1)});
  s.real("inverse_steps", v.inverse_steps, "T of lr / (1 + t/T); inverse_stairs rounds t/T down",
         {.range = above(0), .unit = "steps"});
}

double learning_rate_at(const OptimizerSettings& settings, std::uint64_t step,
                        std::uint64_t steps) {
  switch (settings.schedule) {
    case ScheduleKind::kConstant:
      break;
    case ScheduleKind::kCut:
      if (static_cast<double>(step) >= settings.cut_at * static_cast<double>(steps))
        return settings.learning_rate * settings.cut_factor;
      break;
    case ScheduleKind::kInverse:
      return settings.learning_rate / (1.0 + static_cast<double>(step) / settings.inverse_steps);
    case ScheduleKind::kInverseStairs:
      return settings.learning_rate /
             (1.0 + std::floor(static_cast<double>(step) / settings.inverse_steps));
  }
  return settings.learning_rate;
}

template <class Scalar>
double LocalOptimizer<Scalar>::clip_factor(std::span<const Scalar> gradient) const {
  if (settings_.clip_norm == 0.0) return 1.0;
  const double norm = std::sqrt(squared_norm(gradient));
  return norm > settings_.clip_norm ? settings_.clip_norm / norm : 1.0;
}

template <class Scalar>
void LocalOptimizer<Scalar>::step(double learning_rate, std::span<const Scalar> gradient,
                                  std::span<Scalar> update) {
  SHOAL_CHECK(gradient.size() == update.size(), "an update of another length than its gradient");
  const auto rate = static_cast<Scalar>(learning_rate);
  if (const double factor = clip_factor(gradient); factor < 1.0) {
    for (std::size_t i = 0; i < update.size(); ++i)
      update[i] = static_cast<Scalar>(factor) * gradient[i];
    gradient = update;
  }
  if (settings_.optimizer == LocalOptimizerKind::kSgd) {
    for (std::size_t i = 0; i < update.size(); ++i) update[i] = -rate * gradient[i];
    return;
  }
  if (settings_.optimizer == LocalOptimizerKind::kAdagrad) {
    adagrad_step(rate, gradient, update);
    return;
  }
  if (momentum_.empty()) momentum_.assign(gradient.size(), Scalar{0});
  const auto beta = static_cast<Scalar>(settings_.momentum);
  const bool nesterov = settings_.optimizer == LocalOptimizerKind::kNesterov;
  const bool dampened = settings_.optimizer == LocalOptimizerKind::kDampened;
  const Scalar share = dampened ? Scalar{1} - beta : Scalar{1};
  for (std::size_t i = 0; i < update.size(); ++i) {
    const Scalar g = gradient[i];
    momentum_[i] = beta * momentum_[i] + share * g;
    update[i] = -rate * (nesterov ? g + beta * momentum_[i] : momentum_[i]);
  }
}

template <class Scalar>
void LocalOptimizer<Scalar>::adagrad_step(Scalar rate, std::span<const Scalar> gradient,
                                          std::span<Scalar> update) {
  const double b0 = settings_.initial_accumulator;
  if (momentum_.empty()) momentum_.assign(gradient.size(), static_cast<Scalar>(b0 * b0));
  const auto guard = static_cast<Scalar>(settings_.epsilon * settings_.epsilon);
  for (std::size_t i = 0; i < update.size(); ++i) {
    const Scalar g = gradient[i];
    momentum_[i] += g * g;
    const Scalar root = std::sqrt(momentum_[i] + guard);
    update[i] = root > Scalar{0} ? -rate * (g / root) : Scalar{0};
  }
}

template <class Scalar>
void LocalOptimizer<Scalar>::save(ByteWriter& out) const {
  out.numbers<Scalar>(momentum_);
}

template <class Scalar>
Status LocalOptimizer<Scalar>::load(ByteReader& in) {
  SHOAL_TRY(momentum_, in.numbers<Scalar>());
  return ok_status();
}

template class LocalOptimizer<float>;
template class LocalOptimizer<double>;

}  // namespace shoal

#include "shoal/method/server_optimizer.h"

#include <cmath>

#include "shoal/base/check.h"

namespace shoal {

void describe(Settings& s, ServerOptimizerSettings& v) {
  s.choice("server_optimizer", v.kind, "what the server does with the aggregate",
           {{"sgd", ServerOptimizerKind::kSgd},
            {"momentum", ServerOptimizerKind::kMomentum},
            {"adagrad", ServerOptimizerKind::kAdagrad},
            {"adam", ServerOptimizerKind::kAdam},
            {"yogi", ServerOptimizerKind::kYogi}},
           {.paper = "2003.00295"});
  s.real("server_learning_rate", v.learning_rate, "its step size", {.range = above(0)});
  s.real("server_momentum", v.momentum, "beta of server momentum",
         {.range = at_least(0).below(1), .paper = "1909.06335"});
  s.real("b1", v.b1, "decay of the first moment (FedOpt)", {.range = at_least(0).below(1)});
  s.real("b2", v.b2, "decay of the second moment (FedOpt)", {.range = at_least(0).below(1)});
  s.integer("server_cut_round", v.cut_round,
            "the round from which its step size is multiplied with server_cut_factor; 0: never",
            {.range = at_least(0), .unit = "rounds", .paper = "1903.06996"});
  s.real("server_cut_factor", v.cut_factor, "see server_cut_round",
         {.range = above(0).up_to(1), .paper = "1903.06996"});
  s.real("tau", v.tau, "adaptivity floor (FedOpt)", {.range = above(0)});
}

void ServerOptimizer::step(Step round, std::span<const float> delta, std::span<float> parameters) {
  SHOAL_CHECK(delta.size() == parameters.size(), "a pseudo-gradient of another length");
  const auto rate = static_cast<float>(settings_.learning_rate_at(round));
  if (settings_.kind == ServerOptimizerKind::kSgd) {
    for (std::size_t i = 0; i < delta.size(); ++i) parameters[i] += rate * delta[i];
    return;
  }
  if (m_.empty()) m_.assign(delta.size(), 0.0f);
  if (settings_.kind != ServerOptimizerKind::kMomentum)
    return adaptive_step(rate, delta, parameters);
  const auto beta = static_cast<float>(settings_.momentum);
  for (std::size_t i = 0; i < delta.size(); ++i) {
    m_[i] = beta * m_[i] + delta[i];
    parameters[i] += rate * m_[i];
  }
}

void ServerOptimizer::adaptive_step(float rate, std::span<const float> delta,
                                    std::span<float> parameters) {
  if (v_.empty()) v_.assign(delta.size(), 0.0f);
  const auto b1 = static_cast<float>(settings_.b1);
  const auto b2 = static_cast<float>(settings_.b2);
  const auto tau = static_cast<float>(settings_.tau);
  for (std::size_t i = 0; i < delta.size(); ++i) {
    const float square = delta[i] * delta[i];
    m_[i] = b1 * m_[i] + (1.0f - b1) * delta[i];
    if (settings_.kind == ServerOptimizerKind::kAdagrad) {
      v_[i] += square;
    } else if (settings_.kind == ServerOptimizerKind::kAdam) {
      v_[i] = b2 * v_[i] + (1.0f - b2) * square;
    } else {
      const float sign = v_[i] > square ? 1.0f : (v_[i] < square ? -1.0f : 0.0f);
      v_[i] -= (1.0f - b2) * square * sign;
    }
    parameters[i] += rate * m_[i] / (std::sqrt(v_[i]) + tau);
  }
}

void ServerOptimizer::save(ByteWriter& out) const {
  out.numbers<float>(m_);
  out.numbers<float>(v_);
}

Status ServerOptimizer::load(ByteReader& in) {
  SHOAL_TRY(m_, in.numbers<float>());
  SHOAL_TRY(v_, in.numbers<float>());
  return ok_status();
}

}  // namespace shoal

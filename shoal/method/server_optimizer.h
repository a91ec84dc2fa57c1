// The server's optimizer on the pseudo-gradient Delta (FedOpt, arXiv 2003.00295):
//   sgd       x <- x + lr Delta                       (lr = 1 is FedAvg)
//   momentum  m <- beta m + Delta,  x <- x + lr m     (FedAvgM)
//   adagrad   v <- v + Delta^2
//   adam      v <- b2 v + (1 - b2) Delta^2
//   yogi      v <- v - (1 - b2) Delta^2 sign(v - Delta^2)
// the last three with m <- b1 m + (1 - b1) Delta and x <- x + lr m / (sqrt(v) + tau). There is no
// bias correction, unlike in the Adam of deep-learning libraries; v starts at 0. With sgd and
// lr = alpha < 1 the model moves a share alpha of the way to what the clients' mean is: SLSGD's
// moving average (1903.06996). lr may be cut once.
#pragma once

#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/node/world.h"

namespace shoal {

enum class ServerOptimizerKind { kSgd, kMomentum, kAdagrad, kAdam, kYogi };

struct ServerOptimizerSettings {
  ServerOptimizerKind kind = ServerOptimizerKind::kSgd;
  double learning_rate = 1.0;
  double momentum = 0.9;
  double b1 = 0.9;
  double b2 = 0.99;
  double tau = 1e-3;
  std::int64_t cut_round = 0;  // 0: never
  double cut_factor = 0.5;

  double learning_rate_at(Step round) const {
    const bool cut = cut_round > 0 && round >= static_cast<Step>(cut_round);
    return cut ? learning_rate * cut_factor : learning_rate;
  }
};
void describe(Settings& s, ServerOptimizerSettings& v);

class ServerOptimizer : public Persistent {
 public:
  explicit ServerOptimizer(const ServerOptimizerSettings& settings) : settings_(settings) {}
  void step(Step round, std::span<const float> delta, std::span<float> parameters);
  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  void adaptive_step(float rate, std::span<const float> delta, std::span<float> parameters);
  ServerOptimizerSettings settings_;
  std::vector<float> m_;
  std::vector<float> v_;
};

}  // namespace shoal

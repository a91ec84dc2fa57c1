// The server's optimizer on the pseudo-gradient Delta (FedOpt, arXiv 2003.00295):
//   sgd       x <- x + lr Delta                       (lr = 1 is FedAvg)
//   momentum  m <- beta m + Delta,  x <- x + lr m     (FedAvgM)
//   adagrad   v <- v + Delta^2
//   adam      v <- b2 v + (1 - b2) Delta^2
//   yogi      v <- v - (1 - b2) Delta^2 sign(v - Delta^2)
// the last three with m <- b1 m + (1 - b1) Delta and x <- x + lr m / (sqrt(v) + tau). There is no
// bias correction, unlike in the Adam of deep-learning libraries; v starts at 0.
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
};
void describe(Settings& s, ServerOptimizerSettings& v);

class ServerOptimizer : public Persistent {
 public:
  explicit ServerOptimizer(const ServerOptimizerSettings& settings) : settings_(settings) {}
  void step(std::span<const float> delta, std::span<float> parameters);
  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  void adaptive_step(std::span<const float> delta, std::span<float> parameters);
  ServerOptimizerSettings settings_;
  std::vector<float> m_;
  std::vector<float> v_;
};

}  // namespace shoal

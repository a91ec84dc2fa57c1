// The set-up that the studies of decentralised methods share: 16 peers learn the digits with a
// small network from data of which each holds mostly one class.
#pragma once

#include <fmt/format.h>

#include "shoal/study/study.h"

namespace shoal {

// Claim 1 of RelaySGD's card: MLP 64-32-10, Dirichlet alpha = 0.01 with equal sizes, batch 16, 600
// steps, learning rate cut to a tenth after 75 %. What is tested is the mean of the last tenth.
// on_digits() adds the method.
inline constexpr char kPeersOnDigits[] = R"(
name = "peers-on-digits"
[data]
kind = "digits"
[partition]
kind = "dirichlet_labels"
alpha = 0.01
[model]
kind = "mlp"
hidden = [32.0]
[nodes]
count = 16
[topology]
kind = "ring"
[method]
kind = "dpsgd"
[report]
every = 20
)";

// A method of that set-up.
inline std::vector<std::string> on_digits(const std::string& method, double learning_rate) {
  return section(
      "method", method,
      {"steps=600", "batch=16", "schedule=cut", fmt::format("learning_rate={}", learning_rate)});
}

}  // namespace shoal

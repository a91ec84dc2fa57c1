// The loss on a server's validation rows of the model that a sender's row would make: what Zeno
// (1805.10032) ranks senders by. Costs one forward pass over the drawn rows a call.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/method/problem.h"
#include "shoal/node/node.h"
#include "shoal/rule/rule.h"

namespace shoal {

class ModelLoss : public ValidationLoss {
 public:
  // The model x, which a row moves to x + factor * row. `count` rows of the set are drawn without
  // replacement, anew for every round. All references outlive it.
  ModelLoss(const Problem<float>& problem, const ValidationSet& set, std::size_t count,
            std::uint64_t seed, Step round, std::span<const float> model, double factor);
  double before() const override;
  double after(std::span<const float> row) const override;

 private:
  const Problem<float>& problem_;
  const Dataset& data_;
  Rows rows_;
  std::span<const float> model_;
  float factor_;
};

}  // namespace shoal

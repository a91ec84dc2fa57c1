#include "shoal/codec/atom_probabilities.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "shoal/base/check.h"

namespace shoal {
namespace {

constexpr double kProbabilityMin = 1e-30;

// Weights above `clipped_above` are always kept; the others with p = rate |l|.
struct Threshold {
  double clipped_above = 0.0;
  double rate = 0.0;
};

Threshold clip(std::span<const double> weights, double budget) {
  thread_local std::vector<double> sorted, rest;
  sorted.clear();
  for (const double weight : weights) sorted.push_back(std::abs(weight));
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  // Summed from the smallest on, so that no digits of a small rest are lost.
  rest.assign(sorted.size() + 1, 0.0);
  for (std::size_t i = sorted.size(); i > 0; --i) rest[i - 1] = rest[i] + sorted[i - 1];
  std::size_t i = 0;
  for (; i < sorted.size() && sorted[i] * budget > rest[i]; ++i) budget -= 1.0;
  if (i == sorted.size() || rest[i] == 0.0) return {};
  // Of equal weights all are clipped or none: if one is, |l| s > R, and with it |l| (s - 1) > R -
  // |l|.
  return {sorted[i], budget / rest[i]};
}

}  // namespace

void atom_probabilities(std::span<const double> weights, double budget, AtomProbabilities& found) {
  SHOAL_CHECK(budget > 0.0, "a budget is above 0");
  double total = 0.0, largest = 0.0;
  for (const double weight : weights) {
    total += std::abs(weight);
    largest = std::max(largest, std::abs(weight));
  }
  found.p.assign(weights.size(), 0.0);
  found.shared_magnitude = 0.0;
  if (largest == 0.0) return;
  Threshold threshold{largest, budget / total};
  if (largest * budget <= total)
    found.shared_magnitude = total / budget;
  else
    threshold = clip(weights, budget);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double weight = std::abs(weights[i]);
    const double p =
        weight > threshold.clipped_above ? 1.0 : std::min(1.0, threshold.rate * weight);
    found.p[i] = p < kProbabilityMin ? 0.0 : p;
  }
}

}  // namespace shoal

#include "shoal/codec/atom_probabilities.h"

#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

#include "shoal/base/random.h"

namespace shoal {
namespace {

AtomProbabilities solved(const std::vector<double>& weights, double budget) {
  AtomProbabilities found;
  atom_probabilities(weights, budget, found);
  return found;
}

// E||ghat||^2.
double energy(const std::vector<double>& weights, const std::vector<double>& p) {
  double sum = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (weights[i] != 0.0) sum += weights[i] * weights[i] / p[i];
  return sum;
}

double sum_of(const std::vector<double>& p) { return std::accumulate(p.begin(), p.end(), 0.0); }

// min(1, s |l| / ||l||_1), which spends less than it may.
std::vector<double> naive(const std::vector<double>& weights, double budget) {
  double total = 0.0;
  for (const double weight : weights) total += std::abs(weight);
  std::vector<double> p;
  for (const double weight : weights) p.push_back(std::min(1.0, budget * std::abs(weight) / total));
  return p;
}

std::vector<double> random_weights(RandomStream& stream, std::size_t n) {
  std::vector<double> weights(n);
  for (double& weight : weights) weight = stream.normal() * std::exp(stream.normal());
  return weights;
}

void expect_solution(const std::vector<double>& weights, double budget,
                     const std::vector<double>& p, double value, bool balanced) {
  const AtomProbabilities found = solved(weights, budget);
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_NEAR(found.p[i], p[i], 1e-15) << i;
  EXPECT_NEAR(energy(weights, found.p), value, 1e-12);
  EXPECT_EQ(found.shared_magnitude > 0.0, balanced);
}

TEST(AtomProbabilities, ExamplesOfTheCard) {
  const std::vector<double> l{4, 2, 1, 1};
  expect_solution(l, 1, {.5, .25, .125, .125}, 64, true);
  expect_solution(l, 2, {1, .5, .25, .25}, 32, true);
  expect_solution(l, 3, {1, 1, .5, .5}, 24, false);
  expect_solution(l, 4, {1, 1, 1, 1}, 22, false);
  expect_solution({5, 3, 1}, 2, {1, .75, .25}, 41, false);
  expect_solution({10, 1, 1}, 2, {1, .5, .5}, 104, false);
  // Order and sign do not matter.
  expect_solution({1, -10, 1}, 2, {.5, 1, .5}, 104, false);
  expect_solution({2, 1}, 1, {2.0 / 3, 1.0 / 3}, 9, true);
}

TEST(AtomProbabilities, NaiveRuleOfTheCard) {
  const std::vector<double> l{4, 2, 1, 1}, p = naive(l, 3);
  EXPECT_EQ(p, (std::vector<double>{1, .75, .375, .375}));
  EXPECT_DOUBLE_EQ(sum_of(p), 2.5);
  EXPECT_NEAR(energy(l, p), 26.667, 5e-4);
}

// QSGD of one level is p = |g| / ||g||_2, TernGrad is p = |g| / max |g|.
TEST(AtomProbabilities, QsgdAndTerngradAreBudgets) {
  expect_solution({3, -4, 0, 0}, 7.0 / 5, {.6, .8, 0, 0}, 35, true);
  expect_solution({3, -4, 0, 0}, 7.0 / 4, {.75, 1, 0, 0}, 28, true);
}

TEST(AtomProbabilities, ZerosAndLargeBudgets) {
  EXPECT_EQ(solved({0, 0, -0.0}, 2).p, (std::vector<double>{0, 0, 0}));
  EXPECT_EQ(solved({0, 3, 0}, 2).p, (std::vector<double>{0, 1, 0}));
  EXPECT_EQ(solved({2, 0, -2, 2}, 4).p, (std::vector<double>{1, 0, 1, 1}));
  EXPECT_EQ(solved({1, 1, 1}, 1e9).p, (std::vector<double>{1, 1, 1}));
  EXPECT_TRUE(solved({}, 1).p.empty());
}

// Neither digits of a small rest nor the atoms behind a huge one are lost.
TEST(AtomProbabilities, WidelySpreadWeights) {
  const std::vector<double> p = solved({1e20, 1, 1, 2}, 2).p;
  EXPECT_EQ(p, (std::vector<double>{1, .25, .25, .5}));
  EXPECT_EQ(solved({1, 1e-40}, 0.5).p[1], 0.0);
}

TEST(AtomProbabilities, LeastVarianceOfAllRules) {
  RandomStream stream(1, purpose("atoms"));
  for (int trial = 0; trial < 300; ++trial)
    for (const double budget : {0.3, 1.0, 5.0, 20.0, 41.7}) {
      const std::vector<double> l = random_weights(stream, 50);
      const AtomProbabilities found = solved(l, budget);
      EXPECT_NEAR(sum_of(found.p), budget, 1e-12 * budget);
      const double value = energy(l, found.p) * (1 - 1e-12);
      EXPECT_LE(value, energy(l, std::vector<double>(50, budget / 50)));
      const std::vector<double> rule = naive(l, budget);
      EXPECT_LE(value, energy(l, rule));
      // With the budget that the naive rule really spends the optimum is still no worse.
      EXPECT_LE(energy(l, solved(l, sum_of(rule)).p) * (1 - 1e-12), energy(l, rule));
      // Moving a little of one probability to another is no gain.
      const std::size_t from = stream.below(50), to = stream.below(50);
      std::vector<double> moved = found.p;
      const double step = 0.1 * std::min(moved[from], 1.0 - moved[to]);
      moved[from] -= step;
      moved[to] += step;
      EXPECT_LE(value, energy(l, moved));
      for (std::size_t i = 0; found.shared_magnitude > 0.0 && i < 50; ++i)
        EXPECT_NEAR(std::abs(l[i]) / found.p[i] / found.shared_magnitude, 1.0, 1e-12);
    }
}

// All outcomes of up to six coins: the mean is l, the variance is what the formula says.
TEST(AtomProbabilities, EveryOutcomeTogetherIsUnbiased) {
  RandomStream stream(2, purpose("outcomes"));
  for (std::size_t n = 1; n <= 6; ++n)
    for (const double budget : {0.5, 1.0, 2.5, 4.0}) {
      const std::vector<double> l = random_weights(stream, n), p = solved(l, budget).p;
      std::vector<double> mean(n, 0.0);
      double square = 0.0;
      for (unsigned outcome = 0; outcome < 1u << n; ++outcome) {
        double chance = 1.0, norm = 0.0;
        for (std::size_t i = 0; i < n; ++i) {
          chance *= outcome >> i & 1 ? p[i] : 1.0 - p[i];
          if (outcome >> i & 1) norm += l[i] * l[i] / (p[i] * p[i]);
        }
        for (std::size_t i = 0; i < n; ++i)
          if (outcome >> i & 1) mean[i] += chance * l[i] / p[i];
        square += chance * norm;
      }
      for (std::size_t i = 0; i < n; ++i) EXPECT_NEAR(mean[i], l[i], 1e-12);
      EXPECT_NEAR(square / energy(l, p), 1.0, 1e-12);
    }
}

}  // namespace
}  // namespace shoal

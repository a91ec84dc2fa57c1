// Gossip SGD, gradient tracking and D2 against figures worked out by hand: three peers on a chain
// with f_i = (x - a_i)^2 / 2, a = (0, 3, 9), learning rate 0.1, x = 0.
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/graph/davis.h"

#include "tests/test_peers.h"

namespace shoal {
namespace {

// batch = 0 takes all rows of a peer, 1 the next one (of a pushed problem).
std::string plain(const char* kind, int steps, double learning_rate, int batch = 0) {
  return "kind = \"" + std::string(kind) + "\"\nsteps = " + std::to_string(steps) +
         "\nlearning_rate = " + std::to_string(learning_rate) +
         "\nbatch = " + std::to_string(batch) + "\n";
}

const std::vector<double> kCentres = {0.0, 3.0, 9.0};

TEST(GossipOracle, AdaptThenCombine) {
  const auto models = run_method(plain("dpsgd", 400, 0.1), scalar_problem(kCentres), *chain(3));
  expect_column(models.at(0), {0.1, 0.4, 0.7}, 1e-12);
  expect_column(models.at(1), {0.28, 0.76, 1.24}, 1e-12);
  expect_column(models.at(2), {0.496, 1.084, 1.672}, 1e-12);
  expect_column(models.at(399), {3.25, 4.0, 4.75}, 1e-10);
}

TEST(GossipOracle, CombineThenAdapt) {
  const auto models =
      run_method(plain("dpsgd_combine_first", 400, 0.1), scalar_problem(kCentres), *chain(3));
  expect_column(models.at(0), {0.0, 0.3, 0.9}, 1e-12);
  expect_column(models.at(1), {0.1, 0.67, 1.51}, 1e-12);
  expect_column(models.at(399), {3.006993, 3.909091, 5.083916}, 1e-6);
}

TEST(GossipOracle, GradientTracking) {
  const auto models =
      run_method(plain("gradient_tracking", 600, 0.1), scalar_problem(kCentres), *chain(3));
  expect_column(models.at(0), {0.0, 0.3, 0.9}, 1e-12);
  expect_column(models.at(1), {0.2, 0.77, 1.31}, 1e-12);
  expect_column(models.at(599), {4.0, 4.0, 4.0}, 1e-10);
  // What was tracked: y(t) = (W x(t) - x(t+1)) / lr.
  const Matrix w = dense_mixing(*chain(3));
  const std::vector<std::vector<double>> trackers = {{-1.0, -3.7, -6.1}, {-1.7, -3.13, -4.89}};
  for (Step step : {0u, 1u}) {
    const Matrix mixed = multiply(w, models.at(step));
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_NEAR((mixed[i][0] - models.at(step + 1)[i][0]) / 0.1, trackers[step][i], 1e-11);
  }
}

TEST(GossipOracle, TrackersSumToTheGradients) {
  const Matrix centres = random_matrix(8, 3, 1);
  std::vector<double> curvature = {0.5, 1.0, 1.5, 2.0, 0.75, 1.25, 1.75, 0.25};
  const auto problem = quadratic_problem(centres, curvature);
  const Topology graph = *hypercube(8);
  const auto models = run_method(plain("gradient_tracking", 30, 0.05), problem, graph);
  const Matrix w = dense_mixing(graph);
  for (Step step = 0; step + 1 < 30; ++step) {
    const Matrix mixed = multiply(w, models.at(step));
    for (std::size_t k = 0; k < 3; ++k) {
      double trackers = 0.0, gradients = 0.0;
      for (std::size_t i = 0; i < 8; ++i) {
        trackers += (mixed[i][k] - models.at(step + 1)[i][k]) / 0.05;
        gradients += curvature[i] * (models.at(step)[i][k] - centres[i][k]);
      }
      EXPECT_NEAR(trackers, gradients, 1e-12);
    }
  }
}

TEST(GossipOracle, D2) {
  const auto models = run_method(plain("d2", 600, 0.1), scalar_problem(kCentres), *chain(3));
  expect_column(models.at(0), {0.1, 0.4, 0.7}, 1e-12);
  expect_column(models.at(1), {0.38, 0.76, 1.14}, 1e-12);
  expect_column(models.at(2), {0.782667, 1.084, 1.385333}, 1e-6);
  expect_column(models.at(599), {4.0, 4.0, 4.0}, 1e-10);
}

// X1 = W (X0 - lr G0); X(t+1) = W (2 X(t) - X(t-1) - lr (G(t) - G(t-1))), from X0 = 0.
std::vector<Matrix> d2_two_step(const Matrix& w, const Matrix& centres,
                                const std::vector<double>& curvature, double learning_rate,
                                std::size_t steps) {
  const std::size_t n = centres.size();
  const std::size_t d = centres.front().size();
  const auto gradient = [&](const Matrix& x) {
    Matrix g = x;
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < d; ++k) g[i][k] = curvature[i] * (x[i][k] - centres[i][k]);
    return g;
  };
  Matrix before(n, std::vector<double>(d));
  Matrix g_before = gradient(before);
  Matrix inner = before;
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t k = 0; k < d; ++k) inner[i][k] = before[i][k] - learning_rate * g_before[i][k];
  Matrix x = multiply(w, inner);
  std::vector<Matrix> all = {x};
  while (all.size() < steps) {
    const Matrix g = gradient(x);
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < d; ++k)
        inner[i][k] = 2.0 * x[i][k] - before[i][k] - learning_rate * (g[i][k] - g_before[i][k]);
    before = x;
    g_before = g;
    x = multiply(w, inner);
    all.push_back(x);
  }
  return all;
}

TEST(GossipOracle, BothFormsOfD2Agree) {
  const Matrix centres = random_matrix(8, 4, 2);
  const std::vector<double> curvature = {0.5, 1.0, 1.5, 2.0, 0.75, 1.25, 1.75, 0.25};
  const Topology graph = *chain(8);
  const MixingSettings lazy{.lazy = true};
  const auto models =
      run_method(plain("d2", 120, 0.05), quadratic_problem(centres, curvature), graph, lazy);
  const auto expected = d2_two_step(dense_mixing(graph, lazy), centres, curvature, 0.05, 120);
  for (Step step = 0; step < 120; ++step)
    ASSERT_LT(largest_gap(models.at(step), expected[step]), 1e-12) << "step " << step;
}

double norm_of(const Matrix& x) {
  double sum = 0.0;
  for (const auto& row : x)
    for (const double value : row) sum += value * value;
  return std::sqrt(sum);
}

// Plain weights on these graphs have eigenvalues below -1/3: the recursion itself blows up, the
// method refuses them with the arithmetic, and with lazy weights it converges.
TEST(GossipOracle, D2NeedsEigenvaluesAboveMinusAThird) {
  for (const Topology& graph : {torus(16, {}).value(), davis(32).value()}) {
    const std::size_t n = graph.size();
    const Matrix centres = random_matrix(n, 2, 3);
    const std::vector<double> curvature(n, 1.0);
    const auto wild = d2_two_step(dense_mixing(graph), centres, curvature, 0.1, 400);
    EXPECT_GT(norm_of(wild.back()), 1e6) << graph.text();
    const auto problem = quadratic_problem(centres, curvature);
    const std::string refused = refusal_of(plain("d2", 10, 0.1), problem, graph);
    EXPECT_NE(refused.find("D2 needs lambda_min > -1/3"), std::string::npos) << refused;
    EXPECT_NE(refused.find(n == 16 ? "-0.600000" : "-0.434279"), std::string::npos) << refused;
    EXPECT_NE(refused.find("lazy = true"), std::string::npos) << refused;
    const auto models = run_method(plain("d2", 2000, 0.1), problem, graph, {.lazy = true});
    for (std::size_t k = 0; k < 2; ++k) {
      double optimum = 0.0;
      for (const auto& centre : centres) optimum += centre[k] / static_cast<double>(n);
      for (std::size_t i = 0; i < n; ++i)
        EXPECT_NEAR(models.at(1999)[i][k], optimum, 1e-10) << graph.text() << " node " << i;
    }
  }
}

// An even ring has -1/3 itself: its worst mode is never damped.
TEST(GossipOracle, D2RefusesAnEvenRing) {
  const auto refused = refusal_of(plain("d2", 10, 0.1), scalar_problem({1, 2, 3, 4}), *ring(4));
  EXPECT_NE(refused.find("this ring of 4 has -0.333333"), std::string::npos) << refused;
}

// Claim: the bias of D-PSGD shrinks linearly with the learning rate; D2 and tracking have none.
TEST(GossipOracle, HeterogeneityFloor) {
  const auto worst = [](const char* kind, double learning_rate, int steps) {
    const auto models =
        run_method(plain(kind, steps, learning_rate), scalar_problem(kCentres), *chain(3));
    double gap = 0.0;
    for (const auto& x : models.at(static_cast<Step>(steps - 1)))
      gap = std::max(gap, std::abs(x[0] - 4.0));
    return gap;
  };
  for (const char* kind : {"dpsgd", "dpsgd_combine_first"}) {
    const double at_tenth = worst(kind, 0.1, 400);
    const double at_hundredth = worst(kind, 0.01, 4000);
    EXPECT_GT(at_tenth / at_hundredth, 7.0) << kind;
    EXPECT_LT(at_tenth / at_hundredth, 10.5) << kind;
    EXPECT_GT(at_hundredth, 0.05) << kind;
  }
  EXPECT_LT(worst("d2", 0.1, 600), 1e-10);
  EXPECT_LT(worst("gradient_tracking", 0.1, 600), 1e-10);
}

// Every step of pure averaging is W, and W keeps the mean.
TEST(GossipOracle, AveragingIsTheMatrix) {
  const Topology graph = *ring(6);
  const Matrix start = random_matrix(6, 5, 4);
  const auto models = run_method(plain("dpsgd", 20, 1.0, 1), pushed_problem({start}, 20), graph);
  const Matrix w = dense_mixing(graph);
  Matrix expected = start;
  for (Step step = 0; step < 20; ++step) {
    expected = multiply(w, expected);
    EXPECT_LT(largest_gap(models.at(step), expected), 1e-14) << "step " << step;
  }
}

// After log2 n steps of the one-peer exponential graph everybody holds the exact mean.
TEST(GossipOracle, OnePeerExponentialAveragesExactly) {
  Table table;
  table.set("kind", "one_peer_exponential");
  for (const auto& [n, steps] : {std::pair<std::size_t, int>{8, 3}, {16, 4}}) {
    const Topology graph = topologies().make(table, "").value()->build(n, 1).value();
    const Matrix start = random_matrix(n, 3, 5);
    const auto models = run_method(plain("dpsgd", steps, 1.0, 1), pushed_problem({start}, 4), graph,
                                   {.kind = MixingKind::kUniform});
    const Matrix mean(n,
                      multiply({std::vector<double>(n, 1.0 / static_cast<double>(n))}, start)[0]);
    EXPECT_LT(largest_gap(models.at(static_cast<Step>(steps - 1)), mean), 1e-15);
  }
}

// Rounds to shrink the consensus error to 1e-3 from a random start: the bound ln(1e-3)/ln(1-gap)
// holds, and is not loose by more than a quarter.
TEST(GossipOracle, RoundsToConsensus) {
  struct Row {
    const char* kind;
    double bound;
  };
  for (const Row& row : {Row{"hypercube", 13.5}, Row{"torus", 13.5}, Row{"star", 107},
                         Row{"ring", 133}, Row{"relay_tree", 282}, Row{"chain", 536}}) {
    Table table;
    table.set("kind", row.kind);
    const Topology graph = topologies().make(table, "").value()->build(16, 1).value();
    const Matrix start = random_matrix(16, 200, 6);
    const auto models =
        run_method(plain("dpsgd", 600, 1.0, 1), pushed_problem({start}, 600), graph);
    const auto error = [](const Matrix& x) {
      double sum = 0.0;
      for (std::size_t k = 0; k < x[0].size(); ++k) {
        double mean = 0.0;
        for (const auto& v : x) mean += v[k] / static_cast<double>(x.size());
        for (const auto& v : x) sum += (v[k] - mean) * (v[k] - mean);
      }
      return std::sqrt(sum);
    };
    const double first = error(start);
    Step rounds = 0;
    while (rounds < 600 && error(models.at(rounds)) > 1e-3 * first) ++rounds;
    ++rounds;
    EXPECT_LE(rounds, std::ceil(row.bound)) << row.kind;
    EXPECT_GE(rounds, 0.75 * row.bound) << row.kind;
  }
}

}  // namespace
}  // namespace shoal

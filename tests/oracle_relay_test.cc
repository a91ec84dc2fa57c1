// RelaySGD against the figures of its oracles. A pushed problem gives every worker its own value
// at the first step and nothing afterwards: pure averaging.
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/graph/trees.h"

#include "tests/test_peers.h"

namespace shoal {
namespace {

std::string relay(int steps, const std::string& more = "", double learning_rate = 1.0,
                  int batch = 1) {
  return "kind = \"relaysgd\"\nsteps = " + std::to_string(steps) +
         "\nlearning_rate = " + std::to_string(learning_rate) +
         "\nbatch = " + std::to_string(batch) + "\n" + more;
}

Matrix column(const std::vector<double>& values) {
  Matrix matrix;
  for (const double value : values) matrix.push_back({value});
  return matrix;
}

std::map<Step, Matrix> averaging(const Topology& tree, const std::vector<double>& values, int steps,
                                 const std::string& more = "") {
  return run_method(relay(steps, more),
                    pushed_problem({column(values)}, static_cast<std::size_t>(steps)), tree);
}

TEST(RelayOracle, AveragingOnAChainOfThree) {
  const auto models = averaging(*chain(3), {1, 2, 6}, 200);
  expect_column(models.at(0), {4.0 / 3, 3.0, 14.0 / 3}, 1e-14);
  expect_column(models.at(1), {31.0 / 9, 3.0, 26.0 / 9}, 1e-14);
  expect_column(models.at(199), {34.0 / 11, 34.0 / 11, 34.0 / 11}, 1e-12);
}

TEST(RelayOracle, OverlappedAveragingOnAChainOfThree) {
  const auto models = averaging(*chain(3), {1, 2, 6}, 3, "variant = \"model_overlap\"\n");
  expect_column(models.at(0), {1.0, 2.0, 6.0}, 1e-14);
  expect_column(models.at(1), {4.0 / 3, 3.0, 14.0 / 3}, 1e-14);
}

TEST(RelayOracle, AveragingOnAStarOfFour) {
  const auto models = averaging(*star(4), {0, 4, 8, 12}, 200);
  expect_column(models.at(0), {6.0, 3.0, 6.0, 9.0}, 1e-14);
  expect_column(models.at(1), {6.0, 7.25, 7.0, 6.75}, 1e-14);
  expect_column(models.at(199), std::vector<double>(4, 72.0 / 11), 1e-12);
}

TEST(RelayOracle, AveragingOnAChainOfFour) {
  const auto models = averaging(*chain(4), {0, 0, 0, 4}, 300);
  expect_column(models.at(0), {0.0, 0.0, 1.0, 3.0}, 1e-14);
  expect_column(models.at(1), {0.0, 1.25, 1.0, 1.75}, 1e-14);
  expect_column(models.at(299), std::vector<double>(4, 1.125), 1e-12);
}

// After warm-up, x_i(t+1) is the mean of h_j(t - tau_ij), tau = max(hops - 1, 0), or hops when
// overlapped; h is rebuilt here from the models and the pushes.
void expect_closed_form(const Topology& tree, bool overlapped) {
  constexpr int kSteps = 60;
  const std::size_t n = tree.size();
  std::vector<Matrix> pushes;
  for (std::uint64_t step = 0; step < kSteps; ++step) pushes.push_back(random_matrix(n, 3, step));
  const auto models = run_method(relay(kSteps, overlapped ? "variant = \"model_overlap\"\n" : ""),
                                 pushed_problem(pushes, kSteps), tree);
  std::vector<Matrix> h = pushes;
  for (std::size_t t = 1; t < kSteps; ++t)
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < 3; ++k) h[t][i][k] += models.at(static_cast<Step>(t - 1))[i][k];
  const std::uint32_t warm_up = diameter(tree).value() + 1;
  for (std::uint32_t t = warm_up; t < kSteps; ++t)
    for (NodeId i = 0; i < n; ++i) {
      const auto hops = distances(tree, i);
      for (std::size_t k = 0; k < 3; ++k) {
        double mean = 0.0;
        for (std::size_t j = 0; j < n; ++j) {
          const std::uint32_t delay = overlapped ? hops[j] : (hops[j] > 0 ? hops[j] - 1 : 0);
          mean += h[t - delay][j][k] / static_cast<double>(n);
        }
        ASSERT_NEAR(models.at(t)[i][k], mean, 1e-12) << tree.text() << " step " << t;
      }
    }
}

TEST(RelayOracle, ClosedFormWithRandomGradients) {
  for (const Topology& tree : {chain(2).value(), chain(7).value(), star(6).value(),
                               relay_tree(8).value(), binary_tree(12).value()}) {
    expect_closed_form(tree, false);
    expect_closed_form(tree, true);
  }
}

// A unit step of all workers at one time, long after the start, ends as 1/(1 + mean delay).
double limit_of_a_unit_step(const Topology& tree) {
  const std::size_t n = tree.size();
  const Step warm_up = diameter(tree).value() + 2;
  std::vector<Matrix> pushes(warm_up, Matrix(n, {0.0}));
  pushes.push_back(Matrix(n, {1.0}));
  constexpr int kSteps = 3000;
  const auto models = run_method(relay(kSteps), pushed_problem(pushes, kSteps), tree);
  const Matrix& last = models.at(kSteps - 1);
  for (const auto& x : last) EXPECT_NEAR(x[0], last[0][0], 1e-10) << tree.text();
  return last[0][0];
}

TEST(RelayOracle, PerronLimits) {
  struct Row {
    Topology tree;
    double limit;
    double tolerance;
  };
  const std::vector<Row> rows = {
      {chain(3).value(), 9.0 / 11, 1e-10}, {chain(4).value(), 2.0 / 3, 1e-10},
      {chain(8).value(), 4.0 / 11, 1e-10}, {chain(16).value(), 8.0 / 43, 1e-10},
      {star(4).value(), 8.0 / 11, 1e-10},  {relay_tree(16).value(), 0.301176, 1e-6}};
  for (const Row& row : rows) {
    EXPECT_NEAR(limit_of_a_unit_step(row.tree), row.limit, row.tolerance) << row.tree.text();
    EXPECT_NEAR(1.0 / (1.0 + relay_mean_delay(row.tree).value()), row.limit, row.tolerance);
  }
}

// A common start and no gradients stay where they are, whatever is dropped. With values that a
// double holds exactly the deviation is 0.
TEST(RelayOracle, ConsensusIsAFixedPointUnderDrops) {
  for (const char* fallback : {"own", "ref_last", "ref_initial", "counts"})
    for (const double start : {0.75, -3.0}) {
      auto problem = pushed_problem({Matrix(7, {0.0, 0.0})}, 60);
      problem.initial = {start, 2.0 * start};
      const auto models =
          run_method(relay(60, "drop_prob = 0.3\nfallback = \"" + std::string(fallback) + "\"\n"),
                     problem, *relay_tree(7));
      for (const auto& x : models.at(59)) {
        EXPECT_EQ(x[0], start) << fallback;
        EXPECT_EQ(x[1], 2.0 * start) << fallback;
      }
    }
}

// Lost frames instead of dropped messages; and from values with rounding.
TEST(RelayOracle, ConsensusIsAFixedPointUnderLoss) {
  auto problem = pushed_problem({Matrix(8, {0.0})}, 60);
  problem.initial = {0.1};
  FaultSettings faults;
  faults.loss = 0.25;
  for (const char* fallback : {"own", "ref_last"}) {
    const auto models = run_method(relay(60, "fallback = \"" + std::string(fallback) + "\"\n"),
                                   problem, *chain(8), {}, faults);
    for (const auto& x : models.at(59)) EXPECT_NEAR(x[0], 0.1, 1e-14);
  }
}

// A lost relayed update is lost for ever, a lost relayed model is not.
TEST(RelayOracle, UpdatesAreLostForEver) {
  const auto spread = [](const char* variant) {
    std::vector<Matrix> pushes;
    for (std::uint64_t step = 0; step < 30; ++step) pushes.push_back(random_matrix(6, 1, step));
    const auto models =
        run_method(relay(400, "drop_prob = 0.2\nvariant = \"" + std::string(variant) + "\"\n"),
                   pushed_problem(pushes, 400), *chain(6));
    double low = 1e9, high = -1e9;
    for (const auto& x : models.at(399)) low = std::min(low, x[0]), high = std::max(high, x[0]);
    return high - low;
  };
  EXPECT_LT(spread("model"), 1e-6);
  EXPECT_GT(spread("grad"), 1e-2);
}

// Without losses, relayed updates add up exactly: all workers end with the sum of all pushes / n.
TEST(RelayOracle, UpdatesAddUp) {
  std::vector<Matrix> pushes;
  std::vector<double> expected(2);
  for (std::uint64_t step = 0; step < 10; ++step) {
    pushes.push_back(random_matrix(7, 2, step));
    for (const auto& push : pushes.back())
      for (std::size_t k = 0; k < 2; ++k) expected[k] += push[k] / 7.0;
  }
  const auto models =
      run_method(relay(20, "variant = \"grad\"\n"), pushed_problem(pushes, 20), *relay_tree(7));
  for (const auto& x : models.at(19))
    for (std::size_t k = 0; k < 2; ++k) EXPECT_NEAR(x[k], expected[k], 1e-13);
}

TEST(RelayOracle, DoubleTreesAreTwoRunsOfHalfTheSize) {
  constexpr int kSteps = 40;
  const Topology trees = double_binary_trees(8).value();
  ASSERT_EQ(trees.planes.size(), 2u);
  for (const std::size_t dimension : {4u, 5u}) {
    std::vector<Matrix> both, even, odd;
    for (std::uint64_t step = 0; step < kSteps; ++step) {
      both.push_back(random_matrix(8, dimension, step));
      even.emplace_back(8);
      odd.emplace_back(8);
      for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t k = 0; k < dimension; ++k)
          (k % 2 == 0 ? even : odd).back()[i].push_back(both.back()[i][k]);
    }
    const auto whole = run_method(relay(kSteps), pushed_problem(both, kSteps), trees);
    const auto first = run_method(relay(kSteps), pushed_problem(even, kSteps), trees.planes[0]);
    const auto second = run_method(relay(kSteps), pushed_problem(odd, kSteps), trees.planes[1]);
    for (Step step = 0; step < kSteps; ++step)
      for (std::size_t i = 0; i < 8; ++i)
        for (std::size_t k = 0; k < dimension; ++k)
          ASSERT_EQ(whole.at(step)[i][k], (k % 2 == 0 ? first : second).at(step)[i][k / 2]);
  }
}

TEST(RelayOracle, TwoWorkersAreAllReduce) {
  const Matrix centres = random_matrix(2, 6, 9);
  const auto problem = quadratic_problem(centres, {0.5, 1.5});
  const auto relayed = run_method(relay(50, "", 0.2, 0), problem, *chain(2));
  const auto reduced = run_method(
      "kind = \"all_reduce_sgd\"\nsteps = 50\nlearning_rate = 0.2\nbatch = 0\n", problem, {});
  for (Step step = 0; step < 50; ++step)
    EXPECT_LT(largest_gap(relayed.at(step), reduced.at(step)), 1e-14) << "step " << step;
}

// The optimum is reached whatever the heterogeneity, on a chain and on trees.
TEST(RelayOracle, ConvergesOnHeterogeneousQuadratics) {
  const Matrix centres = random_matrix(16, 4, 10);
  const auto problem = quadratic_problem(centres, std::vector<double>(16, 1.0));
  for (const Topology& tree : {chain(16).value(), double_binary_trees(16).value()}) {
    const auto models = run_method(relay(4000, "", 0.2, 0), problem, tree);
    for (std::size_t k = 0; k < 4; ++k) {
      double optimum = 0.0;
      for (const auto& centre : centres) optimum += centre[k] / 16.0;
      for (const auto& x : models.at(3999)) EXPECT_NEAR(x[k], optimum, 1e-9) << tree.text();
    }
  }
}

TEST(RelayOracle, RefusesWhatIsNoTree) {
  const auto problem = scalar_problem({1, 2, 3, 4});
  const std::string refused = refusal_of(relay(5), problem, *ring(4));
  EXPECT_NE(refused.find("RelaySum needs a tree: "), std::string::npos) << refused;
  EXPECT_NE(refused.find("0-1-2-3-0"), std::string::npos) << refused;
}

}  // namespace
}  // namespace shoal

// decentralized_diana against the figures of its card, and its invariants on states that no message
// shows: peers put together by hand, without a world.
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/data/synthetic.h"
#include "shoal/graph/spectrum.h"
#include "shoal/method/decentralized_diana.h"
#include "shoal/method/row_format.h"

#include "tests/test_peers.h"

namespace shoal {
namespace {

using Diana = DecentralizedDiana<double>;

std::string diana(int steps, double eta, const std::string& more = "") {
  return "kind = \"decentralized_diana\"\nsteps = " + std::to_string(steps) +
         "\nlearning_rate = " + std::to_string(eta) + "\n" + more;
}

Problem<double> diagonal_problem(std::int64_t dimension, std::uint64_t seed) {
  DiagonalQuadraticsSettings settings;
  settings.dimension = dimension;
  auto data = std::make_shared<Dataset>(make_diagonal_quadratics(settings, seed).value());
  Problem<double> problem;
  for (std::uint32_t node = 0; node < 8; ++node) problem.rows.push_back({node});
  problem.data = data;
  Table table;
  table.set("kind", "quadratic");
  const auto factory = models().make(table, "[model]", *data).value();
  problem.models = std::make_shared<ModelPool<double>>(factory->in_double().value(), 4);
  problem.initial.assign(static_cast<std::size_t>(dimension), 0.0);
  return problem;
}

// All peers of a run side by side, with weights scaled to lmax = 1.
struct Bench {
  Bench(const Problem<double>& problem, const Topology& graph, const DianaConstants& constants,
        const Codec* codec)
      : problem(problem), weights(*make_mixing(graph, {})) {
    const double lmax = 1.0 - spectrum(weights)->smallest;
    for (auto& row : weights.rows)
      for (auto& entry : row) entry.weight /= lmax;
    format = RowFormat<double>(codec, problem.models->layout(), 1);
    OptimizerSettings optimizer;
    optimizer.learning_rate = constants.step;
    for (NodeId i = 0; i < problem.workers(); ++i) {
      replicas.emplace_back(problem, i, 1, 0, optimizer, 100000);
      peers.emplace_back(constants);
    }
    sent.assign(replicas.size(), std::vector<double>(problem.dimension()));
  }

  // The first half of a step: sent[i] = q_i.
  void send(Step step) {
    for (NodeId i = 0; i < peers.size(); ++i) {
      replicas[i].propose(step);
      ByteWriter out;
      const auto written = format.write(peers[i].difference(replicas[i]), i, step, out, sent[i]);
      ASSERT_TRUE(written.ok()) << written.error().message;
    }
  }
  std::vector<double> pull(NodeId i, const Matrix& q) const {
    std::vector<double> sum(q[i].size());
    for (const auto& [j, weight] : weights.rows[i])
      for (std::size_t k = 0; k < sum.size(); ++k) sum[k] += weight * (q[j][k] - q[i][k]);
    return sum;
  }
  void absorb() {
    for (NodeId i = 0; i < peers.size(); ++i) peers[i].absorb(replicas[i], sent[i], pull(i, sent));
  }
  void step(Step number) {
    send(number);
    absorb();
  }

  const Problem<double>& problem;
  MixingMatrix weights;
  RowFormat<double> format;
  std::vector<Replica<double>> replicas;
  std::vector<Diana> peers;
  Matrix sent;
};

double norm_of(const Matrix& rows) {
  double square = 0.0;
  for (const auto& row : rows)
    for (const double value : row) square += value * value;
  return std::sqrt(square);
}

TEST(DianaOracle, TwoNodesByHand) {
  const auto problem = scalar_problem({1.0, -1.0});
  Bench bench(problem, *chain(2), {0.5, 1.0, 1.0}, nullptr);
  const double x[] = {0.25, 0.1875, 0.078125};
  const double z[] = {0.5, 0.875, 1.03125};
  const double y[] = {0.5, 0.375, 0.15625};
  for (Step step = 0; step < 3; ++step) {
    bench.send(step);
    for (const int i : {0, 1}) {
      const double sign = i == 0 ? 1.0 : -1.0;
      const double shift = step == 0 ? 0.0 : bench.peers[i].shift()[0];
      EXPECT_EQ(bench.peers[i].last_difference()[0] + shift, sign * y[step]);
      if (step == 1) {
        EXPECT_EQ(bench.sent[i][0], sign * -0.125);
      }
    }
    bench.absorb();
    for (const int i : {0, 1}) {
      EXPECT_EQ(bench.replicas[i].parameters()[0], (i == 0 ? 1.0 : -1.0) * x[step]);
      EXPECT_EQ(bench.peers[i].dual()[0], (i == 0 ? 1.0 : -1.0) * z[step]);
    }
  }
  for (Step step = 3; step < 100; ++step) bench.step(step);
  EXPECT_NEAR(bench.peers[0].dual()[0], 1.0, 1e-12);
  EXPECT_NEAR(bench.peers[1].dual()[0], -1.0, 1e-12);
  // The programs do the same.
  const auto models = run_method(diana(3, 0.5, "dual_step = 1.0\n"), problem, *chain(2));
  for (Step step = 0; step < 3; ++step) {
    EXPECT_EQ(models.at(step)[0][0], x[step]);
    EXPECT_EQ(models.at(step)[1][0], -x[step]);
  }
}

// After 1000 steps with noisy messages, what is kept incrementally is what its definition says.
TEST(DianaOracle, DualsSumToZeroAndSumsOfShiftsAreRight) {
  const auto problem = diagonal_problem(10, 1);
  const auto codec = codec_of("kind = \"rand_k\"\nk = 3\n");
  Bench bench(problem, *ring(8), {1.0, 0.1, 0.3}, codec.get());
  for (Step step = 0; step < 1000; ++step) {
    bench.step(step);
    for (std::size_t k = 0; k < 10; ++k) {
      double sum = 0.0, size = 0.0;
      for (const Diana& peer : bench.peers) {
        sum += peer.dual()[k];
        size += std::abs(peer.dual()[k]);
      }
      ASSERT_NEAR(sum, 0.0, 1e-12 * (1.0 + size)) << "step " << step;
    }
  }
  Matrix shifts, apart, expected;
  for (const Diana& peer : bench.peers) {
    shifts.emplace_back(peer.shift().begin(), peer.shift().end());
    apart.emplace_back(peer.shift_apart().begin(), peer.shift_apart().end());
  }
  for (NodeId i = 0; i < 8; ++i) {
    expected.push_back(bench.pull(i, shifts));
    for (double& value : expected.back()) value = -value;
  }
  EXPECT_LT(largest_gap(apart, expected), 1e-10 * norm_of(shifts));
}

// x and z of the uncompressed primal-dual method, in plain loops.
Matrix primal_dual(const Problem<double>& problem, const MixingMatrix& weights, double eta,
                   double gam, std::size_t steps) {
  const std::size_t n = problem.workers(), d = problem.dimension();
  Matrix x(n, problem.initial), z(n, std::vector<double>(d)), y = x, g = x;
  for (std::size_t step = 0; step < steps; ++step) {
    for (std::size_t i = 0; i < n; ++i) {
      problem.models->mine().gradient(x[i], Batch{problem.data.get(), problem.rows[i]}, g[i]);
      for (std::size_t k = 0; k < d; ++k) y[i][k] = x[i][k] - eta * (g[i][k] + z[i][k]);
    }
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t k = 0; k < d; ++k) {
        double u = 0.0;
        for (const auto& [j, weight] : weights.rows[i]) u += weight * (y[i][k] - y[j][k]);
        z[i][k] += gam / (2.0 * eta) * u;
        x[i][k] -= eta * (g[i][k] + z[i][k]);
      }
  }
  return x;
}

TEST(DianaOracle, WithoutLossesIsThePrimalDualMethod) {
  const auto problem = diagonal_problem(12, 2);
  const Bench bench(problem, *ring(8), {1.0, 1.0, 1.0}, nullptr);
  const auto models = run_method(diana(300, 1.0, "dual_step = 1.0\n"), problem, *ring(8));
  EXPECT_LT(largest_gap(models.at(299), primal_dual(problem, bench.weights, 1.0, 1.0, 300)), 1e-12);
}

TEST(DianaOracle, OneNodeIsGradientDescent) {
  const auto problem = quadratic_problem({{3.0, -1.0}}, {0.5});
  Topology alone = undirected_topology("one", 1, {});
  const auto models = run_method(diana(20, 0.4), problem, alone);
  double x = 0.0;
  for (Step step = 0; step < 20; ++step) {
    x -= 0.4 * 0.5 * (x - 3.0);
    EXPECT_NEAR(models.at(step)[0][0], x, 1e-14);
  }
}

TEST(DianaOracle, StaysAtItsFixedPoint) {
  const auto problem = diagonal_problem(9, 3);
  const auto optimum = quadratic_optimum(*problem.data).value();
  for (const char* text : {"kind = \"rand_k\"\nk = 2\n", "kind = \"qsgd\"\n"}) {
    const auto codec = codec_of(text);
    Bench bench(problem, *ring(8), {1.0, 0.05, 0.2}, codec.get());
    for (NodeId i = 0; i < 8; ++i) {
      bench.replicas[i].parameters() = optimum;
      bench.replicas[i].compute_gradient(0);
      std::vector<double> dual = bench.replicas[i].gradient();
      for (double& value : dual) value = -value;
      ByteWriter state;
      state.numbers<double>(dual);
      state.numbers<double>(optimum);
      state.numbers<double>(std::vector<double>(9));
      ByteReader reader(state.bytes());
      ASSERT_TRUE(bench.peers[i].load(reader).ok());
    }
    for (Step step = 0; step < 50; ++step) bench.step(step);
    for (const auto& replica : bench.replicas)
      for (std::size_t k = 0; k < 9; ++k) EXPECT_NEAR(replica.parameters()[k], optimum[k], 1e-14);
  }
}

// E over Q of u_i is (L y)_i: over all choices of one of 3 entries at each of 3 nodes, from a state
// in which shifts and their sums are not zero.
TEST(DianaOracle, TheDualStepIsRightInTheMean) {
  const auto problem = quadratic_problem(random_matrix(3, 3, 4), {0.5, 1.0, 1.5});
  const auto codec = codec_of("kind = \"rand_k\"\nk = 1\n");
  const DianaConstants constants{0.4, 0.1, 0.2};
  Bench bench(problem, *ring(3), constants, codec.get());
  for (Step step = 0; step < 7; ++step) bench.step(step);
  bench.send(7);
  Matrix away, y;
  for (const Diana& peer : bench.peers) {
    away.emplace_back(peer.last_difference().begin(), peer.last_difference().end());
    y.push_back(away.back());
    for (std::size_t k = 0; k < 3; ++k) y.back()[k] += peer.shift()[k];
  }
  Matrix mean(3, std::vector<double>(3));
  for (int choice = 0; choice < 27; ++choice) {
    Matrix q(3, std::vector<double>(3));
    int left = choice;
    for (std::size_t i = 0; i < 3; ++i, left /= 3)
      q[i][static_cast<std::size_t>(left % 3)] = 3.0 * away[i][static_cast<std::size_t>(left % 3)];
    for (NodeId i = 0; i < 3; ++i) {
      Diana peer = bench.peers[i];
      Replica<double> replica(problem, i, 1, 0, {}, 10);
      replica.compute_gradient(0);
      peer.absorb(replica, q[i], bench.pull(i, q));
      for (std::size_t k = 0; k < 3; ++k)
        mean[i][k] += (peer.dual()[k] - bench.peers[i].dual()[k]) * (2.0 * 0.4 / 0.1) / 27.0;
    }
  }
  Matrix expected;
  for (NodeId i = 0; i < 3; ++i) {
    expected.push_back(bench.pull(i, y));
    for (double& value : expected.back()) value = -value;
  }
  EXPECT_LT(largest_gap(mean, expected), 1e-13);
}

double squared_distance_to(const Matrix& x, const std::vector<double>& optimum) {
  double square = 0.0;
  for (const auto& row : x)
    for (std::size_t k = 0; k < optimum.size(); ++k)
      square += (row[k] - optimum[k]) * (row[k] - optimum[k]);
  return square;
}

TEST(DianaOracle, ConvergesToTheExactOptimumInBothPrecisions) {
  const Matrix centres = random_matrix(8, 6, 12);
  const std::vector<double> curvature = {0.5, 1.0, 0.875, 0.375, 0.75, 0.625, 0.1875, 0.25};
  std::vector<double> optimum(6);
  double total = 0.0;
  for (const double c : curvature) total += c;
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t k = 0; k < 6; ++k) optimum[k] += curvature[i] * centres[i][k] / total;
  const auto codec = codec_of("kind = \"rand_k\"\nk = 3\n");
  const std::string method = diana(3000, 1.0);
  const auto in_double =
      run_method(method, quadratic_problem(centres, curvature), *ring(8), {}, {}, codec.get());
  EXPECT_LT(squared_distance_to(in_double.at(2999), optimum), 1e-24);
  const auto in_float = run_method(method, quadratic_problem<float>(centres, curvature), *ring(8),
                                   {}, {}, codec.get());
  EXPECT_LT(squared_distance_to(in_float.at(2999), optimum), 1e-9);
}

// The card's map of what is stable, weights of 1/3 as they are: Rand-K of 20, 10 and 4 of 40.
TEST(DianaOracle, LargeDualStepsDivergeAndSaySo) {
  const auto problem = diagonal_problem(40, 5);
  const auto ends = [&](int k, double dual_step) {
    const auto codec = codec_of("kind = \"rand_k\"\nk = " + std::to_string(k) + "\n");
    const std::string more =
        "dual_step = " + std::to_string(dual_step) + "\nscale_weights = false\n";
    const ModelLog log =
        watch_method(diana(3000, 1.0, more), problem, *ring(8), {}, {}, codec.get());
    const bool diverged = log.figures.count("diverged") > 0;
    EXPECT_EQ(diverged, log.models.size() < 3000) << k << " of 40 at " << dual_step;
    return diverged;
  };
  EXPECT_FALSE(ends(20, 0.5));
  EXPECT_TRUE(ends(20, 1.0));
  EXPECT_FALSE(ends(10, 0.1));
  EXPECT_TRUE(ends(10, 0.2));
  EXPECT_TRUE(ends(4, 0.05));
  // The default is stable for all three, with scaled weights.
  const auto optimum = quadratic_optimum(*problem.data).value();
  for (const int k : {20, 10, 4}) {
    const auto codec = codec_of("kind = \"rand_k\"\nk = " + std::to_string(k) + "\n");
    const auto models = run_method(diana(2500, 1.0), problem, *ring(8), {}, {}, codec.get());
    EXPECT_LT(squared_distance_to(models.at(2499), optimum),
              1e-2 * squared_distance_to(models.at(0), optimum))
        << k;
  }
}

}  // namespace
}  // namespace shoal

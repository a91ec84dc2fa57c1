#include "shoal/graph/mixing.h"

#include <Eigen/Dense>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/random.h"
#include "shoal/graph/spectrum.h"
#include "shoal/graph/topology_kind.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

Topology built(const std::string& kind, std::size_t n) {
  Table table;
  table.set("kind", kind);
  return (*topologies().make(table, "[topology]"))->build(n, 7).value();
}

MixingMatrix metropolis(const std::string& kind, std::size_t n, bool lazy = false) {
  return make_mixing(built(kind, n), {MixingKind::kMetropolisHastings, lazy}).value();
}

Eigen::MatrixXd dense(const MixingMatrix& w) {
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(w.size(), w.size());
  for (NodeId i = 0; i < w.size(); ++i) {
    matrix(i, i) = w.own[i];
    for (const auto& entry : w.rows[i]) matrix(i, entry.node) = entry.weight;
  }
  return matrix;
}

struct Row {
  const char* kind;
  std::size_t n;
  double second_modulus, gap, smallest;
};

TEST(Spectrum, TableOfTheCard) {
  const double third = -1.0 / 3;
  const Row rows[] = {
      {"ring", 4, 0.333333, 0.666667, third},
      {"ring", 8, 0.804738, 0.195262, third},
      {"ring", 16, 0.949253, 0.050747, third},
      {"ring", 32, 0.987190, 0.012810, third},
      {"ring", 5, 0.539345, 0.460655, -0.206011},
      {"chain", 4, 0.804738, 0.195262, -0.138071},
      {"chain", 8, 0.949253, 0.050747, -0.282586},
      {"chain", 16, 0.987190, 0.012810, -0.320524},
      {"star", 4, 0.75, 0.25, 0},
      {"star", 8, 0.875, 0.125, 0},
      {"star", 16, 0.9375, 0.0625, 0},
      {"torus", 9, 0.4, 0.6, -0.2},
      {"torus", 16, 0.6, 0.4, -0.6},
      {"torus", 25, 0.723607, 0.276393, -0.447214},
      {"binary_tree", 7, 0.933013, 0.066987, -0.103553},
      {"binary_tree", 15, 0.975803, 0.024197, -0.25},
      {"relay_tree", 8, 0.933013, 0.066987, -0.203402},
      {"relay_tree", 16, 0.975803, 0.024197, -0.297792},
      {"hypercube", 8, 0.5, 0.5, -0.5},
      {"hypercube", 16, 0.6, 0.4, -0.6},
      {"davis", 32, 0.917902, 0.082098, -0.434279},
      {"complete", 9, 0, 1, 0},
  };
  for (const Row& row : rows) {
    const MixingMatrix w = metropolis(row.kind, row.n);
    EXPECT_TRUE(is_symmetric(w) && is_doubly_stochastic(w)) << row.kind;
    const Spectrum eigen = spectrum(w).value();
    EXPECT_TRUE(eigen.symmetric);
    EXPECT_NEAR(eigen.eigenvalues.front(), 1.0, 1e-12);
    EXPECT_NEAR(eigen.second_modulus, row.second_modulus, 6e-7) << row.kind << row.n;
    EXPECT_NEAR(eigen.gap, row.gap, 6e-7) << row.kind << row.n;
    EXPECT_NEAR(eigen.smallest, row.smallest, 6e-7) << row.kind << row.n;
  }
}

void expect_eigenvalues(const MixingMatrix& w, std::vector<double> expected) {
  std::sort(expected.begin(), expected.end(), std::greater<>());
  const Spectrum eigen = spectrum(w).value();
  ASSERT_EQ(eigen.eigenvalues.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_NEAR(eigen.eigenvalues[i], expected[i], 1e-12);
}

TEST(Spectrum, ClosedForms) {
  const double pi = std::acos(-1.0);
  for (int n = 3; n <= 20; ++n) {
    std::vector<double> of_ring, of_chain, of_star{1.0, 0.0};
    for (int k = 0; k < n; ++k) of_ring.push_back((1 + 2 * std::cos(2 * pi * k / n)) / 3);
    for (int k = 0; k < n; ++k) of_chain.push_back((1 + 2 * std::cos(pi * k / n)) / 3);
    for (int k = 0; k < n - 2; ++k) of_star.push_back(1.0 - 1.0 / n);
    expect_eigenvalues(metropolis("ring", n), of_ring);
    expect_eigenvalues(metropolis("chain", n), of_chain);
    expect_eigenvalues(metropolis("star", n), of_star);
  }
  std::vector<double> of_torus;
  for (int k = 0; k < 4; ++k)
    for (int m = 0; m < 5; ++m)
      of_torus.push_back((1 + 2 * std::cos(2 * pi * k / 4) + 2 * std::cos(2 * pi * m / 5)) / 5);
  expect_eigenvalues(metropolis("torus", 20), of_torus);
  const int dimension = 5;
  std::vector<double> of_cube;
  for (int v = 0; v < 32; ++v)
    of_cube.push_back((dimension + 1.0 - 2 * __builtin_popcount(v)) / (dimension + 1.0));
  expect_eigenvalues(metropolis("hypercube", 32), of_cube);
}

TEST(Spectrum, StaticExponential) {
  const auto modulus = [](std::size_t n) {
    const MixingMatrix w = make_mixing(built("exponential", n), {MixingKind::kUniform}).value();
    EXPECT_TRUE(is_doubly_stochastic(w));
    return spectrum(w).value().second_modulus;
  };
  EXPECT_NEAR(modulus(4), 1.0 / 3, 1e-12);
  EXPECT_NEAR(modulus(8), 0.5, 1e-12);
  EXPECT_NEAR(modulus(16), 0.6, 1e-12);
  EXPECT_NEAR(modulus(32), 2.0 / 3, 1e-12);
  EXPECT_NEAR(modulus(6), 0.5, 1e-12);
  EXPECT_NEAR(modulus(7), 0.353553, 6e-7);
  EXPECT_NEAR(modulus(12), 0.6, 1e-12);
}

double one_peer_error(std::size_t n) {
  const auto matrices =
      mixing_schedule(built("one_peer_exponential", n), {MixingKind::kUniform}).value();
  Eigen::MatrixXd product = Eigen::MatrixXd::Identity(n, n);
  for (const MixingMatrix& w : matrices) product = dense(w) * product;
  return (product.array() - 1.0 / n).abs().maxCoeff();
}

TEST(Mixing, OnePeerExponentialAveragesExactlyForPowersOfTwo) {
  EXPECT_EQ(one_peer_error(8), 0.0);
  EXPECT_EQ(one_peer_error(16), 0.0);
  EXPECT_NEAR(one_peer_error(12), 0.041667, 5e-7);
}

TEST(Mixing, LazyHalvesTheSpectrum) {
  for (const char* kind : {"torus", "ring", "hypercube"}) {
    const Spectrum plain = spectrum(metropolis(kind, 16)).value();
    const Spectrum lazy = spectrum(metropolis(kind, 16, true)).value();
    for (std::size_t i = 0; i < 16; ++i)
      EXPECT_NEAR(lazy.eigenvalues[i], (plain.eigenvalues[i] + 1) / 2, 1e-12);
  }
}

TEST(Mixing, D2NeedsMoreThanMinusAThird) {
  EXPECT_EQ(check_d2(metropolis("ring", 16)).error().message,
            "D2 needs lambda_min > -1/3 and this ring of 16 has -0.333333; set mixing lazy = true");
  for (std::size_t n = 4; n <= 64; n += 2) EXPECT_FALSE(check_d2(metropolis("ring", n)).ok()) << n;
  EXPECT_TRUE(check_d2(metropolis("ring", 5)).ok());
  EXPECT_TRUE(check_d2(metropolis("chain", 16)).ok());
  EXPECT_TRUE(check_d2(metropolis("torus", 9)).ok());
  EXPECT_FALSE(check_d2(metropolis("torus", 16)).ok());
  EXPECT_THAT(check_d2(metropolis("davis", 32)).error().message, HasSubstr("-0.434279"));
  for (const char* kind : {"ring", "torus", "hypercube", "complete"})
    EXPECT_TRUE(check_d2(metropolis(kind, 16, true)).ok()) << kind;
  EXPECT_TRUE(check_d2(metropolis("ring", 10000, true)).ok());
  EXPECT_THAT(check_d2(metropolis("ring", 10000)).error().message, HasSubstr("lazy = true"));
  const auto directed = make_mixing(built("exponential", 16), {MixingKind::kUniform}).value();
  EXPECT_THAT(check_d2(directed).error().message, HasSubstr("symmetric"));
}

// D2 itself, on f = 0: x(t+1) = W(2 x(t) - x(t-1)) grows exactly where check_d2 refuses.
TEST(Mixing, D2DivergesWhereRefused) {
  const auto final_norm = [](const MixingMatrix& w) {
    const Eigen::MatrixXd matrix = dense(w);
    Eigen::VectorXd before(w.size());
    for (NodeId i = 0; i < w.size(); ++i) before(i) = std::sin(1.0 + 7.0 * i);
    before.array() -= before.mean();
    Eigen::VectorXd now = matrix * before;
    for (int t = 0; t < 400; ++t) {
      const Eigen::VectorXd next = matrix * (2 * now - before);
      before = now;
      now = next;
    }
    return now.norm();
  };
  for (const auto& [kind, n] : {std::pair{"torus", 16}, std::pair{"davis", 32}}) {
    EXPECT_GT(final_norm(metropolis(kind, n)), 1e3) << kind;
    EXPECT_LT(final_norm(metropolis(kind, n, true)), 1e-3) << kind;
  }
}

TEST(Mixing, PushSumOfTheCard) {
  const Topology graph = directed_topology("graph", 4, {{0, 1}, {1, 2}, {2, 3}, {2, 0}, {3, 0}});
  const MixingMatrix p = make_mixing(graph, {MixingKind::kColumnStochastic}).value();
  EXPECT_TRUE(is_column_stochastic(p));
  EXPECT_FALSE(is_row_stochastic(p));
  const Eigen::MatrixXd matrix = dense(p);
  Eigen::Vector4d z(1, 2, 3, 10), w(1, 1, 1, 1);
  z = matrix * z;
  w = matrix * w;
  EXPECT_TRUE(z.isApprox(Eigen::Vector4d(6.5, 1.5, 2, 6), 1e-15));
  EXPECT_TRUE(w.isApprox(Eigen::Vector4d(4.0 / 3, 1, 5.0 / 6, 5.0 / 6), 1e-15));
  for (int t = 0; t < 300; ++t) {
    z = matrix * z;
    w = matrix * w;
  }
  EXPECT_TRUE(w.isApprox(Eigen::Vector4d(16, 16, 12, 8) / 13, 1e-12));
  EXPECT_TRUE((z.array() / w.array()).isApprox(Eigen::Array4d::Constant(4.0), 1e-12));
}

TEST(Mixing, KindsRefuseGraphsTheyDoNotFit) {
  const auto message = [](const char* kind, MixingKind mixing) {
    return make_mixing(built(kind, 8), {mixing}).error().message;
  };
  EXPECT_THAT(message("exponential", MixingKind::kMetropolisHastings), HasSubstr("undirected"));
  EXPECT_THAT(message("star", MixingKind::kUniform), HasSubstr("regular"));
  EXPECT_THAT(message("one_peer_exponential", MixingKind::kUniform), HasSubstr("one step"));
}

// On regular graphs the three kinds coincide.
TEST(Mixing, KindsAgreeOnRegularGraphs) {
  for (const char* kind : {"ring", "torus", "hypercube", "complete"}) {
    const Eigen::MatrixXd reference = dense(metropolis(kind, 16));
    for (const MixingKind mixing : {MixingKind::kUniform, MixingKind::kColumnStochastic})
      EXPECT_TRUE(dense(make_mixing(built(kind, 16), {mixing}).value()).isApprox(reference, 1e-15));
  }
}

// Consensus rounds to 1e-3 from a random start against ln(1e-3)/ln(1 - gap): 75 % to 100 % of it.
TEST(Mixing, ConsensusRoundsFollowTheGap) {
  const auto rounds = [](const Eigen::MatrixXd& w) {
    const int n = static_cast<int>(w.rows()), coordinates = 2000;
    RandomStream stream(3, purpose("consensus test"));
    Eigen::MatrixXd x(n, coordinates);
    for (int i = 0; i < n; ++i)
      for (int c = 0; c < coordinates; ++c) x(i, c) = stream.normal();
    x.rowwise() -= Eigen::RowVectorXd(x.colwise().mean());
    const double start = x.norm();
    int count = 0;
    while (x.norm() > 1e-3 * start) {
      x = w * x;
      ++count;
    }
    return count;
  };
  for (const char* kind : {"hypercube", "torus", "star", "ring", "relay_tree", "chain"}) {
    const MixingMatrix w = metropolis(kind, 16);
    const double bound = std::log(1e-3) / std::log(1 - spectrum(w).value().gap);
    const int measured = rounds(dense(w));
    EXPECT_GE(measured, 0.75 * bound) << kind;
    EXPECT_LE(measured, std::ceil(bound)) << kind;
  }
}

}  // namespace
}  // namespace shoal

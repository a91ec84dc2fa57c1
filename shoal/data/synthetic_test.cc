#include "shoal/data/synthetic.h"

#include <Eigen/Dense>
#include <cmath>
#include <gtest/gtest.h>
#include <map>

#include "shoal/data/partition_statistics.h"
#include "shoal/data/source.h"

namespace shoal {
namespace {

Eigen::MatrixXd hessian_of(const Dataset& data, std::size_t row, std::size_t d) {
  const auto h = quadratic_hessian(data.row(row), d);
  Eigen::MatrixXd out(d, d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j)
      out(static_cast<Eigen::Index>(i), static_cast<Eigen::Index>(j)) = h[i * d + j];
  return out;
}

TEST(RandomQuadratics, HasTheSpectrumAndHeterogeneityAskedFor) {
  RandomQuadraticsSettings settings;
  settings.nodes = 12;
  settings.zeta_squared = 2.5;
  settings.start_distance = 3.0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Dataset data = make_random_quadratics(settings, seed).value();
    ASSERT_EQ(quadratic_dimension(data).value(), 10u);
    EXPECT_EQ(data.rows, 12u);
    for (std::size_t row = 0; row < 12; ++row) {
      const Eigen::MatrixXd h = hessian_of(data, row, 10);
      EXPECT_EQ((h - h.transpose()).norm(), 0.0);
      const Eigen::VectorXd values =
          Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(h).eigenvalues();
      // Roots evenly spaced from 0.5 to 1: the singular values of the paper's A_i.
      for (int k = 0; k < 10; ++k) EXPECT_NEAR(values(k), std::pow(0.5 + 0.5 * k / 9.0, 2), 1e-6);
    }
    const auto optimum = quadratic_optimum(data).value();
    double square = 0.0;
    for (const double x : optimum) square += x * x;
    EXPECT_NEAR(std::sqrt(square), 3.0, 1e-5);
    EXPECT_NEAR(quadratic_gradient_spread(data, optimum), 2.5, 1e-4);
    // The gradients of the rows cancel at the optimum.
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(10);
    for (std::size_t row = 0; row < 12; ++row) {
      Eigen::VectorXd away(10);
      for (int j = 0; j < 10; ++j)
        away(j) = optimum[static_cast<std::size_t>(j)] - data.row(row)[static_cast<std::size_t>(j)];
      sum += hessian_of(data, row, 10) * away;
    }
    EXPECT_LT(sum.norm(), 1e-12);
  }
}

TEST(RandomQuadratics, WithoutHeterogeneityShareTheirMinimum) {
  RandomQuadraticsSettings settings;
  settings.zeta_squared = 0.0;
  const Dataset data = make_random_quadratics(settings, 1).value();
  for (std::size_t row = 1; row < data.rows; ++row)
    for (std::size_t j = 0; j < 10; ++j) EXPECT_EQ(data.row(row)[j], data.row(0)[j]);
  settings.nodes = 1;
  EXPECT_TRUE(make_random_quadratics(settings, 1).ok());
  settings.zeta_squared = 1.0;
  EXPECT_FALSE(make_random_quadratics(settings, 1).ok());
}

TEST(RandomQuadratics, GoOneToANodeByUsers) {
  Table table;
  table.set("kind", "random_quadratics");
  table.set("nodes", 6);
  const auto task = data_sources().make(table, "[data]").value()->load(3).value();
  EXPECT_EQ(task.train, task.test);
  Table users;
  users.set("kind", "users");
  const auto partition =
      partitioners().make(users, "[partition]").value()->split(task.train, 6, 1).value();
  for (std::uint32_t i = 0; i < 6; ++i) EXPECT_EQ(partition.nodes[i], Rows{i});
  table.set("curvature_min", 2.0);
  EXPECT_FALSE(data_sources().make(table, "[data]").ok());
}

TEST(ScalarQuadratics, HasTheDistributionOfTheFieldGuide) {
  ScalarQuadraticsSettings settings;
  settings.nodes = 20000;
  const Dataset data = make_scalar_quadratics(settings, 1).value();
  ASSERT_EQ(quadratic_dimension(data).value(), 1u);
  double centre = 0.0, square = 0.0, curvature = 0.0, weighted = 0.0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const double a = data.row(row)[0];
    const double h = data.row(row)[1];
    EXPECT_GE(h, 0.5);
    EXPECT_LE(h, 5.0);
    centre += a / 20000;
    square += a * a / 20000;
    curvature += h / 20000;
    weighted += a * h / 20000;
  }
  EXPECT_NEAR(centre, 0.0, 0.03);
  EXPECT_NEAR(square, 1.0, 0.05);
  EXPECT_NEAR(curvature, 2.75, 0.05);
  EXPECT_NEAR(quadratic_optimum(data).value()[0], weighted / curvature, 1e-12);
}

TEST(DiagonalQuadratics, HaveTheSpectrumAndTheOptimumSaid) {
  DiagonalQuadraticsSettings settings;
  settings.dimension = 5;
  settings.curvature_min = 0.01;
  const std::vector<double> geometric = diagonal_curvatures(settings);
  const std::vector<double> roots = {0.01, 0.0316227766, 0.1, 0.316227766, 1.0};
  settings.spacing = CurvatureSpacing::kLinear;
  const std::vector<double> linear = diagonal_curvatures(settings);
  for (std::size_t k = 0; k < 5; ++k) {
    EXPECT_NEAR(geometric[k], roots[k], 1e-9);
    EXPECT_NEAR(linear[k], 0.01 + 0.2475 * static_cast<double>(k), 1e-15);
  }
  settings.nodes = 2000;
  settings.heterogeneity = 3.0;
  const Dataset data = make_diagonal_quadratics(settings, 4).value();
  double mean = 0.0, square = 0.0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    const double c = quadratic_centre(data.row(row), 5)[2];
    mean += c / 2000;
    square += c * c / 2000;
    const auto h = quadratic_hessian(data.row(row), 5);
    for (std::size_t i = 0; i < 25; ++i)
      EXPECT_EQ(h[i], i % 6 == 0 ? static_cast<float>(linear[i / 6]) : 0.0f);
  }
  EXPECT_NEAR(square, 9.0, 0.9);
  EXPECT_NEAR(quadratic_optimum(data).value()[2], mean, 1e-12);
}

TEST(DiagonalQuadratics, AreASourceByName) {
  Table table;
  table.set("kind", "diagonal_quadratics");
  table.set("spacing", "linear");
  EXPECT_EQ(data_sources().make(table, "[data]").value()->load(1).value().train->rows, 8u);
  table.set("curvature_min", 2.0);
  EXPECT_FALSE(data_sources().make(table, "[data]").ok());
}

// The card's family: curvature i^2/n, b_i of deviation zeta/i, and the optimum of the mean.
TEST(Quadratics, ScaledFamily) {
  ScaledQuadraticsSettings settings;
  settings.dimension = 60;
  settings.zeta = 30.0;
  const Dataset data = make_scaled_quadratics(settings, 2).value();
  ASSERT_EQ(quadratic_dimension(data).value(), 60u);
  const auto optimum = quadratic_optimum(data).value();
  std::vector<double> weighted(60, 0.0);
  double curvature = 0.0;
  for (std::size_t n = 0; n < 5; ++n) {
    const double a = static_cast<double>(n + 1) / std::sqrt(5.0);
    const auto h = quadratic_hessian(data.row(n), 60);
    double square = 0.0;
    for (std::size_t i = 0; i < 60; ++i) {
      for (std::size_t j = 0; j < 60; ++j)
        EXPECT_FLOAT_EQ(h[i * 60 + j], i == j ? static_cast<float>(a * a) : 0.0f);
      const double b = a * quadratic_centre(data.row(n), 60)[i];
      square += b * b / 60.0;
      weighted[i] += a * b;
    }
    curvature += a * a;
    const double deviation = 30.0 / static_cast<double>(n + 1);
    EXPECT_NEAR(std::sqrt(square), deviation, 0.4 * deviation);
  }
  for (std::size_t i = 0; i < 60; ++i) EXPECT_NEAR(optimum[i], weighted[i] / curvature, 1e-4);
  settings.zeta = 0.0;
  const Dataset alike = make_scaled_quadratics(settings, 2).value();
  const auto zero = quadratic_optimum(alike).value();
  for (const double value : zero) EXPECT_EQ(value, 0.0);
}

TEST(Quadratics, ShiftedFamily) {
  ShiftedQuadraticsSettings settings;
  settings.zeta = 3.0;
  const Dataset data = make_shifted_quadratics(settings, 2).value();
  ASSERT_EQ(quadratic_dimension(data).value(), 50u);
  const auto optimum = quadratic_optimum(data).value();
  for (const double value : optimum) EXPECT_NEAR(value, 0.0, 1e-5);
  EXPECT_NEAR(quadratic_gradient_spread(data, optimum), 9.0, 1e-4);
  const auto h = quadratic_hessian(data.row(4), 50);
  EXPECT_FLOAT_EQ(h[0], 0.1f);
  EXPECT_FLOAT_EQ(h[51], static_cast<float>(0.1 + 0.9 / 49));
  EXPECT_FLOAT_EQ(h[50 * 50 - 1], 1.0f);
  EXPECT_EQ(h[1], 0.0f);
  settings.nodes = 1;
  EXPECT_FALSE(make_shifted_quadratics(settings, 2).ok());
}

TEST(Quadratics, RefusesOtherRows) {
  Dataset data;
  data.rows = 1;
  data.features = 5;
  EXPECT_FALSE(quadratic_dimension(data).ok());
  data.features = 6;
  EXPECT_EQ(quadratic_dimension(data).value(), 2u);
  data.classes = 2;
  EXPECT_FALSE(quadratic_dimension(data).ok());
}

TEST(SyntheticLogistic, FollowsItsPlantedModel) {
  SyntheticLogisticSettings settings;
  settings.rows = 100000;
  settings.flip = 0.1;
  const auto made = make_synthetic_logistic(settings, 1).value();
  double norm = 0.0;
  for (const double w : made.planted) norm += w * w;
  EXPECT_NEAR(std::sqrt(norm), 4.0, 1e-12);
  // Of the rows with a score near s, a fraction 0.1 + 0.8 / (1 + exp(-s)) has label 1.
  std::map<int, std::pair<int, int>> bins;
  for (std::size_t row = 0; row < made.data.rows; ++row) {
    double score = 0.0;
    for (std::size_t j = 0; j < 20; ++j)
      score += made.planted[j] * static_cast<double>(made.data.row(row)[j]);
    auto& [total, ones] = bins[static_cast<int>(std::lround(2.0 * score))];
    ++total;
    ones += made.data.labels[row];
  }
  for (const int bin : {-4, -1, 0, 1, 4}) {
    const auto [total, ones] = bins[bin];
    EXPECT_NEAR(static_cast<double>(ones) / total, 0.1 + 0.8 / (1.0 + std::exp(-0.5 * bin)), 0.03);
  }
}

// zeta^2 over users at w = 0 of softmax regression: g = (1/n) sum (1/C - onehot) x'.
double dissimilarity_at_zero(const Dataset& data) {
  std::map<std::uint32_t, std::pair<std::size_t, std::vector<double>>> users;
  for (std::size_t row = 0; row < data.rows; ++row) {
    auto& [rows, gradient] = users[data.users[row]];
    gradient.resize(data.classes * data.features, 0.0);
    ++rows;
    for (std::size_t c = 0; c < data.classes; ++c) {
      const double away = 1.0 / static_cast<double>(data.classes) -
                          (static_cast<std::size_t>(data.labels[row]) == c ? 1.0 : 0.0);
      for (std::size_t j = 0; j < data.features; ++j)
        gradient[c * data.features + j] += away * static_cast<double>(data.row(row)[j]);
    }
  }
  std::vector<std::span<const double>> gradients;
  std::vector<double> weights;
  for (auto& [user, entry] : users) {
    for (double& value : entry.second) value /= static_cast<double>(entry.first);
    gradients.push_back(entry.second);
    weights.push_back(static_cast<double>(entry.first));
  }
  return gradient_dissimilarity(gradients, weights).zeta_squared;
}

TEST(SyntheticAb, GrowsMoreHeterogeneousFromIidToOneOne) {
  double iid = 0.0, zero = 0.0, one = 0.0;
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    SyntheticAbSettings settings;
    settings.max_rows = 1000;
    settings.iid = true;
    iid += dissimilarity_at_zero(make_synthetic_ab(settings, seed).value());
    settings.iid = false;
    one += dissimilarity_at_zero(make_synthetic_ab(settings, seed).value());
    settings.a = settings.b = 0.0;
    zero += dissimilarity_at_zero(make_synthetic_ab(settings, seed).value());
  }
  EXPECT_LT(iid, zero);
  EXPECT_LT(zero, one);
}

TEST(SyntheticAb, HasTheSizesAndSpreadsOfTheCard) {
  SyntheticAbSettings settings;
  settings.users = 300;
  settings.max_rows = 400;
  settings.iid = true;
  const Dataset data = make_synthetic_ab(settings, 1).value();
  std::map<std::uint32_t, std::size_t> rows;
  for (const std::uint32_t user : data.users) ++rows[user];
  EXPECT_EQ(rows.size(), 300u);
  std::size_t capped = 0;
  std::size_t below_median = 0;
  for (const auto& [user, count] : rows) {
    EXPECT_GE(count, 50u);
    EXPECT_LE(count, 400u);
    capped += count == 400;
    below_median += count < 50 + 54;  // the median of lognormal(4, 2) is e^4 = 54.6
  }
  EXPECT_NEAR(static_cast<double>(below_median), 150.0, 35.0);
  // P(lognormal(4, 2) > 350) = P(N > 0.929) = 0.176.
  EXPECT_NEAR(static_cast<double>(capped), 53.0, 25.0);
  // Centred features with variance j^-1.2.
  for (const std::size_t j : {0u, 4u, 59u}) {
    double square = 0.0;
    for (std::size_t row = 0; row < data.rows; ++row) square += std::pow(data.row(row)[j], 2);
    const double expected = std::pow(static_cast<double>(j + 1), -1.2);
    EXPECT_NEAR(square / static_cast<double>(data.rows) / expected, 1.0, 0.05);
  }
}

TEST(SyntheticAb, HoldsOutATenthOfEachUser) {
  Table table;
  table.set("kind", "synthetic_ab");
  table.set("max_rows", 200);
  const auto task = data_sources().make(table, "[data]").value()->load(3).value();
  std::map<std::uint32_t, std::pair<int, int>> rows;
  for (const std::uint32_t user : task.train->users) ++rows[user].first;
  for (const std::uint32_t user : task.test->users) ++rows[user].second;
  EXPECT_EQ(rows.size(), 30u);
  for (const auto& [user, counts] : rows)
    EXPECT_NEAR(counts.second, 0.1 * (counts.first + counts.second), 0.5001);
}

}  // namespace
}  // namespace shoal

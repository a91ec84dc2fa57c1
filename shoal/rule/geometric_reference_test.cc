// Rules on distances, angles and covariances against plain double-precision code that follows the
// definition vector by vector: no inner products, no blocks. 10^4 small random rounds a rule, or
// stories of some rounds where it remembers, with doubled rows, rows of zeros, f up to its limit.
//
// Outputs agree within 2e-5 of the largest entry: float rows are exact in both, and what is left is
// where an iteration to a tolerance stops.
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <functional>
#include <limits>
#include <optional>

#include "shoal/base/random.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;
using Vectors = std::vector<Vector>;

constexpr std::uint32_t kCases = 10000;

struct Case {
  TestRows rows;
  std::size_t f = 0;
  std::vector<double> weights;
  Vectors vectors;
};

Vector vector_of(const std::vector<float>& row) {
  return Eigen::Map<const Eigen::VectorXf>(row.data(), Eigen::Index(row.size())).cast<double>();
}

Case random_case(std::uint32_t seed, std::size_t rows_max) {
  RandomStream stream(seed, purpose("geometric reference"));
  Case made;
  const std::size_t n = 1 + stream.below(rows_max), d = 1 + stream.below(6);
  made.f = stream.below(2) == 0 ? (n - 1) / 2 : stream.below((n + 1) / 2);
  const bool coarse = stream.below(4) == 0;  // many ties
  for (std::size_t i = 0; i < n; ++i) {
    std::vector<float> row(d);
    for (float& value : row)
      value =
          coarse ? static_cast<float>(stream.below(5)) - 2.0f : static_cast<float>(stream.normal());
    if (i > 0 && stream.below(6) == 0) row = made.rows[stream.below(i)];
    if (stream.below(12) == 0)
      for (float& value : row) value *= 100.0f;
    made.rows.push_back(row);
    made.weights.push_back(stream.uniform_positive());
  }
  double total = 0.0;
  for (const double weight : made.weights) total += weight;
  for (double& weight : made.weights) weight /= total;
  for (const auto& row : made.rows) made.vectors.push_back(vector_of(row));
  return made;
}

// The senders of a case a round later: half of the rows have changed, doubled ones alike.
Case moved(Case given, RandomStream& stream) {
  const bool whole = stream.below(2) == 0;
  for (std::size_t i = 0; i < given.rows.size(); ++i) {
    const auto twin = std::find(given.vectors.begin(), given.vectors.end(), given.vectors[i]);
    const auto first = std::size_t(twin - given.vectors.begin());
    if (first < i) {
      given.rows[i] = given.rows[first];
    } else if (stream.below(2) == 0) {
      for (float& value : given.rows[i])
        value = whole ? float(stream.below(5)) - 2.0f : float(stream.normal());
    }
  }
  for (std::size_t i = 0; i < given.rows.size(); ++i) given.vectors[i] = vector_of(given.rows[i]);
  return given;
}

std::vector<float> of_rule(const Table& table, const Case& given) {
  RoundView round = test_round(given.rows, given.f);
  round.weights = given.weights;
  return aggregate_once(table, round);
}

double largest_entry(const Case& given) {
  double most = 1e-3;
  for (const Vector& x : given.vectors) most = std::max(most, x.cwiseAbs().maxCoeff());
  return most;
}

void expect_within(const std::vector<float>& got, const Vector& want, double tolerance,
                   std::uint32_t seed, std::uint32_t round = 0) {
  for (std::size_t c = 0; c < got.size(); ++c)
    ASSERT_NEAR(double(got[c]), want[Eigen::Index(c)], tolerance)
        << "case " << seed << ", round " << round;
}

void compare(const Table& table, std::size_t rows_max,
             const std::function<Vector(const Case&)>& reference) {
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    const Case given = random_case(seed, rows_max);
    expect_within(of_rule(table, given), reference(given), 2e-5 * largest_entry(given), seed);
    if (testing::Test::HasFailure()) return;
  }
}

Vector weighted_mean(const Vectors& x, const std::vector<double>& a) {
  Vector sum = Vector::Zero(x[0].size());
  double total = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += a[i] * x[i];
    total += a[i];
  }
  return sum / total;
}

Vector weiszfeld_pass(const Vectors& x, const std::vector<double>& a, const Vector& z, double nu) {
  std::vector<double> b;
  for (std::size_t i = 0; i < x.size(); ++i) b.push_back(a[i] / std::max(nu, (z - x[i]).norm()));
  return weighted_mean(x, b);
}

TEST(Reference, RfaFromTheWeightedMean) {
  compare(rule_table("rfa", {{"iterations", std::int64_t{3}}, {"smoothing", 0.01}}), 12,
          [](const Case& given) {
            Vector z = weighted_mean(given.vectors, given.weights);
            for (int pass = 0; pass < 3; ++pass)
              z = weiszfeld_pass(given.vectors, given.weights, z, 0.01);
            return z;
          });
}

double sum_of_distances(const Vectors& x, const Vector& z) {
  double sum = 0.0;
  for (const Vector& row : x) sum += (row - z).norm();
  return sum;
}

// The minimiser may be far from unique (half of the rows against the other half), so the objective
// is what is compared: 200 passes from the mean, and every row itself, are candidates. Along a
// nearly flat stretch Weiszfeld converges like 1/passes and the 1000 run out, so not all rounds are
// tight.
TEST(Reference, GeometricMedianIsNoWorseThanOtherCandidates) {
  std::uint32_t tight = 0;
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    const Case given = random_case(seed, 12);
    const std::vector<double> ones(given.rows.size(), 1.0);
    Vector z = weighted_mean(given.vectors, ones);
    for (int pass = 0; pass < 200; ++pass) z = weiszfeld_pass(given.vectors, ones, z, 1e-9);
    double best = sum_of_distances(given.vectors, z);
    for (const Vector& row : given.vectors)
      best = std::min(best, sum_of_distances(given.vectors, row));
    const auto got = of_rule(rule_table("geometric_median"), given);
    const double sum = sum_of_distances(given.vectors, vector_of(got));
    // Smoothing adds up to nu a row, rounding to float 1e-7 of its entries.
    const double rounding = 1e-5 * largest_entry(given);
    ASSERT_LE(sum, best * (1 + 1e-4) + rounding) << seed;
    tight += sum <= best * (1 + 1e-6) + rounding;
  }
  EXPECT_GT(tight, kCases * 99 / 100);
  fmt::print("{} of {} rounds within 1e-6\n", tight, kCases);
}

Vector clipped_about(const Vectors& x, Vector v, double tau, int steps) {
  for (int step = 0; step < steps; ++step) {
    Vector sum = Vector::Zero(v.size());
    for (const Vector& row : x) {
      const double distance = (row - v).norm();
      sum += (row - v) * (distance > tau ? tau / distance : 1.0);
    }
    v += sum / double(x.size());
  }
  return v;
}

void compare_clipping(int steps) {
  compare(rule_table("centred_clipping", {{"tau", 0.7}, {"iterations", std::int64_t{steps}}}), 12,
          [steps](const Case& given) {
            return clipped_about(given.vectors, Vector::Zero(given.vectors[0].size()), 0.7, steps);
          });
}
TEST(Reference, CentredClippingOneStep) { compare_clipping(1); }
TEST(Reference, CentredClippingFiveSteps) { compare_clipping(5); }

TEST(Reference, SignMajority) {
  compare(rule_table("sign_majority"), 12, [](const Case& given) {
    Vector votes = Vector::Zero(given.vectors[0].size());
    for (const Vector& x : given.vectors) votes += x.cwiseSign();
    return Vector(votes.cwiseSign());
  });
}

// The weighted covariance as a d x d matrix.
Matrix covariance(const Vectors& x, const std::vector<double>& c, const Vector& mean) {
  Matrix sum = Matrix::Zero(mean.size(), mean.size());
  double total = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += c[i] * (x[i] - mean) * (x[i] - mean).transpose();
    total += c[i];
  }
  return sum / total;
}

// CAF's path branches where the top eigenvector is not unique or the top eigenvalues of two passes
// are equal; such rounds have many right answers and are left out here.
std::optional<Vector> caf(const Case& given) {
  std::vector<double> c(given.rows.size(), 1.0);
  const double least_sum = double(given.rows.size()) - 2.0 * double(given.f);
  double least = std::numeric_limits<double>::infinity(), sum = 0.0;
  Vector best;
  const double size = largest_entry(given) * largest_entry(given);
  do {
    const Vector mean = weighted_mean(given.vectors, c);
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(covariance(given.vectors, c, mean));
    const Eigen::Index top = mean.size() - 1;
    const double value = eigen.eigenvalues()[top];
    if (value < 1e-9 * size) return value < least ? mean : best;
    if (top > 0 && value - eigen.eigenvalues()[top - 1] < 1e-3 * value) return std::nullopt;
    if (std::abs(value - least) < 1e-6 * value) return std::nullopt;
    if (value < least) best = mean;
    least = std::min(least, value);
    std::vector<double> t;
    for (std::size_t i = 0; i < c.size(); ++i)
      t.push_back(c[i] == 0.0
                      ? 0.0
                      : std::pow(eigen.eigenvectors().col(top).dot(given.vectors[i] - mean), 2));
    const double most = *std::max_element(t.begin(), t.end());
    sum = 0.0;
    for (std::size_t i = 0; i < c.size(); ++i) sum += c[i] *= 1.0 - t[i] / most;
    // Whether it goes on is decided by rounding.
    if (std::abs(sum - least_sum) < 1e-6) return std::nullopt;
    for (std::size_t i = 0; i < c.size(); ++i)
      if (c[i] < 1e-9) c[i] = 0.0;
    if (sum < 1e-6) return std::nullopt;
  } while (sum > least_sum);
  return best;
}

TEST(Reference, Caf) {
  std::uint32_t compared = 0;
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    const Case given = random_case(seed, 12);
    const std::optional<Vector> want = caf(given);
    if (!want) continue;
    ++compared;
    expect_within(of_rule(rule_table("caf"), given), *want, 1e-4 * largest_entry(given), seed);
  }
  EXPECT_GT(compared, kCases / 2);
}

// The result is the mean of some subset of n - f rows whose covariance is, within rounding, as
// narrow as that of the narrowest.
TEST(Reference, Smea) {
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    const Case given = random_case(seed, 7);
    const std::size_t n = given.rows.size();
    const auto got = of_rule(rule_table("smea"), given);
    const double size = largest_entry(given);
    double least = std::numeric_limits<double>::infinity();
    double of_result = std::numeric_limits<double>::infinity();
    for (std::uint32_t mask = 0; mask < 1u << n; ++mask) {
      if (std::size_t(__builtin_popcount(mask)) != n - given.f) continue;
      std::vector<double> c;
      for (std::size_t i = 0; i < n; ++i) c.push_back(mask >> i & 1);
      const Vector mean = weighted_mean(given.vectors, c);
      const Eigen::SelfAdjointEigenSolver<Matrix> eigen(covariance(given.vectors, c, mean));
      const double top = eigen.eigenvalues()[mean.size() - 1];
      least = std::min(least, top);
      double away = 0.0;
      for (std::size_t k = 0; k < got.size(); ++k)
        away = std::max(away, std::abs(double(got[k]) - mean[Eigen::Index(k)]));
      if (away < 1e-6 * size) of_result = std::min(of_result, top);
    }
    ASSERT_LE(of_result, least + 1e-6 * size * size) << seed;
  }
}

// Y as the first left singular vectors of the weighted columns.
std::optional<Vector> flag(const Case& given, int passes, double lambda) {
  Matrix u(given.vectors[0].size(), 0);
  for (const Vector& x : given.vectors) {
    if (x.norm() == 0.0) continue;
    u.conservativeResize(Eigen::NoChange, u.cols() + 1);
    u.col(u.cols() - 1) = x / x.norm();
  }
  const Eigen::Index p = u.cols(), m = (p + 2) / 2;
  if (p == 0) return Vector::Zero(u.rows());
  std::vector<std::pair<Vector, double>> columns;  // unit vector, share
  for (Eigen::Index i = 0; i < p; ++i) columns.emplace_back(u.col(i), 1.0);
  for (Eigen::Index i = 0; i < p && lambda > 0; ++i)
    for (Eigen::Index j = 0; j < p; ++j)
      if (const Vector gap = u.col(i) - u.col(j); gap.norm() > 1e-6)
        columns.emplace_back(gap / gap.norm(), lambda / double(p * (p - 1)));
  std::vector<double> weights(columns.size(), 1.0);
  Matrix y;
  double objective = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < passes; ++pass) {
    Matrix weighted(u.rows(), Eigen::Index(columns.size()));
    for (std::size_t k = 0; k < columns.size(); ++k)
      weighted.col(Eigen::Index(k)) = weights[k] * std::sqrt(columns[k].second) * columns[k].first;
    const Eigen::JacobiSVD<Matrix> svd(weighted, Eigen::ComputeThinU);
    const auto& values = svd.singularValues();
    Eigen::Index rank = 0;
    while (rank < values.size() && values[rank] > 1e-9 * values[0]) ++rank;
    // Not unique, or nearly so: many right answers.
    if (rank > m && values[m - 1] - values[m] < 1e-2 * values[0]) return std::nullopt;
    y = svd.matrixU().leftCols(std::min(m, rank));
    double now = 0.0;
    for (std::size_t k = 0; k < columns.size(); ++k) {
      const double rest = std::max(0.0, 1.0 - (y.transpose() * columns[k].first).squaredNorm());
      weights[k] = 1.0 / std::sqrt(std::sqrt(rest + 1e-7));
      now += columns[k].second * std::sqrt(rest);
    }
    if (std::abs(objective - now - 1e-10) < 1e-9) return std::nullopt;  // stops or not by rounding
    if (objective - now < 1e-10) break;
    objective = now;
  }
  return Vector(y * (y.transpose() * u.rowwise().sum()) / double(m));
}

void compare_flag(int passes, double lambda, double within) {
  std::uint32_t compared = 0;
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    const Case given = random_case(seed, 9);
    const std::optional<Vector> want = flag(given, passes, lambda);
    if (!want) continue;
    ++compared;
    const auto got = of_rule(
        rule_table("flag", {{"iterations", std::int64_t{passes}}, {"lambda", lambda}}), given);
    expect_within(got, *want, within, seed);
  }
  EXPECT_GT(compared, kCases / 2);
}
TEST(Reference, FlagOnePass) { compare_flag(1, 0.0, 1e-5); }
TEST(Reference, FlagThreePasses) { compare_flag(3, 0.0, 1e-4); }
TEST(Reference, FlagWithPairs) { compare_flag(2, 3.0, 1e-4); }

// FoolsGold's weights of the sums of all rows so far.
std::vector<double> foolsgold_weights(const Vectors& sums) {
  const auto n = Eigen::Index(sums.size());
  Matrix cs = Matrix::Zero(n, n);
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j) {
      const Vector &x = sums[std::size_t(i)], &y = sums[std::size_t(j)];
      if (i != j && x.norm() * y.norm() > 0) cs(i, j) = x.dot(y) / (x.norm() * y.norm());
    }
  const Vector v = cs.rowwise().maxCoeff();
  for (Eigen::Index i = 0; i < n; ++i)
    for (Eigen::Index j = 0; j < n; ++j)
      if (v[i] < v[j]) cs(i, j) *= v[i] / v[j];
  Vector w = (1.0 - cs.rowwise().maxCoeff().array()).cwiseMax(0.0).cwiseMin(1.0);
  // Parallel sums have cosine 1 within rounding; whose weight is then 0 or 1e-16 is decided alike.
  w = (w.array() < 1e-9).select(0.0, w);
  const double most = w.maxCoeff();
  std::vector<double> weights;
  for (Eigen::Index i = 0; i < n; ++i) {
    const double share = most == 0.0 ? 0.0 : w[i] >= most ? 0.99 : w[i] / most;
    weights.push_back(share <= 0 ? 0.0 : std::clamp(std::log(share / (1 - share)) + 0.5, 0.0, 1.0));
  }
  return weights;
}

// Some of the rows of a case, those of `arrived`; they must outlive the round.
RoundView round_of_some(const Case& given, const std::vector<std::size_t>& arrived) {
  RoundView round = test_round(given.rows, given.f);
  RoundView some = round;
  some.rows.clear();
  some.senders.clear();
  some.weights.assign(arrived.size(), 1.0 / double(arrived.size()));
  for (const std::size_t i : arrived) {
    some.rows.push_back(round.rows[i]);
    some.senders.push_back(round.senders[i]);
  }
  return some;
}

// Four rounds a case, in which senders come and stay away; who has come keeps its sum.
TEST(Reference, FoolsgoldOverRounds) {
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    RandomStream stream(seed, purpose("rounds of foolsgold"));
    const Case first = random_case(seed, 10);
    auto rule = make_rule(rule_table("foolsgold"));
    Vectors sums(first.rows.size(), Vector::Zero(first.vectors[0].size()));
    for (std::uint32_t t = 0; t < 4; ++t) {
      Case given = t == 0 ? first : moved(first, stream);
      std::vector<std::size_t> arrived;
      for (std::size_t i = 0; i < sums.size(); ++i)
        if (i == 0 || stream.below(5) > 0) arrived.push_back(i);
      Vectors of_arrived;
      for (const std::size_t i : arrived) of_arrived.push_back(sums[i] += given.vectors[i]);
      const std::vector<double> weights = foolsgold_weights(of_arrived);
      Vector want = Vector::Zero(sums[0].size());
      double total = 0.0;
      for (std::size_t k = 0; k < arrived.size(); ++k) {
        want += weights[k] * given.vectors[arrived[k]];
        total += weights[k];
      }
      if (total > 0.0) want /= total;
      expect_within(outcome_of(*rule, round_of_some(given, arrived)).row, want,
                    2e-5 * largest_entry(given), seed, t);
    }
  }
}

// Three rounds a case: each begins at the output of the one before.
TEST(Reference, CentredClippingOverRounds) {
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    RandomStream stream(seed, purpose("rounds of centred clipping"));
    Case given = random_case(seed, 12);
    auto rule =
        make_rule(rule_table("centred_clipping", {{"tau", 0.7}, {"iterations", std::int64_t{2}}}));
    Vector v = Vector::Zero(given.vectors[0].size());
    for (std::uint32_t t = 0; t < 3; ++t, given = moved(given, stream)) {
      v = clipped_about(given.vectors, v, 0.7, 2);
      expect_within(outcome_of(*rule, test_round(given.rows, given.f)).row, v,
                    1e-6 + 2e-5 * largest_entry(given), seed, t);  // v may be of larger rows
    }
  }
}

TEST(Reference, RfaFromItsLastOutput) {
  for (std::uint32_t seed = 0; seed < kCases; ++seed) {
    RandomStream stream(seed, purpose("rounds of rfa"));
    Case given = random_case(seed, 12);
    auto rule = make_rule(rule_table(
        "rfa", {{"iterations", std::int64_t{2}}, {"smoothing", 0.01}, {"warm_start", true}}));
    Vector z = weighted_mean(given.vectors, given.weights);
    for (std::uint32_t t = 0; t < 3; ++t, given = moved(given, stream)) {
      for (int pass = 0; pass < 2; ++pass)
        z = weiszfeld_pass(given.vectors, given.weights, z, 0.01);
      RoundView round = test_round(given.rows, given.f);
      round.weights = given.weights;
      expect_within(outcome_of(*rule, round).row, z, 2e-5 * largest_entry(given), seed, t);
    }
  }
}

}  // namespace
}  // namespace shoal

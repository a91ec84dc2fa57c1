// The bounds of the papers, checked on random rounds: how far liars can push a rule.
//
//   (f, kappa)     Allouah et al. 2023, 2302.01772: for every n - f rows S of n,
//                  ||R(x) - mean_S||^2 <= kappa / |S| sum_S ||x_i - mean_S||^2
//   lemmas         of the geometric median (1802.10116), MDA (2205.12173), SMEA, Zeno (1805.10032)
//   Delta          of trimmed mean and Phocas, 1805.09682
//   alpha, lambda  of nearest-neighbour averaging, MoNNA, 2209.10931
//
// A test also says how near to its bound the worst round came: a bound that nothing comes near
// would not notice a broken rule.
#include <Eigen/Eigenvalues>
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <fmt/format.h>
#include <rapidcheck.h>

#include "shoal/base/random.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using Vector = Eigen::VectorXd;
using Matrix = Eigen::MatrixXd;

// Calls the property on 400 random rounds; RC_PARAMS="seed=... max_success=..." draws others.
void expect_always(const std::string& what, const std::function<void(RandomStream&)>& property) {
  ::setenv("RC_PARAMS", "seed=1 max_success=400", 0);
  EXPECT_TRUE(rc::check(what, [&] {
    RandomStream stream(*rc::gen::inRange<std::uint32_t>(0, 1u << 30), purpose("resilience"));
    property(stream);
  }));
}

Vector vector_of(const std::vector<float>& row) {
  return Eigen::Map<const Eigen::VectorXf>(row.data(), Eigen::Index(row.size())).cast<double>();
}

Matrix columns_of(const TestRows& rows) {
  Matrix columns(Eigen::Index(rows.front().size()), Eigen::Index(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) columns.col(Eigen::Index(i)) = vector_of(rows[i]);
  return columns;
}

// One or two clusters, and f rows together or apart at some distance from them; doubled rows.
TestRows adversarial_rows(RandomStream& stream, std::size_t n, std::size_t f) {
  const std::size_t d = 1 + stream.below(3);
  const float apart = stream.below(2) ? 0.0f : 3.0f * float(stream.uniform());
  const float spread = stream.below(3) == 0 ? 0.0f : 1.0f;
  const float away = std::ldexp(1.0f, int(stream.below(11)) - 2);
  const bool together = stream.below(2) == 0;
  TestRows rows(n, std::vector<float>(d));
  for (std::size_t i = 0; i < n; ++i)
    for (float& value : rows[i])
      value = spread * float(stream.normal()) + (stream.below(2) ? apart : 0.0f);
  for (std::size_t i = 0; i < f; ++i)
    for (std::size_t c = 0; c < d; ++c)
      rows[i][c] = away * (together ? 1.0f : float(stream.normal()));
  for (std::size_t i = 1; i < n; ++i)
    if (stream.below(8) == 0) rows[i] = rows[stream.below(i)];
  return rows;
}

// Every subset of n - f rows: their mean and their covariance.
void for_every_subset(const TestRows& rows, std::size_t f,
                      const std::function<void(const Vector& mean, const Matrix& about)>& body) {
  for (std::uint32_t mask = 0; mask < 1u << rows.size(); ++mask) {
    if (std::size_t(std::popcount(mask)) != rows.size() - f) continue;
    TestRows subset;
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (mask >> i & 1u) subset.push_back(rows[i]);
    const Matrix columns = columns_of(subset);
    const Vector mean = columns.rowwise().mean();
    body(mean, columns.colwise() - mean);
  }
}

struct KappaBound {
  std::string kind;
  double (*kappa)(double n, double f);
};

// Krum's in the paper is 6 (1 + f/(n-2f)) for n - f neighbours, itself among them; of the n-f-1
// that Krum as published counts, n-2f-1 are in S.
const std::vector<KappaBound>& kappa_bounds() {
  static const std::vector<KappaBound> all{
      {"trimmed_mean",
       [](double n, double f) { return 6 * f / (n - 2 * f) * (1 + f / (n - 2 * f)); }},
      {"coordinate_median",
       [](double n, double f) { return 4 * std::pow(1 + f / (n - 2 * f), 2); }},
      {"geometric_median", [](double n, double f) { return 4 * std::pow(1 + f / (n - 2 * f), 2); }},
      {"krum", [](double n, double f) { return 6 * (n - f) / (n - 2 * f - 1); }},
  };
  return all;
}

// The largest share of its bound that a rule used up.
double worst_kappa(const KappaBound& bound, bool after_nnm) {
  const auto rule =
      make_pipeline(pipeline_table(bound.kind, after_nnm ? std::vector<std::string>{"nnm"}
                                                         : std::vector<std::string>{}),
                    "[rule]")
          .value();
  double worst = 0.0;
  expect_always(bound.kind + ": kappa", [&](RandomStream& stream) {
    const std::size_t n = 3 + stream.below(8);
    std::size_t f = stream.below((n + 1) / 2);
    while (!rule->check(n, f).ok()) --f;
    const TestRows rows = adversarial_rows(stream, n, f);
    const Vector out = vector_of(outcome_of(*rule, test_round(rows, f)).row);
    const double own = bound.kappa(double(n), double(f));
    const double kappa = after_nnm ? 8 * double(f) / double(n - f) * (own + 1) : own;
    const double rounding = 1e-9 * columns_of(rows).squaredNorm();
    for_every_subset(rows, f, [&](const Vector& mean, const Matrix& about) {
      const double off = (out - mean).squaredNorm();
      const double most = kappa * about.squaredNorm() / double(n - f);
      RC_ASSERT(off <= most * (1 + 1e-6) + rounding);
      if (most > 1e-3 + rounding * 1e3) worst = std::max(worst, off / most);
    });
  });
  fmt::print("{}{}: {:.3f} of its bound\n", after_nnm ? "nnm, " : "", bound.kind, worst);
  return worst;
}

TEST(Resilience, KappaOfRules) {
  for (const KappaBound& bound : kappa_bounds()) EXPECT_GT(worst_kappa(bound, false), 0.1);
}

TEST(Resilience, KappaAfterNnm) {
  for (const KappaBound& bound : kappa_bounds()) EXPECT_GT(worst_kappa(bound, true), 0.005);
}

// ||MDA - mean_S|| <= 2f/(n-f) times the diameter of S: the f rows of the chosen ones that are not
// in S are no farther than that from one that is in both.
TEST(Resilience, MdaLemma) {
  double worst = 0.0;
  const auto rule = make_rule(rule_table("mda"));
  expect_always("mda", [&](RandomStream& stream) {
    const std::size_t n = 2 + stream.below(7), f = stream.below((n + 1) / 2);
    const TestRows rows = adversarial_rows(stream, n, f);
    const Vector out = vector_of(outcome_of(*rule, test_round(rows, f)).row);
    const double rounding = 1e-5 * columns_of(rows).norm();
    for_every_subset(rows, f, [&](const Vector& mean, const Matrix& about) {
      double diameter = 0.0;
      for (Eigen::Index i = 0; i < about.cols(); ++i)
        for (Eigen::Index j = 0; j < i; ++j)
          diameter = std::max(diameter, (about.col(i) - about.col(j)).norm());
      const double bound = 2 * double(f) / double(n - f) * diameter;
      RC_ASSERT((out - mean).norm() <= bound + rounding);
      if (bound > 1e-3) worst = std::max(worst, ((out - mean).norm() - rounding) / bound);
    });
  });
  EXPECT_GT(worst, 0.2);
}

// ||SMEA - mean_S||^2 <= 4f/(n-2f) times the top eigenvalue of the covariance of S: the mean of the
// rows in both is within sqrt(f/(n-2f)) of either, in units of the wider one's, which is that of S.
TEST(Resilience, SmeaLemma) {
  double worst = 0.0;
  const auto rule = make_rule(rule_table("smea"));
  expect_always("smea", [&](RandomStream& stream) {
    const std::size_t n = 2 + stream.below(6), f = stream.below((n + 1) / 2);
    const TestRows rows = adversarial_rows(stream, n, f);
    const Vector out = vector_of(outcome_of(*rule, test_round(rows, f)).row);
    const double rounding = 1e-9 * columns_of(rows).squaredNorm();
    for_every_subset(rows, f, [&](const Vector& mean, const Matrix& about) {
      const Eigen::SelfAdjointEigenSolver<Matrix> eigen(about * about.transpose() / double(n - f));
      const double top = std::max(0.0, eigen.eigenvalues()[eigen.eigenvalues().size() - 1]);
      const double bound = 4 * double(f) / double(n - 2 * f) * top;
      RC_ASSERT((out - mean).squaredNorm() <= bound * (1 + 1e-6) + rounding);
      if (bound > 1e-3 + rounding * 1e3)
        worst = std::max(worst, (out - mean).squaredNorm() / bound);
    });
  });
  EXPECT_GT(worst, 0.1);
}

// ||GeoMed - c|| <= (1-a)/sqrt(1-2a) max ||x_i - c|| for the mean c of any n - f rows, a = f/n.
TEST(Resilience, GeometricMedianLemma) {
  double worst = 0.0;
  const auto rule = make_rule(rule_table("geometric_median"));
  expect_always("geometric median lemma", [&](RandomStream& stream) {
    const std::size_t n = 1 + stream.below(9), f = stream.below((n + 1) / 2);
    const TestRows rows = adversarial_rows(stream, n, f);
    const Vector out = vector_of(outcome_of(*rule, test_round(rows, f)).row);
    const double a = double(f) / double(n), rounding = 1e-5 * (1 + columns_of(rows).norm());
    for_every_subset(rows, f, [&](const Vector& mean, const Matrix& about) {
      const double bound = (1 - a) / std::sqrt(1 - 2 * a) * about.colwise().norm().maxCoeff();
      RC_ASSERT((out - mean).norm() <= bound + rounding);
      if (bound > 1e-3 + rounding * 1e3) worst = std::max(worst, (out - mean).norm() / bound);
    });
  });
  EXPECT_GT(worst, 0.2);
}

// Half the squared distance to a point that the honest senders make for.
class Bowl : public ValidationLoss {
 public:
  explicit Bowl(Vector bottom) : bottom_(std::move(bottom)) {}
  double before() const override { return bottom_.squaredNorm() / 2; }
  double after(std::span<const float> row) const override {
    return (vector_of({row.begin(), row.end()}) - bottom_).squaredNorm() / 2;
  }
  double score(const std::vector<float>& row, double rho) const {
    return before() - after(row) - rho * vector_of(row).squaredNorm();
  }

 private:
  Vector bottom_;
};

// Zeno keeps m - b rows, b >= q: the k-th best of all scores is no less than the k-th best of the
// honest, so the mean score of those it keeps is no less than that of the honest rows, any m - q.
TEST(Resilience, ZenoKeepsScoresAsGoodAsHonestOnes) {
  expect_always("zeno", [&](RandomStream& stream) {
    const std::size_t n = 2 + stream.below(10), q = stream.below(n);
    const std::size_t trim = q + stream.below(n - q);
    const TestRows rows = adversarial_rows(stream, n, q);
    const Bowl bowl(Vector::Constant(Eigen::Index(rows[0].size()), stream.normal()));
    RoundView round = test_round(rows, q);
    round.validation = &bowl;
    const double rho = 0.05;
    const auto rule = make_rule(rule_table("zeno", {{"rho", rho}, {"trim", std::int64_t(trim)}}));
    const Selection selection = outcome_of(*rule, round).selection;
    double kept = 0.0, size = 1.0;
    for (const std::uint32_t sender : selection.kept)
      kept += bowl.score(rows[sender - 10], rho) / double(n - trim);
    for (const auto& row : rows) size = std::max(size, vector_of(row).squaredNorm());
    for_every_subset(rows, q, [&](const Vector& mean, const Matrix& about) {
      double honest = 0.0;
      for (Eigen::Index i = 0; i < about.cols(); ++i) {
        const Eigen::VectorXf x = (mean + about.col(i)).cast<float>();
        honest += bowl.score({x.begin(), x.end()}, rho) / double(n - q);
      }
      RC_ASSERT(kept >= honest - 1e-5 * size);
    });
  });
}

struct DeltaBound {
  std::string kind;
  double (*delta)(double m, double q, double b);
};

// E||result - g||^2 <= Delta V with q wrong values in every coordinate and b of them trimmed (Xie
// et al. 2018, 1805.09682): every coordinate is a draw of its own, four ways to lie.
TEST(Resilience, DeltaBoundsOfCoordinateRules) {
  const std::vector<DeltaBound> bounds{
      {"trimmed_mean",
       [](double m, double q, double b) { return 2 * (b + 1) * (m - q) / std::pow(m - b - q, 2); }},
      {"phocas", [](double m, double q, double b) {
         return 4 + 12 * (b + 1) * (m - q) / std::pow(m - b - q, 2);
       }}};
  const std::size_t sizes[][3] = {{20, 6, 6}, {20, 6, 8}, {10, 2, 2}, {64, 2, 2}};
  for (const DeltaBound& bound : bounds)
    for (const auto& [m, q, b] : sizes)
      for (const float lie : {1e6f, -1e6f, 2.0f, 0.0f}) {
        RandomStream stream(m, purpose("delta"));
        TestRows rows(m, std::vector<float>(4000));
        for (auto& row : rows)
          for (float& value : row) value = float(stream.normal());
        for (std::size_t c = 0; c < 4000; ++c)
          for (const std::uint32_t liar : stream.sample(m, q)) rows[liar][c] = lie;
        double error = 0.0;
        for (const float value : aggregate_once(rule_table(bound.kind), test_round(rows, b)))
          error += double(value) * double(value) / 4000;
        EXPECT_LE(error, bound.delta(double(m), double(q), double(b)))
            << bound.kind << " " << m << " " << q << " " << b << " " << lie;
      }
}

// What the f liars send one receiver: another row to each of them where they equivocate.
std::vector<float> lie_to(std::size_t way, const Matrix& honest, Eigen::Index receiver) {
  const Vector mean = honest.rowwise().mean(), own = honest.col(receiver);
  const Vector spread =
      ((honest.colwise() - mean).rowwise().squaredNorm() / double(honest.cols())).cwiseSqrt();
  const Vector lies[] = {mean + 1.5 * spread, -mean, own + (own - mean), 2 * mean - own,
                         own + spread * (receiver % 2 ? 1.0 : -1.0)};
  const Eigen::VectorXf row = lies[way].cast<float>();
  return {row.begin(), row.end()};
}

// n = 11 f nodes; each holds its own row, n - 2f - 1 of other honest nodes and f lies, and averages
// the n - 2f nearest. alpha <= 9.88 f/(n-f) is what is left of the honest spread, lambda <=
// 9 f/(n-f) how far their mean has moved, in units of the spread before.
TEST(Resilience, NearestNeighboursReduceTheSpread) {
  double worst_alpha = 0.0, worst_lambda = 0.0;
  const auto rule = make_rule(rule_table("nearest_neighbours"));
  expect_always("alpha and lambda", [&](RandomStream& stream) {
    const std::size_t f = 1 + stream.below(2), n = 11 * f, h = n - f;
    TestRows rows = normal_rows(h, 1 + stream.below(6), stream.bits32());
    const bool clusters = stream.below(2) == 0;
    for (std::size_t i = 0; i < h && clusters; ++i)
      for (float& value : rows[i]) value = 0.1f * value + (i % 2 ? 2.0f : -1.0f);
    const Matrix honest = columns_of(rows);
    const std::size_t way = stream.below(5);
    Matrix after = honest;
    for (std::size_t receiver = 0; receiver < h; ++receiver) {
      TestRows held{rows[receiver]};
      for (const std::uint32_t other : stream.sample(h - 1, n - 2 * f - 1))
        held.push_back(rows[other < receiver ? other : other + 1]);
      for (std::size_t liar = 0; liar < f; ++liar)
        held.push_back(lie_to(way, honest, Eigen::Index(receiver)));
      RoundView round = test_round(held, f);
      round.trusted = held.front();
      round.receiver = round.senders.front();
      after.col(Eigen::Index(receiver)) = vector_of(outcome_of(*rule, round).row);
    }
    const Vector mean = honest.rowwise().mean(), moved = after.rowwise().mean();
    const double before = (honest.colwise() - mean).squaredNorm() / double(h);
    const double alpha = (after.colwise() - moved).squaredNorm() / double(h) / before;
    const double lambda = (moved - mean).squaredNorm() / before;
    RC_ASSERT(alpha <= 9.88 * double(f) / double(h));
    RC_ASSERT(lambda <= 9.0 * double(f) / double(h));
    worst_alpha = std::max(worst_alpha, alpha);
    worst_lambda = std::max(worst_lambda, lambda);
  });
  EXPECT_GT(worst_alpha, 0.05);
  EXPECT_GT(worst_lambda, 0.01);
  fmt::print("alpha up to {:.3f}, lambda up to {:.3f}\n", worst_alpha, worst_lambda);
}

}  // namespace
}  // namespace shoal

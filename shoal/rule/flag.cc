#include "shoal/rule/flag.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/math/mix.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;
using Eigen::Index;

constexpr double kRankFloor = 1e-12;  // of the largest eigenvalue
constexpr double kPairFloor = 1e-12;  // of squared distances between directions

// The directions in an orthonormal basis of their span.
struct Directions {
  Matrix coordinates;  // rank x p, column i is u_i
  Matrix inverse;      // p x rank: a vector with coordinates z is sum_i (inverse z)_i u_i
};

// From K = V L V', with the basis U V L^(-1/2).
Directions directions_of(const Matrix& products) {
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(products);
  const Vector& values = eigen.eigenvalues();
  Index rank = 0;
  for (Index k = 0; k < values.size(); ++k)
    rank += values[k] > kRankFloor * values[values.size() - 1];
  const Matrix v = eigen.eigenvectors().rightCols(rank);
  const Vector roots = values.tail(rank).cwiseSqrt();
  return {roots.asDiagonal() * v.transpose(), v * roots.cwiseInverse().asDiagonal()};
}

// What the weights and the objective need of one subspace: 1 - rho of every row and of every pair.
struct Misfit {
  Vector rows;
  Matrix pairs;  // 0 where a pair is left out
};

Misfit misfit_of(const Matrix& coordinates, const Matrix& basis, bool with_pairs) {
  const Matrix inside = basis.transpose() * coordinates;
  const Index p = coordinates.cols();
  Misfit misfit{Vector(p), Matrix::Zero(p, p)};
  for (Index i = 0; i < p; ++i) misfit.rows[i] = std::max(0.0, 1.0 - inside.col(i).squaredNorm());
  if (!with_pairs) return misfit;
  for (Index i = 0; i < p; ++i)
    for (Index j = 0; j < i; ++j) {
      const double distance = (coordinates.col(i) - coordinates.col(j)).squaredNorm();
      if (distance < kPairFloor) continue;
      const double ratio = (inside.col(i) - inside.col(j)).squaredNorm() / distance;
      misfit.pairs(i, j) = misfit.pairs(j, i) = std::max(0.0, 1.0 - ratio);
    }
  return misfit;
}

// The weighted scatter is R M R' with R the coordinates and M = diag(w) + the Laplacian of the
// pairs' weights over their squared distances. Without a misfit all weights are 1.
Matrix scatter_weights(const Matrix& coordinates, const Misfit* misfit, double pair_weight,
                       double floor) {
  const auto weight = [floor](double rest) { return 1.0 / std::sqrt(rest + floor); };
  const Index p = coordinates.cols();
  Matrix m = Matrix::Zero(p, p);
  for (Index i = 0; i < p; ++i) m(i, i) = misfit ? weight(misfit->rows[i]) : 1.0;
  if (pair_weight == 0.0) return m;
  for (Index i = 0; i < p; ++i)
    for (Index j = 0; j < i; ++j) {
      const double distance = (coordinates.col(i) - coordinates.col(j)).squaredNorm();
      if (distance < kPairFloor) continue;
      const double w = pair_weight * (misfit ? weight(misfit->pairs(i, j)) : 1.0) / distance;
      m(i, i) += w;
      m(j, j) += w;
      m(i, j) -= w;
      m(j, i) -= w;
    }
  return m;
}

// Coefficients c of Y Y' sum u_i = sum c_i u_i.
Vector project_sum(const Matrix& products, Index m, const FlagSettings& settings) {
  const Directions directions = directions_of(products);
  const Matrix& r = directions.coordinates;
  const double p = static_cast<double>(r.cols());
  const double pair_weight = r.cols() > 1 ? 2.0 * settings.lambda / (p * (p - 1.0)) : 0.0;
  const Vector sum = r.rowwise().sum();
  Matrix basis;
  Misfit misfit;
  double objective = std::numeric_limits<double>::infinity();
  for (std::int64_t pass = 0; pass < settings.iterations; ++pass) {
    const Matrix weights =
        scatter_weights(r, pass > 0 ? &misfit : nullptr, pair_weight, settings.floor);
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(r * weights * r.transpose());
    basis = eigen.eigenvectors().rightCols(std::min(m, r.rows()));
    if (pass + 1 == settings.iterations) break;
    misfit = misfit_of(r, basis, pair_weight > 0.0);
    const double before = objective;
    objective = misfit.rows.cwiseSqrt().sum() + pair_weight / 2.0 * misfit.pairs.cwiseSqrt().sum();
    if (before - objective < settings.tolerance) break;
  }
  return directions.inverse * (basis * (basis.transpose() * sum));
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[(values.size() - 1) / 2] + values[values.size() / 2]) / 2;
}

double mean(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

class Flag : public Rule {
 public:
  explicit Flag(const FlagSettings& settings) : settings_(settings) {}

  Status check(std::size_t n, std::size_t f) const override {
    SHOAL_TRY_STATUS(check_majority("flag", n, f));
    if (settings_.subspace <= static_cast<std::int64_t>(n)) return ok_status();
    return invalid_argument(
        fmt::format("flag needs subspace <= n, and subspace is {} and {} rows arrived; 0 takes "
                    "half of the rows and one",
                    settings_.subspace, n));
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    const PairMatrix& gram = statistics->gram();
    Selection selection;
    std::vector<std::size_t> kept;
    std::vector<double> norms;
    for (std::size_t i = 0; i < round.size(); ++i) {
      if (gram.at(i, i) == 0.0) continue;
      kept.push_back(i);
      norms.push_back(std::sqrt(gram.at(i, i)));
      selection.kept.push_back(round.senders[i]);
    }
    std::vector<double> weights(round.size(), 0.0);
    if (!kept.empty()) {
      const Matrix products = normalised(gram, kept, norms);
      const Index m = subspace(kept.size());
      const Vector c = project_sum(products, m, settings_);
      const double scale = scale_of(products, c, static_cast<double>(m), norms);
      for (std::size_t k = 0; k < kept.size(); ++k)
        weights[kept[k]] = scale * c[static_cast<Index>(k)] / norms[k];
    }
    mix_rows(round.rows, weights, out, round.pool);
    return selection;
  }

 private:
  static Matrix normalised(const PairMatrix& gram, const std::vector<std::size_t>& kept,
                           const std::vector<double>& norms) {
    const auto p = static_cast<Index>(kept.size());
    Matrix products(p, p);
    for (std::size_t k = 0; k < kept.size(); ++k)
      for (std::size_t l = 0; l < kept.size(); ++l)
        products(static_cast<Index>(k), static_cast<Index>(l)) =
            gram.at(kept[k], kept[l]) / norms[k] / norms[l];
    return products;
  }

  Index subspace(std::size_t p) const {
    const std::int64_t half = (static_cast<std::int64_t>(p) + 2) / 2;  // ceil((p + 1) / 2)
    const std::int64_t wanted = settings_.subspace == 0 ? half : settings_.subspace;
    return static_cast<Index>(std::min(wanted, static_cast<std::int64_t>(p)));
  }

  double scale_of(const Matrix& products, const Vector& c, double m,
                  const std::vector<double>& norms) const {
    if (settings_.scale == FlagScale::kOneOverM) return 1.0 / m;
    if (settings_.scale == FlagScale::kOneOverP) return 1.0 / static_cast<double>(norms.size());
    const double norm = std::sqrt(std::max(0.0, c.dot(products * c)));
    if (norm == 0.0) return 0.0;
    return (settings_.scale == FlagScale::kMeanNorm ? mean(norms) : median(norms)) / norm;
  }

  FlagSettings settings_;
};

Result<std::unique_ptr<Rule>> make_flag(const FlagSettings& settings) {
  return {std::make_unique<Flag>(settings)};
}

}  // namespace

void describe(Settings& s, FlagSettings& v) {
  s.integer("subspace", v.subspace, "dimension m of the subspace; 0 takes ceil((n + 1) / 2)",
            {.range = at_least(0)});
  s.integer("iterations", v.iterations, "reweighted passes at most; 1 is the principal subspace",
            {.range = at_least(1).up_to(1e6)});
  s.real("lambda", v.lambda, "weight of the pairwise differences", {.range = at_least(0)});
  s.real("floor", v.floor, "added to 1 - rho before it weighs a row", {.range = above(0)});
  s.real("tolerance", v.tolerance, "stop when a pass lowers the objective by less",
         {.range = at_least(0)});
  s.choice(
      "scale", v.scale,
      "what the projected sum of unit vectors is multiplied by: 1/m, 1/n, or what gives it the "
      "mean norm of the rows (a liar's norm counts) or their median norm",
      {{"one_over_m", FlagScale::kOneOverM},
       {"one_over_p", FlagScale::kOneOverP},
       {"mean_norm", FlagScale::kMeanNorm},
       {"median_norm", FlagScale::kMedianNorm}});
}

CatalogueEntry<Rule> flag_entry() {
  return catalogue_entry<Rule, FlagSettings>(
      "flag", "the sum of unit rows projected on the subspace that fits them best; n > 2f",
      "2302.05865", &make_flag);
}

}  // namespace shoal

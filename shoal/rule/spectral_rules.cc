#include "shoal/rule/spectral_rules.h"

#include <Eigen/Eigenvalues>
#include <fmt/format.h>
#include <limits>
#include <numeric>

#include "shoal/math/mix.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

Matrix matrix_of(const PairMatrix& pairs) {
  const auto n = static_cast<Eigen::Index>(pairs.n);
  return Eigen::Map<const Matrix>(pairs.values.data(), n, n);
}

// Inner products about the mean with weights b that sum to 1.
Matrix centred(const Matrix& gram, const Vector& b) {
  const Vector with_mean = gram * b;
  const double squared_norm = b.dot(with_mean);
  return (gram.colwise() - with_mean).rowwise() - with_mean.transpose() +
         Matrix::Constant(gram.rows(), gram.cols(), squared_norm);
}

// Row coefficients to the aggregate, and whose are above 0.
Selection combine(const RoundView& round, const Vector& b, std::span<float> out) {
  mix_rows(round.rows, std::span<const double>(b.data(), round.size()), out, round.pool);
  Selection selection;
  for (std::size_t i = 0; i < round.size(); ++i)
    if (b[static_cast<Eigen::Index>(i)] > 0) selection.kept.push_back(round.senders[i]);
  return selection;
}

// Of two rows equally far out, rounding would leave one a trace of weight and a say in max t.
constexpr double kGone = 1e-9;

// The coefficients of CAF's result.
Vector caf_coefficients(const Matrix& gram, std::size_t f) {
  const auto n = static_cast<double>(gram.rows());
  Vector c = Vector::Ones(gram.rows()), best;
  double least = std::numeric_limits<double>::infinity();
  do {
    const Vector b = c / c.sum();
    const Vector root = b.cwiseSqrt();
    const Matrix about_mean = centred(gram, b);
    // The covariance sum b_i (x_i - mu)(x_i - mu)' has the eigenvalues of this matrix, and its top
    // eigenvector is along sum root_i w_i (x_i - mu).
    const Eigen::SelfAdjointEigenSolver<Matrix> eigen(root.asDiagonal() * about_mean *
                                                      root.asDiagonal());
    const Eigen::Index top = gram.rows() - 1;
    if (eigen.eigenvalues()[top] < least) {
      least = eigen.eigenvalues()[top];
      best = b;
    }
    Vector t = (about_mean * root.cwiseProduct(eigen.eigenvectors().col(top))).cwiseAbs2();
    t = (c.array() > 0.0).select(t, 0.0);
    if (!(t.maxCoeff() > 0.0)) break;  // the rows that are left are one
    c = c.cwiseProduct(Vector::Ones(c.size()) - t / t.maxCoeff());
    c = (c.array() < kGone).select(0.0, c);
  } while (c.sum() > n - 2.0 * static_cast<double>(f));
  return best;
}

class Caf : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override { return check_majority("caf", n, f); }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    return combine(round, caf_coefficients(matrix_of(statistics->gram()), round.declared_faults),
                   out);
  }
};

// The next k of n in lexicographic order; false after the last.
bool next_subset(std::vector<Eigen::Index>& subset, Eigen::Index n) {
  const auto k = static_cast<Eigen::Index>(subset.size());
  Eigen::Index at = k;
  while (at > 0 && subset[static_cast<std::size_t>(at - 1)] == n - k + at - 1) --at;
  if (at == 0) return false;
  Eigen::Index value = ++subset[static_cast<std::size_t>(at - 1)];
  for (; at < k; ++at) subset[static_cast<std::size_t>(at)] = ++value;
  return true;
}

// The top eigenvalue of the covariance of rows with these inner products.
double top_eigenvalue(const Matrix& gram) {
  const Vector equal = Vector::Constant(gram.rows(), 1.0 / static_cast<double>(gram.rows()));
  const Eigen::SelfAdjointEigenSolver<Matrix> eigen(centred(gram, equal), Eigen::EigenvaluesOnly);
  return eigen.eigenvalues()[gram.rows() - 1] / static_cast<double>(gram.rows());
}

double subsets(std::size_t n, std::size_t f) {
  double count = 1.0;
  for (std::size_t i = 1; i <= f; ++i)
    count = count * static_cast<double>(n - f + i) / static_cast<double>(i);
  return count;
}

class Smea : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    SHOAL_TRY_STATUS(check_majority("smea", n, f));
    if (n <= kSmeaRowsMax) return ok_status();
    return limit_exceeded(
        fmt::format("smea tries all C(n, f) = C({}, {}) = {:.6g} subsets and takes n <= {} rows; "
                    "use caf, or mda where rows are few",
                    n, f, subsets(n, f), kSmeaRowsMax));
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    const Matrix gram = matrix_of(statistics->gram());
    const std::size_t keep = round.size() - round.declared_faults;
    std::vector<Eigen::Index> subset(keep), best;
    std::iota(subset.begin(), subset.end(), 0);
    double least = std::numeric_limits<double>::infinity();
    do {
      const double top = top_eigenvalue(gram(subset, subset));
      if (top >= least) continue;
      least = top;
      best = subset;
    } while (next_subset(subset, gram.rows()));
    Vector b = Vector::Zero(gram.rows());
    for (const Eigen::Index i : best) b[i] = 1.0 / static_cast<double>(keep);
    return combine(round, b, out);
  }
};

template <class T>
Result<std::unique_ptr<Rule>> make(const NoSettings&) {
  return {std::make_unique<T>()};
}

}  // namespace

CatalogueEntry<Rule> caf_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "caf", "the mean after rows lose weight along the widest direction; n > 2f", "byzfl, CAF",
      &make<Caf>);
}

CatalogueEntry<Rule> smea_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "smea", "the mean of the n-f rows whose widest direction is narrowest; n > 2f, n <= 15",
      "2302.04787", &make<Smea>);
}

}  // namespace shoal

#include "shoal/graph/spectrum.h"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace shoal {
namespace {

constexpr double kD2Bound = -1.0 / 3.0;
constexpr double kD2Tolerance = 1e-9;

Eigen::MatrixXd dense(const MixingMatrix& w) {
  const auto n = static_cast<Eigen::Index>(w.size());
  Eigen::MatrixXd matrix = Eigen::MatrixXd::Zero(n, n);
  for (NodeId i = 0; i < w.size(); ++i) {
    matrix(i, i) = w.own[i];
    for (const MixingMatrix::Weight& entry : w.rows[i]) matrix(i, entry.node) = entry.weight;
  }
  return matrix;
}

// No eigenvalue of a symmetric matrix lies below this (Gershgorin's discs).
double gershgorin_lower_bound(const MixingMatrix& w) {
  double bound = 1.0;
  for (NodeId i = 0; i < w.size(); ++i) {
    double radius = 0.0;
    for (const MixingMatrix::Weight& entry : w.rows[i]) radius += std::abs(entry.weight);
    bound = std::min(bound, w.own[i] - radius);
  }
  return bound;
}

}  // namespace

Result<Spectrum> spectrum(const MixingMatrix& w) {
  if (w.size() == 0) return invalid_argument("a mixing matrix needs at least one node");
  if (w.size() > kMaxSpectrumNodes)
    return limit_exceeded(
        fmt::format("eigenvalues are computed for at most {} nodes and the {} "
                    "has more",
                    kMaxSpectrumNodes, w.topology));
  Spectrum result;
  result.symmetric = is_symmetric(w);
  if (result.symmetric) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(dense(w), Eigen::EigenvaluesOnly);
    SHOAL_CHECK(solver.info() == Eigen::Success, "a symmetric matrix has eigenvalues");
    const Eigen::VectorXd& values = solver.eigenvalues();
    result.eigenvalues.assign(values.begin(), values.end());
  } else {
    const Eigen::EigenSolver<Eigen::MatrixXd> solver(dense(w), /*computeEigenvectors=*/false);
    if (solver.info() != Eigen::Success)
      return invalid_argument(fmt::format("the eigenvalues of the {} do not converge", w.topology));
    for (const auto& value : solver.eigenvalues()) result.eigenvalues.push_back(std::abs(value));
  }
  std::sort(result.eigenvalues.begin(), result.eigenvalues.end(), std::greater<>());
  result.smallest = result.eigenvalues.back();
  if (w.size() > 1)
    result.second_modulus =
        std::max(std::abs(result.eigenvalues[1]), std::abs(result.eigenvalues.back()));
  result.gap = 1.0 - result.second_modulus;
  return result;
}

Status check_d2(const MixingMatrix& w) {
  if (!is_symmetric(w))
    return invalid_argument(
        fmt::format("D2 needs a symmetric mixing matrix and this {} has none; "
                    "use an undirected topology with mixing kind = "
                    "\"metropolis_hastings\"",
                    w.topology));
  if (gershgorin_lower_bound(w) > kD2Bound + kD2Tolerance) return ok_status();
  if (w.size() > kMaxSpectrumNodes)
    return invalid_argument(
        fmt::format("D2 needs lambda_min > -1/3, which is not computed for "
                    "more than {} nodes; set mixing lazy = true",
                    kMaxSpectrumNodes));
  SHOAL_TRY(const Spectrum eigen, spectrum(w));
  if (eigen.smallest > kD2Bound + kD2Tolerance) return ok_status();
  return invalid_argument(
      fmt::format("D2 needs lambda_min > -1/3 and this {} has {:.6f}; set "
                  "mixing lazy = true",
                  w.topology, eigen.smallest));
}

}  // namespace shoal

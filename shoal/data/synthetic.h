// Problems made from a seed: quadratics, planted logistic regression, Synthetic(a, b), FCUBE.
//
// Quadratics are data sets with one row a node (users[i] = i, so the partition `users` gives node i
// its function) of f_i(x) = 1/2 (x - a)' H (x - a):
//
//   row = [a (d values), H (d * d values, row-major, symmetric)],  classes = 0, targets = 0
//
// with test = train, as nothing is to be held out. d is found from the row: features = d + d*d.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/data/dataset.h"

namespace shoal {

// d of a set of quadratics, or an error when the rows have no such form.
Result<std::size_t> quadratic_dimension(const Dataset& data);
// The parts of a row.
inline std::span<const float> quadratic_centre(std::span<const float> row, std::size_t dimension) {
  return row.first(dimension);
}
inline std::span<const float> quadratic_hessian(std::span<const float> row, std::size_t dimension) {
  return row.subspan(dimension);
}
// The minimiser of the mean of all rows, in double, of the float32 rows as they stand.
Result<std::vector<double>> quadratic_optimum(const Dataset& data);
// Mean over rows of ||grad f_i(x)||^2 at x; at the optimum this is zeta^2.
double quadratic_gradient_spread(const Dataset& data, std::span<const double> x);

// Random heterogeneous quadratics of the RelaySum paper (arXiv 2110.04175, code epfml/relaysgd,
// random_quadratics.py): H_i = V_i S^2 V_i' with V_i a random rotation. The paper's mu and L bound
// the singular values S of A_i in f_i = 1/2 ||A_i x - b_i||^2, evenly spaced, so its mu = 0.5, L =
// 1 are Hessian eigenvalues from 0.25 to 1; here the eigenvalues of H are set. The own minima are
// drawn normal, moved so that the mean's optimum is 0, scaled so that mean ||grad f_i(x*)||^2 =
// zeta_squared (it is quadratic in the scale: no search), then moved to a random x* at distance
// start_distance from 0.
struct RandomQuadraticsSettings {
  std::int64_t nodes = 16;
  std::int64_t dimension = 10;
  double curvature_min = 0.25;
  double curvature_max = 1.0;
  double zeta_squared = 1.0;
  double start_distance = 1.0;
};
void describe(Settings& settings, RandomQuadraticsSettings& values);
Result<Dataset> make_random_quadratics(const RandomQuadraticsSettings& settings,
                                       std::uint64_t seed);

// One-dimensional quadratics, curvature U(curvature_min, curvature_max), centre N(0, 1): claim 1
// of the field guide's objective inconsistency (arXiv 2107.06917).
struct ScalarQuadraticsSettings {
  std::int64_t nodes = 20;
  double curvature_min = 0.5;
  double curvature_max = 5.0;
};
void describe(Settings& settings, ScalarQuadraticsSettings& values);
Result<Dataset> make_scalar_quadratics(const ScalarQuadraticsSettings& settings,
                                       std::uint64_t seed);

// One diagonal Hessian for all nodes, a minimum for each (diagonal_quadratics.cc).
enum class CurvatureSpacing { kGeometric, kLinear };
struct DiagonalQuadraticsSettings {
  std::int64_t nodes = 8;
  std::int64_t dimension = 40;
  CurvatureSpacing spacing = CurvatureSpacing::kGeometric;
  double curvature_min = 0.02;
  double curvature_max = 1.0;
  double heterogeneity = 1.0;
};
void describe(Settings& settings, DiagonalQuadraticsSettings& values);
// The diagonal of the Hessian, increasing.
std::vector<double> diagonal_curvatures(const DiagonalQuadraticsSettings& settings);
Result<Dataset> make_diagonal_quadratics(const DiagonalQuadraticsSettings& settings,
                                         std::uint64_t seed);

// The least-squares family of EControl (arXiv 2311.05645), i = 1..nodes: f_i(x) = 1/2 ||a_i x -
// b_i||^2 with a_i = i / sqrt(nodes) and b_i ~ N(0, zeta^2 / i^2) in every coordinate, less its
// constant. zeta = 0: all functions have their minimum at 0.
struct ScaledQuadraticsSettings {
  std::int64_t nodes = 5;
  std::int64_t dimension = 100;
  double zeta = 1.0;
};
void describe(Settings& settings, ScaledQuadraticsSettings& values);
Result<Dataset> make_scaled_quadratics(const ScaledQuadraticsSettings& settings,
                                       std::uint64_t seed);

// One Hessian and differing linear terms (arXiv 2009.02388): grad f_i(x) = H x + c_i with H
// diagonal, evenly spaced from curvature_min to curvature_max, sum c_i = 0 and mean ||c_i||^2 =
// zeta^2. The optimum is 0 up to the rounding of c_i / H to float32 (quadratic_optimum knows).
struct ShiftedQuadraticsSettings {
  std::int64_t nodes = 10;
  std::int64_t dimension = 50;
  double curvature_min = 0.1;
  double curvature_max = 1.0;
  double zeta = 1.0;
};
void describe(Settings& settings, ShiftedQuadraticsSettings& values);
Result<Dataset> make_shifted_quadratics(const ShiftedQuadraticsSettings& settings,
                                        std::uint64_t seed);

// Rows x ~ N(0, I), a planted w ~ N(0, I) scaled to norm `margin`; label 1 with probability
// 1 / (1 + exp(-w'x)), flipped with probability flip.
struct SyntheticLogisticSettings {
  std::int64_t rows = 2000;
  std::int64_t features = 20;
  double margin = 4.0;
  double flip = 0.0;
  double test_fraction = 0.2;
};
void describe(Settings& settings, SyntheticLogisticSettings& values);

struct SyntheticLogistic {
  Dataset data;
  std::vector<double> planted;  // w
};
Result<SyntheticLogistic> make_synthetic_logistic(const SyntheticLogisticSettings& settings,
                                                  std::uint64_t seed);

// Synthetic(a, b) of FedProx (arXiv 1812.06127): user i has sizes floor(lognormal(4, 2)) + 50;
// u_i ~ N(0, a), B_i ~ N(0, b), W_i (60 x 10) and c_i ~ N(u_i, 1), v_i ~ N(B_i, 1) per feature,
// x ~ N(v_i, diag(j^-1.2)), y = argmax(W_i' x + c_i). The IID version shares W, c and v = 0.
// a and b are read as standard deviations (FedProx's code) or variances (its text): `spread` says.
struct SyntheticAbSettings {
  enum class Spread { kDeviation, kVariance };
  std::int64_t users = 30;
  double a = 1.0;
  double b = 1.0;
  Spread spread = Spread::kVariance;
  bool iid = false;
  std::int64_t features = 60;
  std::int64_t classes = 10;
  std::int64_t max_rows = 0;
  double test_fraction = 0.1;
};
void describe(Settings& settings, SyntheticAbSettings& values);
Result<Dataset> make_synthetic_ab(const SyntheticAbSettings& settings, std::uint64_t seed);

// FCUBE of NIID-Bench (arXiv 2102.02079): points uniform in the cube [-1, 1]^3, label 1 where
// x1 > 0. The partition `fcube` splits it by octants.
struct FcubeSettings {
  std::int64_t train_rows = 4000;
  std::int64_t test_rows = 1000;
};
void describe(Settings& settings, FcubeSettings& values);

}  // namespace shoal

// Quadratic problems: the row format and the two generators of synthetic.h.
#include <Eigen/Dense>
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/check.h"
#include "shoal/base/random.h"
#include "shoal/data/file_source.h"
#include "shoal/data/source_entries.h"
#include "shoal/data/synthetic.h"

namespace shoal {
namespace {

constexpr std::int64_t kMaxDimension = 4096;
constexpr std::int64_t kMaxNodes = 1 << 20;

using Matrix = Eigen::MatrixXd;
using Vector = Eigen::VectorXd;

// A rotation drawn uniformly: the orthonormal columns of a normal matrix, by modified Gram-Schmidt,
// so that the bits depend on plain loops only.
Matrix random_rotation(std::size_t d, RandomStream& stream) {
  Matrix q(d, d);
  for (std::size_t column = 0; column < d; ++column) {
    for (std::size_t row = 0; row < d; ++row) q(row, column) = stream.normal();
    for (int pass = 0; pass < 2; ++pass)
      for (std::size_t other = 0; other < column; ++other) {
        double product = 0.0;
        for (std::size_t row = 0; row < d; ++row) product += q(row, column) * q(row, other);
        for (std::size_t row = 0; row < d; ++row) q(row, column) -= product * q(row, other);
      }
    double square = 0.0;
    for (std::size_t row = 0; row < d; ++row) square += q(row, column) * q(row, column);
    for (std::size_t row = 0; row < d; ++row) q(row, column) /= std::sqrt(square);
  }
  return q;
}

// V diag(eigenvalues) V' with eigenvalues whose roots are evenly spaced.
Matrix random_hessian(std::size_t d, double smallest, double largest, RandomStream& stream) {
  const Matrix v = random_rotation(d, stream);
  Matrix h = Matrix::Zero(d, d);
  for (std::size_t k = 0; k < d; ++k) {
    const double place = d == 1 ? 1.0 : static_cast<double>(k) / static_cast<double>(d - 1);
    const double root = std::sqrt(smallest) + place * (std::sqrt(largest) - std::sqrt(smallest));
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j <= i; ++j) h(i, j) += root * root * v(i, k) * v(j, k);
  }
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = i + 1; j < d; ++j) h(i, j) = h(j, i);
  return h;
}

// The minimiser of the mean, by Gauss elimination with a Cholesky factor in plain loops (see
// above).
Vector solve_mean(const std::vector<Matrix>& hessians, const std::vector<Vector>& centres) {
  const auto d = static_cast<std::size_t>(centres[0].size());
  Matrix total = Matrix::Zero(d, d);
  Vector right = Vector::Zero(d);
  for (std::size_t n = 0; n < hessians.size(); ++n)
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) {
        total(i, j) += hessians[n](i, j);
        right(i) += hessians[n](i, j) * centres[n](j);
      }
  for (std::size_t i = 0; i < d; ++i)  // total = L L', in place below the diagonal
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = total(i, j);
      for (std::size_t k = 0; k < j; ++k) sum -= total(i, k) * total(j, k);
      total(i, j) = i == j ? std::sqrt(sum) : sum / total(j, j);
    }
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t k = 0; k < i; ++k) right(i) -= total(i, k) * right(k);
    right(i) /= total(i, i);
  }
  for (std::size_t i = d; i-- > 0;) {
    for (std::size_t k = i + 1; k < d; ++k) right(i) -= total(k, i) * right(k);
    right(i) /= total(i, i);
  }
  return right;
}

double squared_gradient(const Matrix& hessian, const Vector& away) {
  double square = 0.0;
  for (Eigen::Index i = 0; i < away.size(); ++i) {
    double g = 0.0;
    for (Eigen::Index j = 0; j < away.size(); ++j) g += hessian(i, j) * away(j);
    square += g * g;
  }
  return square;
}

Dataset quadratic_rows(const std::string& name, const std::vector<Matrix>& hessians,
                       const std::vector<Vector>& centres) {
  Dataset data;
  const auto d = static_cast<std::size_t>(centres[0].size());
  data.name = name;
  data.rows = hessians.size();
  data.features = d + d * d;
  data.shape = {static_cast<std::uint32_t>(data.features)};
  data.x.reserve(data.rows * data.features);
  for (std::size_t n = 0; n < data.rows; ++n) {
    for (std::size_t i = 0; i < d; ++i) data.x.push_back(static_cast<float>(centres[n](i)));
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) data.x.push_back(static_cast<float>(hessians[n](i, j)));
    data.users.push_back(static_cast<std::uint32_t>(n));
  }
  data.targets.assign(data.rows, 0.0f);
  return data;
}

struct Quadratics {
  std::vector<Matrix> hessians;
  std::vector<Vector> centres;
};

Quadratics parts(const Dataset& data, std::size_t d) {
  Quadratics out;
  for (std::size_t n = 0; n < data.rows; ++n) {
    const auto a = quadratic_centre(data.row(n), d);
    const auto h = quadratic_hessian(data.row(n), d);
    Vector centre(d);
    Matrix hessian(d, d);
    for (std::size_t i = 0; i < d; ++i) {
      centre(i) = a[i];
      for (std::size_t j = 0; j < d; ++j) hessian(i, j) = h[i * d + j];
    }
    out.hessians.push_back(std::move(hessian));
    out.centres.push_back(std::move(centre));
  }
  return out;
}

template <class S, Result<Dataset> (*kMake)(const S&, std::uint64_t)>
class QuadraticSource : public DataSource {
 public:
  explicit QuadraticSource(const S& settings) : settings_(settings) {}
  Result<TaskData> load(std::uint64_t seed) const override {
    SHOAL_TRY(Dataset data, kMake(settings_, seed));
    const auto rows = std::make_shared<const Dataset>(std::move(data));
    return TaskData{rows, rows};
  }

 private:
  S settings_;
};

template <class S, Result<Dataset> (*kMake)(const S&, std::uint64_t)>
Result<std::unique_ptr<DataSource>> make_source(const S& settings) {
  if constexpr (requires { settings.curvature_min; }) {
    if (settings.curvature_min > settings.curvature_max)
      return invalid_argument(fmt::format("curvature_min {} is above curvature_max {}",
                                          settings.curvature_min, settings.curvature_max));
  }
  return std::unique_ptr<DataSource>(std::make_unique<QuadraticSource<S, kMake>>(settings));
}

}  // namespace

Result<std::size_t> quadratic_dimension(const Dataset& data) {
  const auto d = static_cast<std::size_t>((std::sqrt(1.0 + 4.0 * data.features) - 1.0) / 2.0 + 0.5);
  if (data.classes != 0 || data.rows == 0 || d == 0 || d + d * d != data.features)
    return invalid_argument(
        fmt::format("{}: rows of {} features hold no quadratics; use "
                    "random_quadratics or scalar_quadratics",
                    data.name, data.features));
  return d;
}

Result<std::vector<double>> quadratic_optimum(const Dataset& data) {
  SHOAL_TRY(const std::size_t d, quadratic_dimension(data));
  const Quadratics all = parts(data, d);
  const Vector optimum = solve_mean(all.hessians, all.centres);
  return std::vector<double>(optimum.data(), optimum.data() + d);
}

double quadratic_gradient_spread(const Dataset& data, std::span<const double> x) {
  const Quadratics all = parts(data, x.size());
  const Eigen::Map<const Vector> at(x.data(), static_cast<Eigen::Index>(x.size()));
  double total = 0.0;
  for (std::size_t n = 0; n < data.rows; ++n)
    total += squared_gradient(all.hessians[n], at - all.centres[n]);
  return total / static_cast<double>(data.rows);
}

void describe(Settings& settings, RandomQuadraticsSettings& values) {
  settings.integer("nodes", values.nodes, "functions, one a node",
                   {.range = at_least(1).up_to(kMaxNodes)});
  settings.integer("dimension", values.dimension, "length of x",
                   {.range = at_least(1).up_to(kMaxDimension)});
  settings.real("curvature_min", values.curvature_min, "smallest eigenvalue of every Hessian",
                {.range = above(0), .paper = "2110.04175: mu^2"});
  settings.real("curvature_max", values.curvature_max, "largest eigenvalue of every Hessian",
                {.range = above(0), .paper = "2110.04175: L^2"});
  settings.real("zeta_squared", values.zeta_squared,
                "heterogeneity: mean squared norm of the gradients at the common optimum",
                {.range = at_least(0), .paper = "2110.04175"});
  settings.real("start_distance", values.start_distance, "norm of the common optimum",
                {.range = at_least(0), .paper = "2110.04175: r0"});
}

Result<Dataset> make_random_quadratics(const RandomQuadraticsSettings& settings,
                                       std::uint64_t seed) {
  const auto nodes = static_cast<std::size_t>(settings.nodes);
  const auto d = static_cast<std::size_t>(settings.dimension);
  if (nodes == 1 && settings.zeta_squared > 0.0)
    return invalid_argument("one function has no heterogeneity: set zeta_squared = 0");
  std::vector<Matrix> hessians;
  std::vector<Vector> centres;
  for (std::size_t n = 0; n < nodes; ++n) {
    RandomStream stream(seed, purpose("random quadratics"), static_cast<std::uint32_t>(n));
    hessians.push_back(random_hessian(d, settings.curvature_min, settings.curvature_max, stream));
    Vector centre(d);
    for (std::size_t i = 0; i < d; ++i) centre(i) = stream.normal();
    centres.push_back(std::move(centre));
  }
  const Vector mean = solve_mean(hessians, centres);
  double spread = 0.0;
  for (std::size_t n = 0; n < nodes; ++n) {
    centres[n] -= mean;
    spread += squared_gradient(hessians[n], centres[n]) / static_cast<double>(nodes);
  }
  const double scale = settings.zeta_squared > 0.0 ? std::sqrt(settings.zeta_squared / spread) : 0;
  RandomStream stream(seed, purpose("common optimum of random quadratics"));
  Vector optimum(d);
  double square = 0.0;
  for (std::size_t i = 0; i < d; ++i) {
    optimum(i) = stream.normal();
    square += optimum(i) * optimum(i);
  }
  for (Vector& centre : centres)
    for (std::size_t i = 0; i < d; ++i)
      centre(i) = centre(i) * scale + optimum(i) * (settings.start_distance / std::sqrt(square));
  return quadratic_rows("random_quadratics", hessians, centres);
}

void describe(Settings& settings, ScalarQuadraticsSettings& values) {
  settings.integer("nodes", values.nodes, "functions, one a node",
                   {.range = at_least(1).up_to(kMaxNodes)});
  settings.real("curvature_min", values.curvature_min, "least curvature",
                {.range = above(0), .paper = "2107.06917"});
  settings.real("curvature_max", values.curvature_max, "largest curvature",
                {.range = above(0), .paper = "2107.06917"});
}

Result<Dataset> make_scalar_quadratics(const ScalarQuadraticsSettings& settings,
                                       std::uint64_t seed) {
  std::vector<Matrix> hessians;
  std::vector<Vector> centres;
  for (std::int64_t n = 0; n < settings.nodes; ++n) {
    RandomStream stream(seed, purpose("scalar quadratics"), static_cast<std::uint32_t>(n));
    const double width = settings.curvature_max - settings.curvature_min;
    hessians.push_back(Matrix::Constant(1, 1, settings.curvature_min + width * stream.uniform()));
    centres.push_back(Vector::Constant(1, stream.normal()));
  }
  return quadratic_rows("scalar_quadratics", hessians, centres);
}

void describe(Settings& settings, ScaledQuadraticsSettings& values) {
  settings.integer("nodes", values.nodes, "functions, one a node",
                   {.range = at_least(1).up_to(kMaxNodes)});
  settings.integer("dimension", values.dimension, "length of x",
                   {.range = at_least(1).up_to(kMaxDimension)});
  settings.real("zeta", values.zeta,
                "heterogeneity: b_i has deviation zeta / i in every coordinate",
                {.range = at_least(0), .paper = "2311.05645"});
}

Result<Dataset> make_scaled_quadratics(const ScaledQuadraticsSettings& settings,
                                       std::uint64_t seed) {
  const auto d = static_cast<Eigen::Index>(settings.dimension);
  std::vector<Matrix> hessians;
  std::vector<Vector> centres;
  for (std::int64_t i = 1; i <= settings.nodes; ++i) {
    RandomStream stream(seed, purpose("scaled quadratics"), static_cast<std::uint32_t>(i));
    const double place = static_cast<double>(i);
    const double a = place / std::sqrt(static_cast<double>(settings.nodes));
    Vector centre(d);
    for (Eigen::Index k = 0; k < d; ++k) centre(k) = settings.zeta / place * stream.normal() / a;
    hessians.push_back(a * a * Matrix::Identity(d, d));
    centres.push_back(std::move(centre));
  }
  return quadratic_rows("scaled_quadratics", hessians, centres);
}

void describe(Settings& settings, ShiftedQuadraticsSettings& values) {
  settings.integer("nodes", values.nodes, "functions, one a node",
                   {.range = at_least(1).up_to(kMaxNodes)});
  settings.integer("dimension", values.dimension, "length of x",
                   {.range = at_least(1).up_to(kMaxDimension)});
  settings.real("curvature_min", values.curvature_min, "smallest eigenvalue of the Hessian",
                {.range = above(0)});
  settings.real("curvature_max", values.curvature_max, "largest eigenvalue of the Hessian",
                {.range = above(0)});
  settings.real("zeta", values.zeta,
                "heterogeneity: root of the mean squared norm of the linear terms",
                {.range = at_least(0), .paper = "2009.02388"});
}

Result<Dataset> make_shifted_quadratics(const ShiftedQuadraticsSettings& settings,
                                        std::uint64_t seed) {
  const auto nodes = static_cast<std::size_t>(settings.nodes);
  const auto d = static_cast<Eigen::Index>(settings.dimension);
  if (nodes == 1 && settings.zeta > 0.0)
    return invalid_argument("one function has no heterogeneity: set zeta = 0");
  std::vector<Vector> terms(nodes, Vector(d));  // c_i
  Vector mean = Vector::Zero(d);
  for (std::size_t n = 0; n < nodes; ++n) {
    RandomStream stream(seed, purpose("shifted quadratics"), static_cast<std::uint32_t>(n));
    for (Eigen::Index k = 0; k < d; ++k) terms[n](k) = stream.normal();
    mean += terms[n] / static_cast<double>(nodes);
  }
  double spread = 0.0;
  for (Vector& term : terms) {
    term -= mean;
    for (Eigen::Index k = 0; k < d; ++k) spread += term(k) * term(k) / static_cast<double>(nodes);
  }
  const double scale = settings.zeta > 0.0 ? settings.zeta / std::sqrt(spread) : 0.0;
  const double width = settings.curvature_max - settings.curvature_min;
  Matrix hessian = Matrix::Zero(d, d);
  for (Eigen::Index k = 0; k < d; ++k) {
    const double place = d == 1 ? 1.0 : static_cast<double>(k) / static_cast<double>(d - 1);
    hessian(k, k) = settings.curvature_min + place * width;
    for (Vector& term : terms) term(k) *= -scale / hessian(k, k);  // now the own minimum
  }
  return quadratic_rows("shifted_quadratics", std::vector<Matrix>(nodes, hessian), terms);
}

SourceEntry scaled_quadratics_entry() {
  return catalogue_entry<DataSource, ScaledQuadraticsSettings>(
      "scaled_quadratics", "least squares of differing scale and optimum, one a node", "2311.05645",
      &make_source<ScaledQuadraticsSettings, &make_scaled_quadratics>);
}
SourceEntry shifted_quadratics_entry() {
  return catalogue_entry<DataSource, ShiftedQuadraticsSettings>(
      "shifted_quadratics", "quadratics that differ in their linear term, one a node", "2009.02388",
      &make_source<ShiftedQuadraticsSettings, &make_shifted_quadratics>);
}
SourceEntry random_quadratics_entry() {
  return catalogue_entry<DataSource, RandomQuadraticsSettings>(
      "random_quadratics", "heterogeneous quadratics, one a node", "2110.04175",
      &make_source<RandomQuadraticsSettings, &make_random_quadratics>);
}
SourceEntry scalar_quadratics_entry() {
  return catalogue_entry<DataSource, ScalarQuadraticsSettings>(
      "scalar_quadratics", "one-dimensional quadratics, one a node", "2107.06917",
      &make_source<ScalarQuadraticsSettings, &make_scalar_quadratics>);
}

}  // namespace shoal

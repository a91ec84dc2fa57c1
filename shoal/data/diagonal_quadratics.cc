// Quadratics that share one diagonal Hessian and differ in their minima: the problem on which
// methods for compressed and decentralised learning are timed, since its condition number and its
// spectrum are set exactly.
//
//   f_i(x) = 1/2 (x - c_i)' diag(h) (x - c_i),   c_i ~ heterogeneity N(0, I)
//
// with h_k from curvature_min to curvature_max, geometric or linear. The optimum of the mean is the
// mean of the c_i. Rows as in synthetic.h.
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/portable_math.h"
#include "shoal/base/random.h"
#include "shoal/data/source_entries.h"
#include "shoal/data/synthetic.h"

namespace shoal {
namespace {

class DiagonalQuadraticsSource : public DataSource {
 public:
  explicit DiagonalQuadraticsSource(const DiagonalQuadraticsSettings& settings)
      : settings_(settings) {}
  Result<TaskData> load(std::uint64_t seed) const override {
    SHOAL_TRY(Dataset data, make_diagonal_quadratics(settings_, seed));
    const auto rows = std::make_shared<const Dataset>(std::move(data));
    return TaskData{rows, rows};
  }

 private:
  DiagonalQuadraticsSettings settings_;
};

Result<std::unique_ptr<DataSource>> make_source(const DiagonalQuadraticsSettings& settings) {
  if (settings.curvature_min > settings.curvature_max)
    return invalid_argument(fmt::format("curvature_min {} is above curvature_max {}",
                                        settings.curvature_min, settings.curvature_max));
  return std::unique_ptr<DataSource>(std::make_unique<DiagonalQuadraticsSource>(settings));
}

}  // namespace

void describe(Settings& settings, DiagonalQuadraticsSettings& values) {
  settings.integer("nodes", values.nodes, "functions, one a node",
                   {.range = at_least(1).up_to(1 << 20)});
  settings.integer("dimension", values.dimension, "length of x",
                   {.range = at_least(1).up_to(4096)});
  settings.choice(
      "spacing", values.spacing, "of the eigenvalues between the two curvatures",
      {{"geometric", CurvatureSpacing::kGeometric}, {"linear", CurvatureSpacing::kLinear}});
  settings.real("curvature_min", values.curvature_min, "smallest eigenvalue of the Hessian",
                {.range = above(0)});
  settings.real("curvature_max", values.curvature_max, "largest eigenvalue of the Hessian",
                {.range = above(0)});
  settings.real("heterogeneity", values.heterogeneity,
                "standard deviation of each coordinate of the nodes' minima",
                {.range = at_least(0)});
}

std::vector<double> diagonal_curvatures(const DiagonalQuadraticsSettings& settings) {
  const auto d = static_cast<std::size_t>(settings.dimension);
  const double low = settings.curvature_min;
  const double high = settings.curvature_max;
  std::vector<double> curvatures(d);
  for (std::size_t k = 0; k < d; ++k) {
    const double place = d == 1 ? 1.0 : static_cast<double>(k) / static_cast<double>(d - 1);
    curvatures[k] = settings.spacing == CurvatureSpacing::kLinear
                        ? low + place * (high - low)
                        : low * portable_exp(place * portable_log(high / low));
  }
  return curvatures;
}

Result<Dataset> make_diagonal_quadratics(const DiagonalQuadraticsSettings& settings,
                                         std::uint64_t seed) {
  const auto d = static_cast<std::size_t>(settings.dimension);
  const std::vector<double> curvatures = diagonal_curvatures(settings);
  Dataset data;
  data.name = "diagonal_quadratics";
  data.rows = static_cast<std::size_t>(settings.nodes);
  data.features = d + d * d;
  data.shape = {static_cast<std::uint32_t>(data.features)};
  data.x.reserve(data.rows * data.features);
  for (std::uint32_t node = 0; node < data.rows; ++node) {
    RandomStream stream(seed, purpose("diagonal quadratics"), node);
    for (std::size_t k = 0; k < d; ++k)
      data.x.push_back(static_cast<float>(settings.heterogeneity * stream.normal()));
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j)
        data.x.push_back(i == j ? static_cast<float>(curvatures[i]) : 0.0f);
    data.users.push_back(node);
  }
  data.targets.assign(data.rows, 0.0f);
  return data;
}

SourceEntry diagonal_quadratics_entry() {
  return catalogue_entry<DataSource, DiagonalQuadraticsSettings>(
      "diagonal_quadratics", "quadratics with one diagonal Hessian and a minimum of each node",
      "2011.01697", &make_source);
}

}  // namespace shoal

#include "studies/masha_problems.h"

#include <Eigen/Dense>
#include <cmath>
#include <numeric>

#include "shoal/data/saddles.h"

namespace shoal {

double saddle_smoothness(const Dataset& data, double lambda) {
  const std::size_t p = saddle_dimension(data).value();
  const auto size = static_cast<Eigen::Index>(p);
  double sum = 0.0;
  for (std::size_t row = 0; row < data.rows; ++row) {
    Eigen::MatrixXd coupling(size, size);
    for (std::size_t i = 0; i < p * p; ++i)
      coupling(static_cast<Eigen::Index>(i / p), static_cast<Eigen::Index>(i % p)) =
          saddle_coupling(data.row(row), p)[i];
    sum += std::hypot(lambda, Eigen::JacobiSVD<Eigen::MatrixXd>(coupling).singularValues()(0));
  }
  return sum / static_cast<double>(data.rows);
}

Result<Posed> pose_robust(StudyContext& context, std::int64_t seed) {
  Posed posed;
  posed.set = {fmt::format("seed={}", seed)};
  SHOAL_TRY(const auto assembly, context.assembly(kCancer, posed.set));
  Model<double>& model = assembly->models_double->mine();
  auto& variational = dynamic_cast<VariationalOperator<double>&>(model);
  // The mean over workers of the means over their rows.
  const auto mean_operator = [&](std::span<const double> z, std::vector<double>& out) {
    std::vector<double> own(z.size());
    out.assign(z.size(), 0.0);
    for (const Rows& rows : assembly->partition.nodes) {
      variational.variational_operator(z, Batch{assembly->partition.data.get(), rows}, own);
      for (std::size_t i = 0; i < own.size(); ++i)
        out[i] += own[i] / static_cast<double>(assembly->partition.nodes.size());
    }
  };
  std::vector<double> z(model.size()), half(z.size()), f(z.size()), g(z.size());
  double norm = 1.0;
  for (int step = 0; step < 50000 && norm > 1e-26; ++step) {
    mean_operator(z, f);
    for (std::size_t i = 0; i < z.size(); ++i) half[i] = z[i] - 0.1 * f[i];
    mean_operator(half, g);
    for (std::size_t i = 0; i < z.size(); ++i) z[i] -= 0.1 * g[i];
    norm = std::inner_product(f.begin(), f.end(), f.begin(), 0.0);
  }
  if (norm > 1e-26) return not_found("the robust problem was not solved on one machine");
  std::vector<double> direction(z.size(), 1.0 / std::sqrt(static_cast<double>(z.size())));
  for (int step = 0; step < 200; ++step) {
    for (std::size_t i = 0; i < z.size(); ++i) half[i] = z[i] + 1e-5 * direction[i];
    mean_operator(half, g);
    for (std::size_t i = 0; i < z.size(); ++i) direction[i] = (g[i] - f[i]) / 1e-5;
    posed.smoothness =
        std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
    for (double& value : direction) value /= posed.smoothness;
  }
  posed.solution = std::move(z);
  return posed;
}

}  // namespace shoal

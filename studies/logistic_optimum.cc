#include "studies/logistic_optimum.h"

#include <Eigen/Dense>

#include "shoal/base/check.h"

namespace shoal {
namespace {

std::span<const double> view(const Eigen::VectorXd& x) {
  return {x.data(), static_cast<std::size_t>(x.size())};
}

Eigen::VectorXd mean_gradient(Model<double>& model, const Partition& partition,
                              const Eigen::VectorXd& x) {
  Eigen::VectorXd total = Eigen::VectorXd::Zero(x.size());
  std::vector<double> gradient(static_cast<std::size_t>(x.size()));
  for (const Rows& rows : partition.nodes) {
    model.gradient(view(x), Batch{partition.data.get(), rows}, gradient);
    total += Eigen::Map<const Eigen::VectorXd>(gradient.data(), x.size());
  }
  return total / static_cast<double>(partition.nodes.size());
}

Eigen::MatrixXd mean_hessian(Model<double>& model, const Partition& partition,
                             const Eigen::VectorXd& x) {
  auto* curved = dynamic_cast<HessianVectorProduct<double>*>(&model);
  SHOAL_CHECK(curved != nullptr, "Newton's method needs Hessian-vector products");
  Eigen::MatrixXd total = Eigen::MatrixXd::Zero(x.size(), x.size());
  std::vector<double> product(static_cast<std::size_t>(x.size()));
  for (Eigen::Index k = 0; k < x.size(); ++k) {
    const Eigen::VectorXd unit = Eigen::VectorXd::Unit(x.size(), k);
    for (const Rows& rows : partition.nodes) {
      curved->hessian_vector(view(x), view(unit), Batch{partition.data.get(), rows}, product);
      total.col(k) += Eigen::Map<const Eigen::VectorXd>(product.data(), x.size());
    }
  }
  return total / static_cast<double>(partition.nodes.size());
}

}  // namespace

double mean_client_loss(Model<double>& model, const Partition& partition,
                        std::span<const double> x) {
  double total = 0.0;
  for (const Rows& rows : partition.nodes)
    total += model.evaluate(x, Batch{partition.data.get(), rows}).loss;
  return total / static_cast<double>(partition.nodes.size());
}

std::vector<double> mean_client_optimum(Model<double>& model, const Partition& partition,
                                        std::size_t steps_max) {
  Eigen::VectorXd x = Eigen::VectorXd::Zero(static_cast<Eigen::Index>(model.size()));
  double loss = mean_client_loss(model, partition, view(x));
  for (std::size_t step = 0; step < steps_max; ++step) {
    const Eigen::VectorXd gradient = mean_gradient(model, partition, x);
    if (gradient.norm() < 1e-13) break;
    const Eigen::VectorXd direction = mean_hessian(model, partition, x).ldlt().solve(gradient);
    double damping = 1.0;
    Eigen::VectorXd next = x - direction;
    double next_loss = mean_client_loss(model, partition, view(next));
    while (next_loss > loss && damping > 1e-6) {  // half a step rather than one uphill
      damping *= 0.5;
      next = x - damping * direction;
      next_loss = mean_client_loss(model, partition, view(next));
    }
    if (next_loss > loss) break;  // as low as double goes
    x = next;
    loss = next_loss;
  }
  return std::vector<double>(x.data(), x.data() + x.size());
}

}  // namespace shoal

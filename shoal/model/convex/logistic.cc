// Logistic regression of two classes: with z = w.x + b and label y in {0, 1}, a row's loss is
// ln(1 + e^z) - y z. A row counts as class 1 when z > 0.
#include <cmath>
#include <fmt/format.h>

#include "shoal/model/convex/entries.h"
#include "shoal/model/convex/linear_factory.h"
#include "shoal/model/convex/softplus.h"

namespace shoal {
namespace {

template <class Scalar>
class LogisticLoss final : public ScoreLoss<Scalar> {
 public:
  LossSum measure(const Dataset& data, std::span<const std::uint32_t> rows,
                  const Scores<Scalar>& scores) const override {
    LossSum sum;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double z = scores(i, 0);
      const double y = data.labels[rows[i]];
      sum.loss += softplus(z).value - y * z;
      sum.correct += (z > 0.0) == (y > 0.5) ? 1.0 : 0.0;
    }
    return sum;
  }
  double differentiate(const Dataset& data, std::span<const std::uint32_t> rows,
                       Scores<Scalar> scores) const override {
    double loss = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double z = scores(i, 0);
      const double y = data.labels[rows[i]];
      const Softplus plus = softplus(z);
      loss += plus.value - y * z;
      scores(i, 0) = static_cast<Scalar>(plus.slope - y);
    }
    return loss;
  }
  void curve(const Scores<Scalar>& scores, Scores<Scalar> directions) const override {
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
      const double e = fast_exp(-std::abs(static_cast<double>(scores(i, 0))));
      directions(i, 0) *= static_cast<Scalar>(e / ((1.0 + e) * (1.0 + e)));
    }
  }
};

Result<std::unique_ptr<ModelFactory>> make_logistic(const LinearSettings& settings,
                                                    const Dataset& data) {
  if (data.classes != 2)
    return invalid_argument(
        fmt::format("logistic tells 2 classes apart, but '{}' has {}; take {}", data.name,
                    data.classes, data.classes == 0 ? "ridge for its real targets" : "softmax"));
  return linear_factory<LogisticLoss>(settings, data, 1, true);
}

}  // namespace

ModelEntry logistic_entry() {
  return catalogue_entry<ModelFactory, LinearSettings, const Dataset&>(
      "logistic", "logistic regression of two classes", "", &make_logistic);
}

}  // namespace shoal

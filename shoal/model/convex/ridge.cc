// Ridge regression: mean of (w.x + b - y)^2 / 2 over the rows, plus l2/2 |w|^2.
#include <fmt/format.h>

#include "shoal/model/convex/entries.h"
#include "shoal/model/convex/linear_factory.h"

namespace shoal {
namespace {

template <class Scalar>
class SquaredLoss final : public ScoreLoss<Scalar> {
 public:
  LossSum measure(const Dataset& data, std::span<const std::uint32_t> rows,
                  const Scores<Scalar>& scores) const override {
    LossSum sum{0.0, std::numeric_limits<double>::quiet_NaN()};
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double error = static_cast<double>(scores(i, 0)) - data.targets[rows[i]];
      sum.loss += 0.5 * error * error;
    }
    return sum;
  }
  double differentiate(const Dataset& data, std::span<const std::uint32_t> rows,
                       Scores<Scalar> scores) const override {
    double loss = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const double error = static_cast<double>(scores(i, 0)) - data.targets[rows[i]];
      loss += 0.5 * error * error;
      scores(i, 0) = static_cast<Scalar>(error);
    }
    return loss;
  }
  void curve(const Scores<Scalar>&, Scores<Scalar>) const override {}  // the Hessian is 1
};

Result<std::unique_ptr<ModelFactory>> make_ridge(const LinearSettings& settings,
                                                 const Dataset& data) {
  if (data.classes != 0)
    return invalid_argument(fmt::format(
        "ridge fits real targets, but '{}' has {} classes; take softmax, or a regression data set",
        data.name, data.classes));
  return linear_factory<SquaredLoss>(settings, data, 1, true);
}

}  // namespace

ModelEntry ridge_entry() {
  return catalogue_entry<ModelFactory, LinearSettings, const Dataset&>(
      "ridge", "least squares with an l2 penalty, for real targets", "", &make_ridge);
}

}  // namespace shoal

// Softmax (multinomial logistic) regression: scores z = W x + b, a row's loss is the cross entropy
// ln(sum_k e^z_k) - z_label. With a zero start every class begins at probability 1 / classes.
#include <fmt/format.h>

#include "shoal/model/convex/entries.h"
#include "shoal/model/convex/linear_factory.h"
#include "shoal/model/softmax_loss.h"

namespace shoal {
namespace {

template <class Scalar>
class SoftmaxLoss final : public ScoreLoss<Scalar> {
 public:
  LossSum measure(const Dataset& data, std::span<const std::uint32_t> rows,
                  const Scores<Scalar>& scores) const override {
    LossSum sum;
    const std::size_t classes = scores.cols();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t label = data.labels[rows[i]];
      const Scalar* row = &scores(i, 0);
      sum.loss += cross_entropy(row, classes, 1, label);
      sum.correct += largest_score(row, classes, 1) == label ? 1.0 : 0.0;
    }
    return sum;
  }
  double differentiate(const Dataset& data, std::span<const std::uint32_t> rows,
                       Scores<Scalar> scores) const override {
    double loss = 0.0;
    for (std::size_t i = 0; i < rows.size(); ++i)
      loss += cross_entropy_gradient(&scores(i, 0), scores.cols(), 1, data.labels[rows[i]], 1.0);
    return loss;
  }
  // With probabilities p: d <- p * d - p (p . d).
  void curve(const Scores<Scalar>& scores, Scores<Scalar> directions) const override {
    const Eigen::Index classes = scores.cols();
    for (Eigen::Index i = 0; i < scores.rows(); ++i) {
      const double top = scores.row(i).maxCoeff();
      double sum = 0.0;
      double mean = 0.0;
      for (Eigen::Index k = 0; k < classes; ++k) {
        const double e = fast_exp(scores(i, k) - top);
        sum += e;
        mean += e * directions(i, k);
      }
      mean /= sum;
      for (Eigen::Index k = 0; k < classes; ++k)
        directions(i, k) =
            static_cast<Scalar>(fast_exp(scores(i, k) - top) / sum * (directions(i, k) - mean));
    }
  }
};

Result<std::unique_ptr<ModelFactory>> make_softmax(const LinearSettings& settings,
                                                   const Dataset& data) {
  if (data.classes < 2)
    return invalid_argument(fmt::format(
        "softmax needs at least 2 classes, but '{}' has {}; take ridge for real targets", data.name,
        data.classes));
  return linear_factory<SoftmaxLoss>(settings, data, data.classes, false);
}

}  // namespace

ModelEntry softmax_entry() {
  return catalogue_entry<ModelFactory, LinearSettings, const Dataset&>(
      "softmax", "softmax regression of any number of classes", "", &make_softmax);
}

}  // namespace shoal

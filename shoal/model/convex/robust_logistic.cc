// Robust logistic regression as a saddle problem: the weights w and the constant b minimise, and
// one perturbation r of all rows, which pays for its length, maximises
//   g(w, b, r) = mean of [ln(1 + e^z) - label z] + (l2 / 2) |w|^2 - (beta / 2) |r|^2,
//   z = w' (x + r) + b.
// g is convex in (w, b), and concave in r where beta > |w|^2 / 4 (the loss has curvature 1/4 at
// most). Its operator is (g_w, g_b, -g_r). After the robust regression of compressed methods for
// variational inequalities (arXiv 2110.03313), with the logistic loss.
//
// Parameters: "weight" (d), "bias" (1), "shift" (d). Cost: 6 d operations a row.
#include <cmath>
#include <fmt/format.h>

#include "shoal/model/both_precisions.h"
#include "shoal/model/check_call.h"
#include "shoal/model/convex/entries.h"
#include "shoal/model/convex/softplus.h"

namespace shoal {
namespace {

struct RobustSettings {
  double l2 = 0.1;
  double beta = 1.0;
};
void describe(Settings& s, RobustSettings& v) {
  s.real("l2", v.l2, "weight of |w|^2 / 2 in the loss", {.range = at_least(0)});
  s.real("beta", v.beta, "weight of |r|^2 / 2, what the perturbation pays", {.range = above(0)});
}

template <class Scalar>
class RobustLogistic final : public Model<Scalar>, public VariationalOperator<Scalar> {
 public:
  RobustLogistic(std::size_t features, const RobustSettings& settings)
      : features_(features), settings_(settings), sum_(features) {
    const auto d = static_cast<std::uint32_t>(features);
    layout_.add("weight", {d});
    layout_.add("bias", {1});
    layout_.add("shift", {d});
  }

  const Layout& layout() const override { return layout_; }
  void initialize(RandomStream, std::span<Scalar> parameters) const override {
    std::ranges::fill(parameters, Scalar{0});
  }
  double gradient(std::span<const Scalar> z, const Batch& batch, std::span<Scalar> out) override {
    return differentiate(z, batch, 1.0, out);
  }
  void variational_operator(std::span<const Scalar> z, const Batch& batch,
                            std::span<Scalar> out) override {
    differentiate(z, batch, -1.0, out);
  }

  Evaluation evaluate(std::span<const Scalar> z, const Batch& batch) override {
    check_call(layout_, features_, z, batch);
    double loss = 0.0, correct = 0.0;
    for (const std::uint32_t row : batch.rows) {
      const double score = score_of(z, batch.data->row(row));
      const double label = batch.data->labels[row];
      loss += softplus(score).value - label * score;
      correct += (score > 0.0) == (label > 0.5) ? 1.0 : 0.0;
    }
    const auto count = static_cast<double>(batch.rows.size());
    return {loss / count + penalty(z), correct / count};
  }
  double flops_per_row() const override { return 6.0 * static_cast<double>(features_); }

 private:
  double weight(std::span<const Scalar> z, std::size_t i) const { return z[i]; }
  double shift(std::span<const Scalar> z, std::size_t i) const { return z[features_ + 1 + i]; }

  double score_of(std::span<const Scalar> z, std::span<const float> x) const {
    double score = z[features_];
    for (std::size_t i = 0; i < features_; ++i) score += weight(z, i) * (x[i] + shift(z, i));
    return score;
  }
  double penalty(std::span<const Scalar> z) const {
    double value = 0.0;
    for (std::size_t i = 0; i < features_; ++i)
      value += 0.5 * settings_.l2 * weight(z, i) * weight(z, i) -
               0.5 * settings_.beta * shift(z, i) * shift(z, i);
    return value;
  }
  // Writes (g_w, g_b, sign g_r) and returns g.
  double differentiate(std::span<const Scalar> z, const Batch& batch, double sign,
                       std::span<Scalar> out) {
    check_call(layout_, features_, z, batch);
    std::ranges::fill(sum_, 0.0);  // of residual times x
    double loss = 0.0, residuals = 0.0;
    for (const std::uint32_t row : batch.rows) {
      const auto x = batch.data->row(row);
      const double score = score_of(z, x);
      const double label = batch.data->labels[row];
      const Softplus plus = softplus(score);
      const double residual = plus.slope - label;
      loss += plus.value - label * score;
      residuals += residual;
      for (std::size_t i = 0; i < features_; ++i) sum_[i] += residual * x[i];
    }
    const auto count = static_cast<double>(batch.rows.size());
    const double mean = residuals / count;
    for (std::size_t i = 0; i < features_; ++i) {
      const double by_weight = sum_[i] / count + mean * shift(z, i) + settings_.l2 * weight(z, i);
      const double by_shift = mean * weight(z, i) - settings_.beta * shift(z, i);
      out[i] = static_cast<Scalar>(by_weight);
      out[features_ + 1 + i] = static_cast<Scalar>(sign * by_shift);
    }
    out[features_] = static_cast<Scalar>(mean);
    return loss / count + penalty(z);
  }

  std::size_t features_;
  RobustSettings settings_;
  Layout layout_;
  std::vector<double> sum_;
};

Result<std::unique_ptr<ModelFactory>> make_robust(const RobustSettings& settings,
                                                  const Dataset& data) {
  if (data.classes != 2)
    return invalid_argument(fmt::format("robust_logistic tells 2 classes apart, but '{}' has {}",
                                        data.name, data.classes));
  const std::size_t d = data.features;
  std::unique_ptr<ModelFactory> factory = std::make_unique<BothPrecisions>(
      [d, settings] { return std::make_unique<RobustLogistic<float>>(d, settings); },
      [d, settings] { return std::make_unique<RobustLogistic<double>>(d, settings); });
  return factory;
}

}  // namespace

ModelEntry robust_logistic_entry() {
  return catalogue_entry<ModelFactory, RobustSettings, const Dataset&>(
      "robust_logistic", "logistic regression against a perturbation of the rows: a saddle",
      "2110.03313", &make_robust);
}

}  // namespace shoal

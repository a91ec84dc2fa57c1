// Bilinear saddle problems (data/saddles.h): every data row is one function
//   g(x, y) = x' A y + a' x + b' y + (lambda / 2) (|x|^2 - |y|^2),
// minimised over x and maximised over y. The loss of a batch is the mean of its rows' g; its
// gradient is (g_x, g_y) and its operator (g_x, -g_y), which is monotone, strongly for lambda > 0.
//
// Cost: 4 p^2 operations a row; nothing is copied.
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/data/saddles.h"
#include "shoal/model/both_precisions.h"
#include "shoal/model/check_call.h"
#include "shoal/model/convex/entries.h"

namespace shoal {
namespace {

struct SaddleSettings {
  double lambda = 0.1;
  double initial_scale = 0.0;
};
void describe(Settings& s, SaddleSettings& v) {
  s.real("lambda", v.lambda, "how strongly convex in x and concave in y", {.range = at_least(0)});
  s.real("initial_scale", v.initial_scale,
         "standard deviation of the initial unknowns; 0 starts from zero", {.range = at_least(0)});
}

template <class Scalar>
class BilinearSaddle final : public Model<Scalar>, public VariationalOperator<Scalar> {
 public:
  BilinearSaddle(std::size_t p, const SaddleSettings& settings) : p_(p), settings_(settings) {
    layout_.add("x", {static_cast<std::uint32_t>(p)});
    layout_.add("y", {static_cast<std::uint32_t>(p)});
  }

  const Layout& layout() const override { return layout_; }

  void initialize(RandomStream stream, std::span<Scalar> parameters) const override {
    const double scale = settings_.initial_scale;
    for (Scalar& value : parameters)
      value = static_cast<Scalar>(scale == 0.0 ? 0.0 : scale * stream.normal());
  }

  double gradient(std::span<const Scalar> z, const Batch& batch, std::span<Scalar> out) override {
    return differentiate(z, batch, Scalar{1}, out);
  }
  void variational_operator(std::span<const Scalar> z, const Batch& batch,
                            std::span<Scalar> out) override {
    differentiate(z, batch, Scalar{-1}, out);
  }

  Evaluation evaluate(std::span<const Scalar> z, const Batch& batch) override {
    scratch_.resize(z.size());
    return {differentiate(z, batch, Scalar{1}, scratch_), std::numeric_limits<double>::quiet_NaN()};
  }

  double flops_per_row() const override { return 4.0 * static_cast<double>(p_ * p_); }

 private:
  // Writes (g_x, sign g_y) and returns g, means over the batch.
  double differentiate(std::span<const Scalar> z, const Batch& batch, Scalar sign,
                       std::span<Scalar> out) {
    check_call(layout_, p_ * (p_ + 2), z, batch);
    const auto x = z.first(p_), y = z.subspan(p_);
    const auto by_x = out.first(p_), by_y = out.subspan(p_);
    std::ranges::fill(out, Scalar{0});
    double value = 0.0;
    for (const std::uint32_t row : batch.rows) value += add_row(batch.data->row(row), x, y, out);
    const auto share = Scalar{1} / static_cast<Scalar>(batch.rows.size());
    const auto lambda = static_cast<Scalar>(settings_.lambda);
    value *= static_cast<double>(share);
    for (std::size_t i = 0; i < p_; ++i) {
      value += 0.5 * settings_.lambda * static_cast<double>(x[i] * x[i] - y[i] * y[i]);
      by_x[i] = by_x[i] * share + lambda * x[i];
      by_y[i] = sign * (by_y[i] * share - lambda * y[i]);
    }
    return value;
  }
  double add_row(std::span<const float> row, std::span<const Scalar> x, std::span<const Scalar> y,
                 std::span<Scalar> out) const {
    const auto a = saddle_slope_x(row, p_), b = saddle_slope_y(row, p_);
    const auto coupling = saddle_coupling(row, p_);
    double value = 0.0;
    for (std::size_t i = 0; i < p_; ++i) {
      auto slope = static_cast<Scalar>(a[i]);
      for (std::size_t j = 0; j < p_; ++j) {
        const auto entry = static_cast<Scalar>(coupling[i * p_ + j]);
        slope += entry * y[j];
        out[p_ + j] += entry * x[i];
      }
      out[i] += slope;
      out[p_ + i] += static_cast<Scalar>(b[i]);
      value += static_cast<double>(slope) * x[i] + static_cast<double>(b[i]) * y[i];
    }
    return value;
  }

  std::size_t p_;
  SaddleSettings settings_;
  Layout layout_;
  std::vector<Scalar> scratch_;
};

Result<std::unique_ptr<ModelFactory>> make_saddle(const SaddleSettings& settings,
                                                  const Dataset& data) {
  SHOAL_TRY(const std::size_t p, saddle_dimension(data));
  std::unique_ptr<ModelFactory> factory = std::make_unique<BothPrecisions>(
      [p, settings] { return std::make_unique<BilinearSaddle<float>>(p, settings); },
      [p, settings] { return std::make_unique<BilinearSaddle<double>>(p, settings); });
  return factory;
}

}  // namespace

ModelEntry bilinear_saddle_entry() {
  return catalogue_entry<ModelFactory, SaddleSettings, const Dataset&>(
      "bilinear_saddle", "min over x, max over y of bilinear functions given row by row",
      "2110.03313", &make_saddle);
}

}  // namespace shoal

// Quadratics: every data row is one function f(x) = (x - a)^T H (x - a) / 2 in d unknowns, stored
// as a (d values) followed by the symmetric H (d x d, row-major), so a row has d + d^2 features.
// The loss of a batch is the mean of its rows' functions; gradients are H (x - a).
//
// The problem of heterogeneity studies: each node holds one or more quadratics with its own
// optimum. Cost: 2 d^2 operations a row; nothing is copied.
#include <Eigen/Core>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/model/both_precisions.h"
#include "shoal/model/check_call.h"
#include "shoal/model/convex/entries.h"

namespace shoal {
namespace {

struct QuadraticSettings {
  double initial_value = 0.0;
  double initial_scale = 0.0;
};
void describe(Settings& s, QuadraticSettings& v) {
  s.real("initial_value", v.initial_value, "mean of the initial unknowns");
  s.real("initial_scale", v.initial_scale,
         "standard deviation of the initial unknowns; 0: all begin at initial_value",
         {.range = at_least(0)});
}

template <class Scalar>
using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;

template <class Scalar>
class Quadratic final : public Model<Scalar>,
                        public HessianVectorProduct<Scalar>,
                        public PerSampleGradient<Scalar> {
 public:
  Quadratic(std::size_t unknowns, const QuadraticSettings& settings)
      : unknowns_(unknowns), settings_(settings), offset_(unknowns), slope_(unknowns) {
    layout_.add("x", {static_cast<std::uint32_t>(unknowns)});
  }

  const Layout& layout() const override { return layout_; }

  void initialize(RandomStream stream, std::span<Scalar> parameters) const override {
    const double scale = settings_.initial_scale;
    for (Scalar& value : parameters)
      value = static_cast<Scalar>(settings_.initial_value +
                                  (scale == 0.0 ? 0.0 : scale * stream.normal()));
  }

  double gradient(std::span<const Scalar> parameters, const Batch& batch,
                  std::span<Scalar> out) override {
    check(parameters, batch);
    Eigen::Map<Vector<Scalar>> sum(out.data(), unknowns_);
    sum.setZero();
    double loss = 0.0;
    for (const std::uint32_t row : batch.rows) {
      loss += differentiate(parameters, batch.data->row(row));
      sum += slope_;
    }
    const double count = static_cast<double>(batch.rows.size());
    sum /= static_cast<Scalar>(count);
    return loss / count;
  }

  Evaluation evaluate(std::span<const Scalar> parameters, const Batch& batch) override {
    check(parameters, batch);
    double loss = 0.0;
    for (const std::uint32_t row : batch.rows)
      loss += differentiate(parameters, batch.data->row(row));
    return {loss / static_cast<double>(batch.rows.size()),
            std::numeric_limits<double>::quiet_NaN()};
  }

  double flops_per_row() const override {
    return 2.0 * static_cast<double>(unknowns_) * static_cast<double>(unknowns_);
  }

  void hessian_vector(std::span<const Scalar> parameters, std::span<const Scalar> vector,
                      const Batch& batch, std::span<Scalar> out) override {
    check(parameters, batch);
    Eigen::Map<Vector<Scalar>> sum(out.data(), unknowns_);
    sum.setZero();
    offset_ = Eigen::Map<const Vector<Scalar>>(vector.data(), unknowns_);
    for (const std::uint32_t row : batch.rows) {
      curve(batch.data->row(row));
      sum += slope_;
    }
    sum /= static_cast<Scalar>(batch.rows.size());
  }

  void per_sample_gradient(std::span<const Scalar> parameters, const Batch& batch,
                           std::span<Scalar> out) override {
    check(parameters, batch);
    for (std::size_t i = 0; i < batch.rows.size(); ++i) {
      differentiate(parameters, batch.data->row(batch.rows[i]));
      std::copy_n(slope_.data(), unknowns_, out.data() + i * unknowns_);
    }
  }

 private:
  void check(std::span<const Scalar> parameters, const Batch& batch) const {
    check_call(layout_, unknowns_ * (unknowns_ + 1), parameters, batch);
  }
  // slope_ = H offset_, in the precision of Scalar.
  void curve(std::span<const float> row) {
    const float* curvature = row.data() + unknowns_;
    for (std::size_t i = 0; i < unknowns_; ++i) {
      const Eigen::Map<const Eigen::VectorXf> line(curvature + i * unknowns_, unknowns_);
      slope_[i] = line.template cast<Scalar>().dot(offset_);
    }
  }
  // slope_ = H (x - a); returns the function's value.
  double differentiate(std::span<const Scalar> parameters, std::span<const float> row) {
    for (std::size_t i = 0; i < unknowns_; ++i)
      offset_[i] = parameters[i] - static_cast<Scalar>(row[i]);
    curve(row);
    return 0.5 * static_cast<double>(offset_.dot(slope_));
  }

  std::size_t unknowns_;
  QuadraticSettings settings_;
  Layout layout_;
  Vector<Scalar> offset_;  // x - a
  Vector<Scalar> slope_;   // H (x - a)
};

// The gradient H (x - a) is right for symmetric H only; entries may differ by float rounding.
Status check_symmetric(const Dataset& data, std::size_t unknowns) {
  for (std::size_t row = 0; row < data.rows; ++row) {
    const auto curvature = data.row(row).subspan(unknowns);
    float largest = 0.0f;
    for (const float value : curvature) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < unknowns; ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (!(std::abs(curvature[i * unknowns + j] - curvature[j * unknowns + i]) <=
              1e-5f * largest))
          return invalid_argument(fmt::format(
              "row {} of '{}' holds an H that is not symmetric at ({}, {}); store (H + H^T) / 2",
              row, data.name, i, j));
  }
  return ok_status();
}

Result<std::unique_ptr<ModelFactory>> make_quadratic(const QuadraticSettings& settings,
                                                     const Dataset& data) {
  const auto unknowns = static_cast<std::size_t>(std::sqrt(static_cast<double>(data.features)));
  if (data.classes != 0 || unknowns == 0 || unknowns * (unknowns + 1) != data.features)
    return invalid_argument(fmt::format(
        "quadratic needs rows of d + d^2 features (a and H) and no classes, but '{}' has {} "
        "features and {} classes; take a data source of quadratics",
        data.name, data.features, data.classes));
  SHOAL_TRY_STATUS(check_symmetric(data, unknowns));
  std::unique_ptr<ModelFactory> factory = std::make_unique<BothPrecisions>(
      [unknowns, settings] { return std::make_unique<Quadratic<float>>(unknowns, settings); },
      [unknowns, settings] { return std::make_unique<Quadratic<double>>(unknowns, settings); });
  return factory;
}

}  // namespace

ModelEntry quadratic_entry() {
  return catalogue_entry<ModelFactory, QuadraticSettings, const Dataset&>(
      "quadratic", "the mean of quadratics given row by row", "", &make_quadratic);
}

}  // namespace shoal

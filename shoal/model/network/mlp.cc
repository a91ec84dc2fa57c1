#include "shoal/model/network/mlp.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <utility>

#include "shoal/model/check_call.h"
#include "shoal/model/exponential.h"
#include "shoal/model/network/uniform_fan_in.h"
#include "shoal/model/softmax_loss.h"

namespace shoal {
namespace {

constexpr std::size_t kBlockRows = 32;

template <class Scalar>
MatrixView<Scalar> view(std::vector<Scalar>& values, std::size_t rows, std::size_t columns) {
  return {values.data(), rows, columns, columns};
}
template <class Scalar>
MatrixView<const Scalar> view(const Scalar* values, std::size_t rows, std::size_t columns) {
  return {values, rows, columns, columns};
}

// tanh x = 1 - 2 / (1 + e^2x), to float precision at any x.
inline double hyperbolic_tangent(double x) { return 1.0 - 2.0 / (1.0 + fast_exp(2.0 * x)); }

}  // namespace

template <class Scalar>
Mlp<Scalar>::Mlp(std::vector<std::size_t> widths, Activation activation)
    : inputs_(widths.front()), activation_(activation) {
  SHOAL_CHECK(widths.size() >= 2, "an mlp needs inputs and classes");
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const auto inputs = static_cast<std::uint32_t>(widths[l]);
    const auto outputs = static_cast<std::uint32_t>(widths[l + 1]);
    Layer layer{inputs, outputs, layout_.size(), 0, {}, {}, {}, {}};
    layout_.add(fmt::format("fc{}.weight", l + 1), {outputs, inputs});
    layer.bias = layout_.size();
    layout_.add(fmt::format("fc{}.bias", l + 1), {outputs});
    for (auto* scratch : {&layer.values_t, &layer.values, &layer.slopes, &layer.slopes_t})
      scratch->resize(outputs * kBlockRows);
    layers_.push_back(std::move(layer));
  }
  x_.resize(inputs_ * kBlockRows);
  x_t_.resize(inputs_ * kBlockRows);
}

template <class Scalar>
void Mlp<Scalar>::initialize(RandomStream stream, std::span<Scalar> parameters) const {
  SHOAL_CHECK(parameters.size() == layout_.size(), "the parameters do not fit the layout");
  for (const Layer& layer : layers_)
    draw_uniform_fan_in(stream, layer.inputs,
                        parameters.subspan(layer.weight, layer.outputs * (layer.inputs + 1)));
}

template <class Scalar>
void Mlp<Scalar>::gather(const Dataset& data, std::span<const std::uint32_t> rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    SHOAL_CHECK(rows[i] < data.rows, "a batch names a row that its data set does not have");
    const auto row = data.row(rows[i]);
    std::copy(row.begin(), row.end(), x_.begin() + static_cast<std::ptrdiff_t>(i * inputs_));
  }
  transpose(view<Scalar>(x_.data(), rows.size(), inputs_), view(x_t_, inputs_, rows.size()));
}

template <class Scalar>
void Mlp<Scalar>::activate(Layer& layer, const Scalar* bias, std::size_t rows, bool last) const {
  for (std::size_t unit = 0; unit < layer.outputs; ++unit) {
    Scalar* const values = layer.values_t.data() + unit * rows;
    const Scalar shift = bias[unit];
    if (last)
      for (std::size_t i = 0; i < rows; ++i) values[i] += shift;
    else if (activation_ == Activation::kRelu)
      for (std::size_t i = 0; i < rows; ++i) values[i] = std::max(values[i] + shift, Scalar{0});
    else
      for (std::size_t i = 0; i < rows; ++i)
        values[i] = static_cast<Scalar>(hyperbolic_tangent(values[i] + shift));
  }
}

template <class Scalar>
void Mlp<Scalar>::forward(std::span<const Scalar> parameters, std::size_t rows) {
  const std::vector<Scalar>* below = &x_t_;
  for (Layer& layer : layers_) {
    multiply(view(parameters.data() + layer.weight, layer.outputs, layer.inputs),
             view<Scalar>(below->data(), layer.inputs, rows),
             view(layer.values_t, layer.outputs, rows), Into::kOverwrite);
    activate(layer, parameters.data() + layer.bias, rows, &layer == &layers_.back());
    below = &layer.values_t;
  }
}

template <class Scalar>
void Mlp<Scalar>::propagate(std::span<const Scalar> parameters, const Layer& above, Layer& layer,
                            std::size_t rows) const {
  multiply(view<Scalar>(above.slopes.data(), rows, above.outputs),
           view(parameters.data() + above.weight, above.outputs, above.inputs),
           view(layer.slopes, rows, layer.outputs), Into::kOverwrite);
  const std::size_t count = rows * layer.outputs;
  Scalar* const slopes = layer.slopes.data();
  const Scalar* const values = layer.values.data();
  if (activation_ == Activation::kRelu)
    for (std::size_t i = 0; i < count; ++i) slopes[i] = values[i] > 0 ? slopes[i] : Scalar{0};
  else
    for (std::size_t i = 0; i < count; ++i) slopes[i] *= Scalar{1} - values[i] * values[i];
  transpose(view<Scalar>(slopes, rows, layer.outputs), view(layer.slopes_t, layer.outputs, rows));
}

template <class Scalar>
void Mlp<Scalar>::backward(std::span<const Scalar> parameters, std::size_t rows, Into into,
                           std::span<Scalar> out) {
  Layer& last = layers_.back();
  transpose(view<Scalar>(last.slopes_t.data(), last.outputs, rows),
            view(last.slopes, rows, last.outputs));
  for (std::size_t l = layers_.size(); l-- > 0;) {
    Layer& layer = layers_[l];
    if (l + 1 < layers_.size()) propagate(parameters, layers_[l + 1], layer, rows);
    const Scalar* below = x_.data();
    if (l > 0) {
      Layer& lower = layers_[l - 1];
      transpose(view<Scalar>(lower.values_t.data(), lower.outputs, rows),
                view(lower.values, rows, lower.outputs));
      below = lower.values.data();
    }
    multiply(view<Scalar>(layer.slopes_t.data(), layer.outputs, rows),
             view(below, rows, layer.inputs),
             {out.data() + layer.weight, layer.outputs, layer.inputs, layer.inputs}, into);
    for (std::size_t unit = 0; unit < layer.outputs; ++unit) {
      Scalar sum = into == Into::kAdd ? out[layer.bias + unit] : Scalar{0};
      for (std::size_t i = 0; i < rows; ++i) sum += layer.slopes_t[unit * rows + i];
      out[layer.bias + unit] = sum;
    }
  }
}

template <class Scalar>
double Mlp<Scalar>::gradient(std::span<const Scalar> parameters, const Batch& batch,
                             std::span<Scalar> out) {
  check_call(layout_, inputs_, parameters, batch);
  SHOAL_CHECK(out.size() == layout_.size(), "the gradient does not fit the layout");
  Layer& last = layers_.back();
  const double weight = 1.0 / static_cast<double>(batch.rows.size());
  double loss = 0.0;
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += kBlockRows) {
    const auto rows = batch.rows.subspan(begin, std::min(kBlockRows, batch.rows.size() - begin));
    gather(*batch.data, rows);
    forward(parameters, rows.size());
    std::copy_n(last.values_t.begin(), last.outputs * rows.size(), last.slopes_t.begin());
    for (std::size_t i = 0; i < rows.size(); ++i)
      loss += cross_entropy_gradient(last.slopes_t.data() + i, last.outputs, rows.size(),
                                     batch.data->labels[rows[i]], weight);
    backward(parameters, rows.size(), begin == 0 ? Into::kOverwrite : Into::kAdd, out);
  }
  return loss * weight;
}

template <class Scalar>
Evaluation Mlp<Scalar>::evaluate(std::span<const Scalar> parameters, const Batch& batch) {
  check_call(layout_, inputs_, parameters, batch);
  const Layer& last = layers_.back();
  double loss = 0.0;
  double correct = 0.0;
  for (std::size_t begin = 0; begin < batch.rows.size(); begin += kBlockRows) {
    const auto rows = batch.rows.subspan(begin, std::min(kBlockRows, batch.rows.size() - begin));
    gather(*batch.data, rows);
    forward(parameters, rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const std::size_t label = batch.data->labels[rows[i]];
      const Scalar* scores = last.values_t.data() + i;
      loss += cross_entropy(scores, last.outputs, rows.size(), label);
      correct += largest_score(scores, last.outputs, rows.size()) == label ? 1.0 : 0.0;
    }
  }
  const double count = static_cast<double>(batch.rows.size());
  return {loss / count, correct / count};
}

template <class Scalar>
double Mlp<Scalar>::flops_per_row() const {
  double weights = 0.0;
  for (const Layer& layer : layers_)
    weights += static_cast<double>(layer.inputs) * static_cast<double>(layer.outputs);
  return 6.0 * weights;
}

template class Mlp<float>;
template class Mlp<double>;

}  // namespace shoal

#include "shoal/model/torch/convolutional.h"

#include <fmt/format.h>
#include <utility>

#include "shoal/base/check.h"
#include "shoal/model/network/uniform_fan_in.h"

namespace shoal {
namespace {

void write(at::Tensor& place, const at::Tensor& value, bool add) {
  if (add)
    place.add_(value);
  else
    place.copy_(value);
}

}  // namespace

ConvolutionalShape fedavg_cnn() { return {{{32, 5, 2}, {64, 5, 2}}, {512}}; }
ConvolutionalShape lenet5() { return {{{6, 5, 2}, {16, 5, 0}}, {120, 84}}; }

std::uint32_t side_after(const ConvolutionalShape& shape, std::uint32_t side) {
  for (const ConvolutionShape& layer : shape.convolutions) {
    if (side + 2 * layer.padding < layer.kernel + 1) return 0;
    side = (side + 2 * layer.padding - layer.kernel + 1) / 2;
  }
  return side;
}

Convolutional::Convolutional(const ConvolutionalShape& shape,
                             const std::vector<std::uint32_t>& row_shape, std::size_t classes)
    : TorchModel(row_shape, classes), shape_(shape) {
  SHOAL_CHECK(row_shape.size() == 3, "a convolutional network takes channels x height x width");
  std::uint32_t channels = row_shape[0];
  std::uint32_t height = row_shape[1];
  std::uint32_t width = row_shape[2];
  int number = 1;
  for (const ConvolutionShape& layer : shape.convolutions) {
    layout_.add(fmt::format("conv{}.weight", number),
                {layer.channels, channels, layer.kernel, layer.kernel});
    layout_.add(fmt::format("conv{}.bias", number++), {layer.channels});
    height = height + 2 * layer.padding - layer.kernel + 1;
    width = width + 2 * layer.padding - layer.kernel + 1;
    multiply_adds_ +=
        double(height) * width * layer.channels * channels * layer.kernel * layer.kernel;
    height /= 2;
    width /= 2;
    channels = layer.channels;
  }
  std::uint32_t inputs = channels * height * width;
  SHOAL_CHECK(inputs > 0, "the image does not survive the pools");
  std::vector<std::uint32_t> widths = shape.hidden;
  widths.push_back(static_cast<std::uint32_t>(classes));
  number = 1;
  for (const std::uint32_t outputs : widths) {
    layout_.add(fmt::format("fc{}.weight", number), {outputs, inputs});
    layout_.add(fmt::format("fc{}.bias", number++), {outputs});
    multiply_adds_ += double(inputs) * outputs;
    inputs = outputs;
  }
  convolutions_.resize(shape.convolutions.size());
  connected_.resize(widths.size());
}

void Convolutional::initialize(RandomStream stream, std::span<float> parameters) const {
  SHOAL_CHECK(parameters.size() == layout_.size(), "the parameters do not fit the layout");
  const auto& tensors = layout_.tensors();
  for (std::size_t t = 0; t < tensors.size(); t += 2)  // weight, bias, weight, bias, ...
    draw_uniform_fan_in(
        stream, tensors[t].size / tensors[t].shape[0],
        parameters.subspan(tensors[t].offset, tensors[t].size + tensors[t + 1].size));
}

at::Tensor Convolutional::scores(const Tensors& parameters, const at::Tensor& rows, bool keep) {
  at::Tensor x = rows;
  for (std::size_t l = 0; l < convolutions_.size(); ++l) {
    const std::int64_t padding = shape_.convolutions[l].padding;
    Kept now;
    now.input = x;
    now.convolved = at::conv2d(x, parameters[2 * l], parameters[2 * l + 1], 1, {padding, padding});
    std::tie(x, now.where) = at::max_pool2d_with_indices(now.convolved, {2, 2});
    x.relu_();
    now.output = x;
    if (keep) convolutions_[l] = std::move(now);
  }
  x = x.flatten(1);
  for (std::size_t l = 0; l < connected_.size(); ++l) {
    const std::size_t at = 2 * (convolutions_.size() + l);
    Kept now;
    now.input = x;
    x = at::addmm(parameters[at + 1], x, parameters[at].t());
    if (l + 1 < connected_.size()) x.relu_();
    now.output = x;
    if (keep) connected_[l] = std::move(now);
  }
  return x;
}

void Convolutional::backward(const Tensors& parameters, const at::Tensor& slopes,
                             Tensors& gradients, bool add) {
  at::Tensor above = slopes;
  const double kept_share = add ? 1.0 : 0.0;
  for (std::size_t l = connected_.size(); l-- > 0;) {
    const std::size_t at = 2 * (convolutions_.size() + l);
    if (l + 1 < connected_.size()) above = at::threshold_backward(above, connected_[l].output, 0);
    at::Tensor& weight = gradients[at];
    at::addmm_out(weight, weight, above.t(), connected_[l].input, kept_share, 1.0);
    write(gradients[at + 1], above.sum(0), add);
    above = at::mm(above, parameters[at]);
    connected_[l] = {};
  }
  backward_convolutions(parameters, above.view(convolutions_.back().output.sizes()), gradients,
                        add);
  for (Kept& kept : convolutions_) kept = {};
}

void Convolutional::backward_convolutions(const Tensors& parameters, at::Tensor above,
                                          Tensors& gradients, bool add) const {
  for (std::size_t l = convolutions_.size(); l-- > 0;) {
    const Kept& kept = convolutions_[l];
    const std::int64_t padding = shape_.convolutions[l].padding;
    above = at::threshold_backward(above, kept.output, 0);
    above = at::max_pool2d_with_indices_backward(above, kept.convolved, {2, 2}, {2, 2}, {0, 0},
                                                 {1, 1}, false, kept.where);
    const std::int64_t channels = shape_.convolutions[l].channels;
    auto [down, weight, bias] = at::convolution_backward(
        above, kept.input, parameters[2 * l], at::IntArrayRef({channels}), {1, 1},
        {padding, padding}, {1, 1}, false, {0, 0}, 1, {l > 0, true, true});
    write(gradients[2 * l], weight, add);
    write(gradients[2 * l + 1], bias, add);
    above = down;
  }
}

}  // namespace shoal

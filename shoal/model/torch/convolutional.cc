#include "shoal/model/torch/convolutional.h"

#include <algorithm>
#include <fmt/format.h>
#include <string>

#include "shoal/base/check.h"
#include "shoal/model/network/image.h"
#include "shoal/math/product.h"
#include "shoal/model/network/uniform_fan_in.h"
#include "shoal/model/torch/torch_model.h"

namespace shoal {
namespace {

void write(at::Tensor& place, const at::Tensor& value, bool add) {
  if (add)
    place.add_(value);
  else
    place.copy_(value);
}

// Entries of a kernel up to which a first layer is computed as patches times weights.
constexpr std::size_t kPatchEntriesMax = 128;

template <class T>
std::span<T> all_of(const at::Tensor& tensor) {
  return {tensor.data_ptr<T>(), static_cast<std::size_t>(tensor.numel())};
}
// The i-th entry along the first dimension.
std::span<const float> image_at(const at::Tensor& tensor, std::int64_t i) {
  const auto size = static_cast<std::size_t>(tensor.numel() / tensor.size(0));
  return {tensor.data_ptr<float>() + static_cast<std::size_t>(i) * size, size};
}
std::vector<std::int64_t> shape_of(std::int64_t rows, const ImageSize& size) {
  return {rows, static_cast<std::int64_t>(size.channels), static_cast<std::int64_t>(size.height),
          static_cast<std::int64_t>(size.width)};
}
ImageSize stacked(const ImageSize& size, std::int64_t rows) {
  return {size.channels * static_cast<std::size_t>(rows), size.height, size.width};
}

class Convolutional final : public TorchModel {
 public:
  Convolutional(const ConvolutionalShape& shape, const std::vector<std::uint32_t>& row_shape,
                std::size_t classes);
  void initialize(RandomStream stream, std::span<float> parameters) const override;

 private:
  at::Tensor scores(const Tensors& parameters, const at::Tensor& rows, bool keep) override;
  void backward(const Tensors& parameters, const at::Tensor& slopes, Tensors& gradients,
                bool add) override;

  // One convolution with its pool, and what it leaves for the backward pass.
  struct Stage {
    ImageSize in;
    ImageSize convolved;
    Window window;
    bool by_patches;  // a first layer of few channels: our own product
    at::Tensor input;
    at::Tensor output;
    at::Tensor where;  // which of four each pool took
  };
  struct Connected {
    at::Tensor input;
    at::Tensor output;
  };

  at::Tensor convolve(const Stage& stage, const at::Tensor& input, const at::Tensor& weight,
                      const at::Tensor& bias);
  // Slopes in the stage's input (none for the first stage) from those in its output.
  at::Tensor backward_stage(std::size_t index, const at::Tensor& slopes, const at::Tensor& weight,
                            Tensors& gradients, bool add);
  void weight_gradient_by_patches(const Stage& stage, const at::Tensor& slopes, at::Tensor& weight,
                                  bool add);

  std::vector<Stage> stages_;
  std::vector<Connected> connected_;
  std::vector<float> patches_;  // of one image
};

Convolutional::Convolutional(const ConvolutionalShape& shape,
                             const std::vector<std::uint32_t>& row_shape, std::size_t classes)
    : TorchModel(row_shape, classes) {
  SHOAL_CHECK(row_shape.size() == 3, "a convolutional network takes channels x height x width");
  ImageSize image{row_shape[0], row_shape[1], row_shape[2]};
  for (const ConvolutionShape& layer : shape.convolutions) {
    const auto channels = static_cast<std::uint32_t>(image.channels);
    const std::string name = fmt::format("conv{}", stages_.size() + 1);
    layout_.add(name + ".weight", {layer.channels, channels, layer.kernel, layer.kernel});
    layout_.add(name + ".bias", {layer.channels});
    const Window window{layer.kernel, layer.padding};
    ImageSize convolved = positions(image, window);
    convolved.channels = layer.channels;
    const std::size_t entries = image.channels * layer.kernel * layer.kernel;
    multiply_adds_ += static_cast<double>(convolved.size()) * static_cast<double>(entries);
    const bool by_patches = stages_.empty() && entries <= kPatchEntriesMax;
    if (by_patches) patches_.resize(entries * convolved.pixels());
    stages_.push_back({image, convolved, window, by_patches, {}, {}, {}});
    image = {convolved.channels, convolved.height / 2, convolved.width / 2};
  }
  SHOAL_CHECK(image.size() > 0, "the image does not survive the pools");
  auto inputs = static_cast<std::uint32_t>(image.size());
  std::vector<std::uint32_t> widths = shape.hidden;
  widths.push_back(static_cast<std::uint32_t>(classes));
  for (const std::uint32_t outputs : widths) {
    connected_.emplace_back();
    layout_.add(fmt::format("fc{}.weight", connected_.size()), {outputs, inputs});
    layout_.add(fmt::format("fc{}.bias", connected_.size()), {outputs});
    multiply_adds_ += double(inputs) * outputs;
    inputs = outputs;
  }
}

void Convolutional::initialize(RandomStream stream, std::span<float> parameters) const {
  SHOAL_CHECK(parameters.size() == layout_.size(), "the parameters do not fit the layout");
  const auto& tensors = layout_.tensors();
  for (std::size_t t = 0; t < tensors.size(); t += 2)  // weight, bias, weight, bias, ...
    draw_uniform_fan_in(
        stream, tensors[t].size / tensors[t].shape[0],
        parameters.subspan(tensors[t].offset, tensors[t].size + tensors[t + 1].size));
}

at::Tensor Convolutional::convolve(const Stage& stage, const at::Tensor& input,
                                   const at::Tensor& weight, const at::Tensor& bias) {
  const auto padding = static_cast<std::int64_t>(stage.window.padding);
  if (!stage.by_patches) return at::conv2d(input, weight, bias, 1, {padding, padding}).contiguous();
  const ImageSize& size = stage.convolved;
  const std::size_t entries = patches_.size() / size.pixels();
  at::Tensor out = at::empty(shape_of(input.size(0), size));
  for (std::int64_t i = 0; i < input.size(0); ++i) {
    float* const image = out.data_ptr<float>() + i * size.size();
    for (std::size_t channel = 0; channel < size.channels; ++channel)
      std::fill_n(image + channel * size.pixels(), size.pixels(), bias.data_ptr<float>()[channel]);
    patches_by_entry(image_at(input, i), stage.in, stage.window, patches_);
    multiply({weight.data_ptr<float>(), size.channels, entries, entries},
             {patches_.data(), entries, size.pixels(), size.pixels()},
             {image, size.channels, size.pixels(), size.pixels()}, Into::kAdd);
  }
  return out;
}

at::Tensor Convolutional::scores(const Tensors& parameters, const at::Tensor& rows, bool keep) {
  at::Tensor x = rows;
  for (std::size_t l = 0; l < stages_.size(); ++l) {
    Stage& stage = stages_[l];
    const at::Tensor convolved = convolve(stage, x, parameters[2 * l], parameters[2 * l + 1]);
    const ImageSize half{stage.convolved.channels, stage.convolved.height / 2,
                         stage.convolved.width / 2};
    at::Tensor output = at::empty(shape_of(rows.size(0), half));
    at::Tensor where = at::empty(output.sizes(), at::kByte);
    // Channels of several images follow one another like channels of one.
    max_pool_relu(all_of<float>(convolved), stacked(stage.convolved, rows.size(0)),
                  all_of<float>(output), all_of<std::uint8_t>(where));
    if (keep) {
      stage.input = x;
      stage.output = output;
      stage.where = where;
    }
    x = output;
  }
  x = x.flatten(1);
  for (std::size_t l = 0; l < connected_.size(); ++l) {
    const std::size_t at = 2 * (stages_.size() + l);
    if (keep) connected_[l].input = x;
    x = at::addmm(parameters[at + 1], x, parameters[at].t());
    if (l + 1 < connected_.size()) x.relu_();
    if (keep) connected_[l].output = x;
  }
  return x;
}

void Convolutional::backward(const Tensors& parameters, const at::Tensor& slopes,
                             Tensors& gradients, bool add) {
  at::Tensor above = slopes;
  for (std::size_t l = connected_.size(); l-- > 0;) {
    const std::size_t at = 2 * (stages_.size() + l);
    if (l + 1 < connected_.size()) above = at::threshold_backward(above, connected_[l].output, 0);
    at::Tensor& weight = gradients[at];
    at::addmm_out(weight, weight, above.t(), connected_[l].input, add ? 1.0 : 0.0, 1.0);
    write(gradients[at + 1], above.sum(0), add);
    above = at::mm(above, parameters[at]);
    connected_[l] = {};
  }
  for (std::size_t l = stages_.size(); l-- > 0;)
    above = backward_stage(l, above, parameters[2 * l], gradients, add);
}

at::Tensor Convolutional::backward_stage(std::size_t index, const at::Tensor& slopes,
                                         const at::Tensor& weight, Tensors& gradients, bool add) {
  Stage& stage = stages_[index];
  const std::int64_t rows = slopes.size(0);
  const at::Tensor inner = at::empty(shape_of(rows, stage.convolved));
  const at::Tensor contiguous = slopes.contiguous();
  max_pool_relu_backward(all_of<float>(stage.output), all_of<std::uint8_t>(stage.where),
                         all_of<float>(contiguous), stacked(stage.convolved, rows),
                         all_of<float>(inner));
  at::Tensor below;
  if (stage.by_patches) {
    weight_gradient_by_patches(stage, inner, gradients[2 * index], add);
    write(gradients[2 * index + 1], inner.sum({0, 2, 3}), add);
  } else {
    const auto padding = static_cast<std::int64_t>(stage.window.padding);
    auto [down, weight_slopes, bias_slopes] = at::convolution_backward(
        inner, stage.input, weight, at::IntArrayRef({weight.size(0)}), {1, 1}, {padding, padding},
        {1, 1}, false, {0, 0}, 1, {index > 0, true, true});
    write(gradients[2 * index], weight_slopes, add);
    write(gradients[2 * index + 1], bias_slopes, add);
    below = down;
  }
  stage.input.reset();
  stage.output.reset();
  stage.where.reset();
  return below;
}

void Convolutional::weight_gradient_by_patches(const Stage& stage, const at::Tensor& slopes,
                                               at::Tensor& weight, bool add) {
  const ImageSize& size = stage.convolved;
  const std::size_t entries = patches_.size() / size.pixels();
  for (std::int64_t i = 0; i < slopes.size(0); ++i) {
    patches_by_position(image_at(stage.input, i), stage.in, stage.window, patches_);
    multiply({image_at(slopes, i).data(), size.channels, size.pixels(), size.pixels()},
             {patches_.data(), size.pixels(), entries, entries},
             {weight.data_ptr<float>(), size.channels, entries, entries},
             add || i > 0 ? Into::kAdd : Into::kOverwrite);
  }
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

std::unique_ptr<Model<float>> make_convolutional(const ConvolutionalShape& shape,
                                                 const std::vector<std::uint32_t>& row_shape,
                                                 std::size_t classes) {
  return std::make_unique<Convolutional>(shape, row_shape, classes);
}

}  // namespace shoal

#include "shoal/model/torch/resnet.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/check.h"
#include "shoal/model/network/uniform_fan_in.h"
#include "shoal/model/torch/torch_model.h"

namespace shoal {
namespace {

bool is_normalisation(const TensorInfo& tensor) {
  return tensor.name.find("norm") != std::string::npos;
}

// Hands out the parameters in the order in which the constructor laid them out.
class Walk {
 public:
  Walk(const Tensors& parameters, std::int64_t groups) : parameters_(parameters), groups_(groups) {}

  const at::Tensor& next() { return parameters_[at_++]; }
  at::Tensor normalised_convolution(const at::Tensor& x, std::int64_t stride) {
    const at::Tensor& weight = next();
    const std::int64_t padding = weight.size(2) / 2;
    const at::Tensor y = at::conv2d(x, weight, {}, {stride, stride}, {padding, padding});
    const at::Tensor& scale = next();
    const at::Tensor& shift = next();
    return at::group_norm(y, groups_, scale, shift);
  }

 private:
  const Tensors& parameters_;
  std::int64_t groups_;
  std::size_t at_ = 0;
};

class ResNet final : public AutogradModel {
 public:
  ResNet(const ResNetShape& shape, const std::vector<std::uint32_t>& row_shape,
         std::size_t classes);
  // Weights as PyTorch's default; normalisations start at scale 1 and shift 0.
  void initialize(RandomStream stream, std::span<float> parameters) const override;

 private:
  at::Tensor forward(const Tensors& parameters, const at::Tensor& rows) override;
  // Appends the tensors of one convolution and its normalisation.
  void add_convolution(const std::string& name, std::uint32_t in, std::uint32_t out,
                       std::uint32_t kernel, double pixels);

  ResNetShape shape_;
  std::size_t classes_;
};

ResNet::ResNet(const ResNetShape& shape, const std::vector<std::uint32_t>& row_shape,
               std::size_t classes)
    : AutogradModel(row_shape, classes), shape_(shape), classes_(classes) {
  SHOAL_CHECK(row_shape.size() == 3, "a residual network takes channels x height x width");
  std::uint32_t height = row_shape[1];
  std::uint32_t width = row_shape[2];
  std::uint32_t channels = shape.widths.front();
  add_convolution("stem", row_shape[0], channels, 3, double(height) * width);
  for (std::size_t stage = 0; stage < shape.widths.size(); ++stage) {
    const std::uint32_t out = shape.widths[stage];
    if (stage > 0) {
      height = (height + 1) / 2;
      width = (width + 1) / 2;
    }
    const double pixels = double(height) * width;
    for (std::uint32_t block = 0; block < shape.blocks; ++block) {
      const std::string name = fmt::format("stage{}.block{}", stage + 1, block + 1);
      add_convolution(name + ".1", channels, out, 3, pixels);
      add_convolution(name + ".2", out, out, 3, pixels);
      if (stage > 0 && block == 0) add_convolution(name + ".shortcut", channels, out, 1, pixels);
      channels = out;
    }
  }
  layout_.add("fc.weight", {static_cast<std::uint32_t>(classes), channels});
  layout_.add("fc.bias", {static_cast<std::uint32_t>(classes)});
  multiply_adds_ += double(channels) * static_cast<double>(classes);
}

void ResNet::add_convolution(const std::string& name, std::uint32_t in, std::uint32_t out,
                             std::uint32_t kernel, double pixels) {
  layout_.add(name + ".conv.weight", {out, in, kernel, kernel});
  layout_.add(name + ".norm.weight", {out});
  layout_.add(name + ".norm.bias", {out});
  multiply_adds_ += pixels * in * out * kernel * kernel;
}

void ResNet::initialize(RandomStream stream, std::span<float> parameters) const {
  SHOAL_CHECK(parameters.size() == layout_.size(), "the parameters do not fit the layout");
  for (const TensorInfo& tensor : layout_.tensors()) {
    const auto values = parameters.subspan(tensor.offset, tensor.size);
    if (is_normalisation(tensor))
      std::ranges::fill(values, tensor.name.ends_with("weight") ? 1.0f : 0.0f);
    else if (tensor.name == "fc.bias")
      draw_uniform_fan_in(stream, shape_.widths.back(), values);
    else
      draw_uniform_fan_in(stream, tensor.size / tensor.shape[0], values);
  }
}

at::Tensor ResNet::forward(const Tensors& parameters, const at::Tensor& rows) {
  Walk walk(parameters, shape_.groups);
  at::Tensor x = walk.normalised_convolution(rows, 1).relu();
  for (std::size_t stage = 0; stage < shape_.widths.size(); ++stage)
    for (std::uint32_t block = 0; block < shape_.blocks; ++block) {
      const bool halves = stage > 0 && block == 0;
      at::Tensor y = walk.normalised_convolution(x, halves ? 2 : 1).relu();
      y = walk.normalised_convolution(y, 1);
      if (halves) x = walk.normalised_convolution(x, 2);
      x = (x + y).relu();
    }
  x = x.mean({2, 3});
  const at::Tensor& weight = walk.next();
  const at::Tensor& bias = walk.next();
  return at::addmm(bias, x, weight.t());
}

}  // namespace

std::unique_ptr<Model<float>> make_resnet(const ResNetShape& shape,
                                          const std::vector<std::uint32_t>& row_shape,
                                          std::size_t classes) {
  return std::make_unique<ResNet>(shape, row_shape, classes);
}

}  // namespace shoal

// A small residual network with group normalisation (He et al. 2015, 1512.03385; Wu and He 2018,
// 1803.08494). Batch normalisation would tie a row's loss to its batch and keep statistics that
// nodes with different data cannot share; group normalisation does neither.
//
// 3x3 convolution to the first width; then per stage `blocks` basic blocks of two 3x3 convolutions,
// the first of every later stage with stride 2 and a 1x1 convolution on its shortcut; mean over the
// image; one fully connected layer. Gradients by autograd.
#pragma once

#include <string>
#include <vector>

#include "shoal/model/torch/torch_model.h"

namespace shoal {

struct ResNetShape {
  std::vector<std::uint32_t> widths = {16, 32, 64};
  std::uint32_t blocks = 1;  // a stage
  std::uint32_t groups = 8;  // divides every width
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

}  // namespace shoal

// A small residual network with group normalisation (He et al. 2015, 1512.03385; Wu and He 2018,
// 1803.08494). Batch normalisation would tie a row's loss to its batch and keep statistics that
// nodes with different data cannot share; group normalisation does neither.
//
// 3x3 convolution to the first width; then per stage `blocks` basic blocks of two 3x3 convolutions,
// the first of every later stage with stride 2 and a 1x1 convolution on its shortcut; mean over the
// image; one fully connected layer. Gradients by autograd.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "shoal/model/model.h"

namespace shoal {

struct ResNetShape {
  std::vector<std::uint32_t> widths = {16, 32, 64};
  std::uint32_t blocks = 1;  // a stage
  std::uint32_t groups = 8;  // divides every width
};

// row_shape: channels, height, width.
std::unique_ptr<Model<float>> make_resnet(const ResNetShape& shape,
                                          const std::vector<std::uint32_t>& row_shape,
                                          std::size_t classes);

}  // namespace shoal

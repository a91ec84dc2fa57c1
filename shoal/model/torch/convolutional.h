// Plain convolutional networks: convolution, 2x2 max-pool, relu, some times over; then fully
// connected layers with relu between them.
//
// The backward pass is written out (no autograd): gradients go straight into the caller's vector.
// Pooling comes before relu, which gives the same values and slopes as after it, on a quarter of
// the numbers; pools and a first layer of few channels are our own (network/image.h), the other
// products are LibTorch's (oneDNN, OpenBLAS), so their bits may differ between kinds of processor.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "shoal/model/model.h"

namespace shoal {

struct ConvolutionShape {
  std::uint32_t channels;
  std::uint32_t kernel;
  std::uint32_t padding;
};

struct ConvolutionalShape {
  std::vector<ConvolutionShape> convolutions;
  std::vector<std::uint32_t> hidden;  // widths of the fully connected layers before the last
};

// McMahan et al. 2016 (1602.05629): 5x5 convolutions of 32 and 64 channels, 512 units; 1,663,370
// parameters on 28x28 images of 10 classes.
ConvolutionalShape fedavg_cnn();
// LeNet-5 (LeCun et al. 1998) as it is built today, with relu and max-pool in place of the sigmoids
// and trained subsampling: 6 and 16 channels, 120 and 84 units; 61,706 parameters on 28x28.
ConvolutionalShape lenet5();

// Side of the image after all convolutions and pools, or 0 when it does not survive them.
std::uint32_t side_after(const ConvolutionalShape& shape, std::uint32_t side);

// row_shape: channels, height, width; both sides survive (side_after > 0).
std::unique_ptr<Model<float>> make_convolutional(const ConvolutionalShape& shape,
                                                 const std::vector<std::uint32_t>& row_shape,
                                                 std::size_t classes);

}  // namespace shoal

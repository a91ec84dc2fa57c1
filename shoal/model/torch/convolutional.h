// Plain convolutional networks: convolution, 2x2 max-pool, relu, some times over; then fully
// connected layers with relu between them.
//
// The backward pass is written out (no autograd): gradients go straight into the caller's vector.
// Pooling comes before relu, which gives the same values and slopes as after it, on a quarter of
// the numbers; pools and a first layer of few channels are our own (network/image.h), the other
// products are LibTorch's (oneDNN, OpenBLAS), so their bits may differ between kinds of processor.
#pragma once

#include <vector>

#include "shoal/model/network/image.h"
#include "shoal/model/torch/torch_model.h"

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

class Convolutional final : public TorchModel {
 public:
  // row_shape: channels, height, width; both sides survive (side_after > 0).
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

}  // namespace shoal

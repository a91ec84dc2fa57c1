// A multilayer perceptron: fully connected layers with relu or tanh between them and a softmax
// cross entropy at the end. With its default of one hidden layer of 200 it is the "2NN"-like
// workhorse of federated studies on 28x28 images (159,010 parameters).
//
// Tensors fc1.weight [out, in], fc1.bias [out], fc2.weight, ... as PyTorch names them. Forward and
// backward pass are written out over multiply() (product.h), on the caller's flat vectors, without
// copies of parameters; rows are taken in blocks of 32, so scratch does not grow with the batch and
// nothing is allocated after the first block of a size. The same bits on any number of threads.
#pragma once

#include <cstdint>
#include <vector>

#include "shoal/model/model.h"
#include "shoal/math/product.h"

namespace shoal {

enum class Activation { kRelu, kTanh };

template <class Scalar>
class Mlp final : public Model<Scalar> {
 public:
  // widths: inputs, hidden layers, classes.
  Mlp(std::vector<std::size_t> widths, Activation activation);

  const Layout& layout() const override { return layout_; }
  // Weights and biases uniform on +-1 / sqrt(inputs of the layer), PyTorch's default.
  void initialize(RandomStream stream, std::span<Scalar> parameters) const override;
  double gradient(std::span<const Scalar> parameters, const Batch& batch,
                  std::span<Scalar> out) override;
  Evaluation evaluate(std::span<const Scalar> parameters, const Batch& batch) override;
  // Forward and backward pass counted as three times the multiply-adds of the forward pass, two
  // operations each: 6 x the number of weights.
  double flops_per_row() const override;

 private:
  // Activations of one layer for a block of rows, and in the backward pass the slopes of the loss
  // in the layer's scores. Suffix _t: transposed, units x rows.
  struct Layer {
    std::size_t inputs;
    std::size_t outputs;
    std::size_t weight;  // offsets into the parameters
    std::size_t bias;
    std::vector<Scalar> values_t;
    std::vector<Scalar> values;
    std::vector<Scalar> slopes;
    std::vector<Scalar> slopes_t;
  };

  void gather(const Dataset& data, std::span<const std::uint32_t> rows);
  // Leaves the scores of the block in the last layer's values_t.
  void forward(std::span<const Scalar> parameters, std::size_t rows);
  void activate(Layer& layer, const Scalar* bias, std::size_t rows, bool last) const;
  // From the last layer's slopes_t to the gradient of every tensor.
  void backward(std::span<const Scalar> parameters, std::size_t rows, Into into,
                std::span<Scalar> out);
  // slopes and slopes_t of `layer` from those of the layer above.
  void propagate(std::span<const Scalar> parameters, const Layer& above, Layer& layer,
                 std::size_t rows) const;

  std::size_t inputs_;
  Activation activation_;
  Layout layout_;
  std::vector<Layer> layers_;
  std::vector<Scalar> x_;    // rows x inputs
  std::vector<Scalar> x_t_;  // inputs x rows
};

extern template class Mlp<float>;
extern template class Mlp<double>;

}  // namespace shoal

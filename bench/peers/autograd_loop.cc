#include "bench/peers/autograd_loop.h"

#include <torch/torch.h>

namespace shoal {
namespace {

torch::nn::Sequential perceptron() {
  return torch::nn::Sequential(torch::nn::Flatten(), torch::nn::Linear(784, 200), torch::nn::ReLU(),
                               torch::nn::Linear(200, 10));
}

torch::nn::Sequential fedavg_cnn() {
  using Convolution = torch::nn::Conv2dOptions;
  return torch::nn::Sequential(
      torch::nn::Conv2d(Convolution(1, 32, 5).padding(2)), torch::nn::ReLU(),
      torch::nn::MaxPool2d(2), torch::nn::Conv2d(Convolution(32, 64, 5).padding(2)),
      torch::nn::ReLU(), torch::nn::MaxPool2d(2), torch::nn::Flatten(),
      torch::nn::Linear(3136, 512), torch::nn::ReLU(), torch::nn::Linear(512, 10));
}

class TorchLoop final : public AutogradLoop {
 public:
  TorchLoop(torch::nn::Sequential network, const Dataset& data)
      : network_(std::move(network)),
        optimizer_(network_->parameters(), torch::optim::SGDOptions(0.01)) {
    torch::set_num_threads(1);
    const auto rows = static_cast<std::int64_t>(data.rows);
    x_ = torch::tensor(at::ArrayRef<float>(data.x)).view({rows, 1, 28, 28});
    y_ = torch::tensor(at::ArrayRef<std::int32_t>(data.labels)).to(torch::kLong);
  }
  void step(std::span<const std::uint32_t> rows) override {
    const torch::Tensor chosen = torch::tensor(std::vector<std::int64_t>(rows.begin(), rows.end()));
    optimizer_.zero_grad();
    const torch::Tensor scores = network_->forward(x_.index_select(0, chosen));
    torch::nn::functional::cross_entropy(scores, y_.index_select(0, chosen)).backward();
    optimizer_.step();
  }

 private:
  torch::nn::Sequential network_;
  torch::optim::SGD optimizer_;
  torch::Tensor x_;
  torch::Tensor y_;
};

}  // namespace

std::unique_ptr<AutogradLoop> autograd_loop(const std::string& network, const Dataset& data) {
  return std::make_unique<TorchLoop>(network == "mlp" ? perceptron() : fedavg_cnn(), data);
}

}  // namespace shoal

// The yardstick of model_bench: the training loop one writes with LibTorch's modules, optimizer and
// autograd, on one thread.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "shoal/data/dataset.h"

namespace shoal {

class AutogradLoop {
 public:
  virtual ~AutogradLoop() = default;
  // One SGD step on the rows.
  virtual void step(std::span<const std::uint32_t> rows) = 0;
};

// "mlp" (784-200-10) or "cnn" (that of federated averaging), on 28x28 images. The data lies in one
// tensor from the start; a batch is an index_select.
std::unique_ptr<AutogradLoop> autograd_loop(const std::string& network, const Dataset& data);

}  // namespace shoal

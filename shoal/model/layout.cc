#include "shoal/model/layout.h"

#include <utility>

namespace shoal {

void Layout::add(std::string name, std::vector<std::uint32_t> shape, bool trainable, bool shared) {
  std::size_t count = 1;
  for (const std::uint32_t side : shape) count *= side;
  tensors_.push_back({std::move(name), std::move(shape), size_, count, trainable, shared});
  size_ += count;
}

}  // namespace shoal

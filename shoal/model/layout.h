// Where the tensors of a model lie in its flat parameter vector.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace shoal {

struct TensorInfo {
  std::string name;                  // "fc1.weight"
  std::vector<std::uint32_t> shape;  // row-major
  std::size_t offset = 0;            // in elements
  std::size_t size = 0;              // product of shape
  bool trainable = true;             // frozen tensors keep their value
  bool shared = true;                // local tensors never leave their node
};

class Layout {
 public:
  // Appends a tensor behind the last one.
  void add(std::string name, std::vector<std::uint32_t> shape, bool trainable = true,
           bool shared = true);
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  // Number of elements of the flat vector.
  std::size_t size() const { return size_; }

 private:
  std::vector<TensorInfo> tensors_;
  std::size_t size_ = 0;
};

}  // namespace shoal

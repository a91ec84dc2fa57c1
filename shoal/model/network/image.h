// Images, channels x height x width: the parts of a convolutional network that LibTorch does slowly
// on one thread. A first layer has few input channels, which leaves oneDNN's kernels mostly idle
// (8 of 100 GFLOP/s measured for one channel); as patches times weights it is a plain product.
#pragma once

#include <cstdint>
#include <span>

namespace shoal {

struct ImageSize {
  std::size_t channels;
  std::size_t height;
  std::size_t width;
  std::size_t pixels() const { return height * width; }
  std::size_t size() const { return channels * pixels(); }
};

struct Window {
  std::size_t kernel;
  std::size_t padding;
};

// Where the window fits: channels x (height + 2 padding - kernel + 1) x (width + ...).
ImageSize positions(const ImageSize& image, const Window& window);

// One line an entry of the kernel (channel, row, column), one column a position; zeros outside.
// out.size() == channels * kernel^2 * positions.
void patches_by_entry(std::span<const float> image, const ImageSize& size, const Window& window,
                      std::span<float> out);
// The same transposed: one line a position.
void patches_by_position(std::span<const float> image, const ImageSize& size, const Window& window,
                         std::span<float> out);

// relu(2x2 max-pool) of every channel; an odd last row or column is left out. where: which of the
// four (row-major, the first of equals) each output took.
void max_pool_relu(std::span<const float> image, const ImageSize& size, std::span<float> out,
                   std::span<std::uint8_t> where);
// Slopes in `image` from slopes in `out`: those of outputs above 0, where they came from.
void max_pool_relu_backward(std::span<const float> out, std::span<const std::uint8_t> where,
                            std::span<const float> slopes, const ImageSize& size,
                            std::span<float> image_slopes);

}  // namespace shoal

#include "shoal/model/network/image.h"

#include <algorithm>

#include "shoal/base/check.h"

namespace shoal {
namespace {

// Row `at` of the image shifted by `padding` columns, as far as it exists.
struct Overlap {
  std::size_t skip;   // positions before the image begins
  std::size_t first;  // first column of the image
  std::size_t count;
};
Overlap overlap(std::size_t shift, std::size_t padding, std::size_t width, std::size_t positions) {
  const std::size_t skip = shift < padding ? std::min(padding - shift, positions) : 0;
  const std::size_t first = shift < padding ? 0 : shift - padding;
  if (first >= width) return {positions, 0, 0};
  return {skip, first, std::min(width - first, positions - skip)};
}

}  // namespace

ImageSize positions(const ImageSize& image, const Window& window) {
  return {image.channels, image.height + 2 * window.padding - window.kernel + 1,
          image.width + 2 * window.padding - window.kernel + 1};
}

void patches_by_entry(std::span<const float> image, const ImageSize& size, const Window& window,
                      std::span<float> out) {
  const ImageSize fit = positions(size, window);
  SHOAL_CHECK(out.size() == fit.size() * window.kernel * window.kernel, "patches need room");
  float* line = out.data();
  for (std::size_t channel = 0; channel < size.channels; ++channel)
    for (std::size_t row = 0; row < window.kernel; ++row)
      for (std::size_t column = 0; column < window.kernel; ++column) {
        const Overlap over = overlap(column, window.padding, size.width, fit.width);
        for (std::size_t y = 0; y < fit.height; ++y, line += fit.width) {
          std::fill_n(line, fit.width, 0.0f);
          const std::size_t from = y + row;
          if (from < window.padding || from - window.padding >= size.height) continue;
          const float* source = image.data() + channel * size.pixels() +
                                (from - window.padding) * size.width + over.first;
          std::copy_n(source, over.count, line + over.skip);
        }
      }
}

void patches_by_position(std::span<const float> image, const ImageSize& size, const Window& window,
                         std::span<float> out) {
  const ImageSize fit = positions(size, window);
  SHOAL_CHECK(out.size() == fit.size() * window.kernel * window.kernel, "patches need room");
  float* line = out.data();
  for (std::size_t y = 0; y < fit.height; ++y)
    for (std::size_t x = 0; x < fit.width; ++x) {
      const Overlap over = overlap(x, window.padding, size.width, window.kernel);
      for (std::size_t channel = 0; channel < size.channels; ++channel)
        for (std::size_t row = 0; row < window.kernel; ++row, line += window.kernel) {
          std::fill_n(line, window.kernel, 0.0f);
          const std::size_t from = y + row;
          if (from < window.padding || from - window.padding >= size.height) continue;
          const float* source = image.data() + channel * size.pixels() +
                                (from - window.padding) * size.width + over.first;
          std::copy_n(source, over.count, line + over.skip);
        }
    }
}

void max_pool_relu(std::span<const float> image, const ImageSize& size, std::span<float> out,
                   std::span<std::uint8_t> where) {
  const std::size_t height = size.height / 2;
  const std::size_t width = size.width / 2;
  SHOAL_CHECK(image.size() == size.size() && out.size() == size.channels * height * width &&
                  where.size() == out.size(),
              "a pool needs room for a quarter of its image");
  std::size_t at = 0;
  for (std::size_t channel = 0; channel < size.channels; ++channel)
    for (std::size_t y = 0; y < height; ++y) {
      const float* const upper = image.data() + channel * size.pixels() + 2 * y * size.width;
      const float* const lower = upper + size.width;
      for (std::size_t x = 0; x < width; ++x, ++at) {
        const float top = std::max(upper[2 * x], upper[2 * x + 1]);
        const float bottom = std::max(lower[2 * x], lower[2 * x + 1]);
        const int right_top = upper[2 * x + 1] > upper[2 * x];
        const int right_bottom = lower[2 * x + 1] > lower[2 * x];
        where[at] = static_cast<std::uint8_t>(bottom > top ? 2 + right_bottom : right_top);
        out[at] = std::max(std::max(top, bottom), 0.0f);
      }
    }
}

void max_pool_relu_backward(std::span<const float> out, std::span<const std::uint8_t> where,
                            std::span<const float> slopes, const ImageSize& size,
                            std::span<float> image_slopes) {
  const std::size_t height = size.height / 2;
  const std::size_t width = size.width / 2;
  SHOAL_CHECK(image_slopes.size() == size.size() && slopes.size() == out.size() &&
                  out.size() == size.channels * height * width,
              "slopes come in the shape of what they belong to");
  std::ranges::fill(image_slopes, 0.0f);
  std::size_t at = 0;
  for (std::size_t channel = 0; channel < size.channels; ++channel)
    for (std::size_t y = 0; y < height; ++y) {
      float* const upper = image_slopes.data() + channel * size.pixels() + 2 * y * size.width;
      for (std::size_t x = 0; x < width; ++x, ++at)
        upper[2 * x + (where[at] >> 1) * size.width + (where[at] & 1)] =
            out[at] > 0.0f ? slopes[at] : 0.0f;
    }
}

}  // namespace shoal

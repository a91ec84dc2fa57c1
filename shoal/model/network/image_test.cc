// Patches and pools against loops over single pixels.
#include "shoal/model/network/image.h"

#include <gtest/gtest.h>
#include <vector>

#include "shoal/base/random.h"

namespace shoal {
namespace {

std::vector<float> draw(RandomStream& stream, std::size_t count) {
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(stream.below(7)) - 3.0f;  // many ties
  return values;
}

TEST(Image, PatchesHoldWhatTheWindowCovers) {
  RandomStream stream(1, purpose("image"));
  for (const ImageSize size : {ImageSize{1, 5, 5}, {2, 4, 7}, {3, 3, 2}, {1, 1, 9}})
    for (const Window window : {Window{1, 0}, {3, 1}, {5, 2}, {3, 2}, {2, 0}, {5, 4}}) {
      if (size.height + 2 * window.padding < window.kernel ||
          size.width + 2 * window.padding < window.kernel)
        continue;
      const auto image = draw(stream, size.size());
      const ImageSize fit = positions(size, window);
      const std::size_t entries = size.channels * window.kernel * window.kernel;
      std::vector<float> by_entry(entries * fit.pixels());
      std::vector<float> by_position(by_entry.size());
      patches_by_entry(image, size, window, by_entry);
      patches_by_position(image, size, window, by_position);
      for (std::size_t e = 0; e < entries; ++e)
        for (std::size_t p = 0; p < fit.pixels(); ++p) {
          const std::size_t channel = e / (window.kernel * window.kernel);
          const long y = static_cast<long>(p / fit.width + e / window.kernel % window.kernel) -
                         static_cast<long>(window.padding);
          const long x = static_cast<long>(p % fit.width + e % window.kernel) -
                         static_cast<long>(window.padding);
          const bool inside = y >= 0 && x >= 0 && y < static_cast<long>(size.height) &&
                              x < static_cast<long>(size.width);
          const float expected =
              inside ? image[channel * size.pixels() + y * size.width + x] : 0.0f;
          ASSERT_EQ(by_entry[e * fit.pixels() + p], expected);
          ASSERT_EQ(by_position[p * entries + e], expected);
        }
    }
}

TEST(Image, PoolTakesTheFirstLargestAndSlopesReturnToIt) {
  RandomStream stream(2, purpose("image"));
  for (const ImageSize size : {ImageSize{1, 2, 2}, {3, 5, 4}, {2, 6, 7}}) {
    const auto image = draw(stream, size.size());
    const std::size_t width = size.width / 2;
    const std::size_t per_channel = size.height / 2 * width;
    std::vector<float> out(size.channels * per_channel);
    std::vector<std::uint8_t> where(out.size());
    max_pool_relu(image, size, out, where);
    const auto slopes = draw(stream, out.size());
    std::vector<float> expected(size.size());
    std::vector<float> returned(size.size(), 9.0f);
    max_pool_relu_backward(out, where, slopes, size, returned);
    for (std::size_t o = 0; o < out.size(); ++o) {
      const std::size_t corner = o / per_channel * size.pixels() +
                                 o % per_channel / width * 2 * size.width + o % width * 2;
      std::size_t best = corner;
      for (const std::size_t other : {corner + 1, corner + size.width, corner + size.width + 1})
        if (image[other] > image[best]) best = other;
      ASSERT_EQ(out[o], std::max(image[best], 0.0f));
      if (image[best] > 0.0f) expected[best] = slopes[o];
    }
    EXPECT_EQ(returned, expected);
  }
}

}  // namespace
}  // namespace shoal

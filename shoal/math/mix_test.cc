#include "shoal/math/mix.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "shoal/base/random.h"
#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

TEST(Mix, BitEqualToPlainSumsOnEveryTargetAndThreadCount) {
  for (const std::size_t dimension : {0u, 1u, 15u, 16u, 100u, 40000u}) {
    for (const std::size_t n : {1u, 2u, 13u, 200u}) {
      if (n * dimension > 1000000) continue;
      RandomStream stream(4, purpose("mix test"));
      std::vector<std::vector<float>> held(n, std::vector<float>(dimension));
      for (auto& row : held)
        for (float& value : row) value = static_cast<float>(stream.normal());
      const std::vector<Row> rows(held.begin(), held.end());
      std::vector<std::vector<std::uint32_t>> subsets;
      for (int s = 0; s < 5; ++s) subsets.push_back(stream.sample(n, 1 + stream.below(n)));
      stream.shuffle(std::span<std::uint32_t>(subsets[0]));
      std::vector<float> want;
      for (const auto& subset : subsets) {
        std::vector<std::uint32_t> sorted = subset;
        std::sort(sorted.begin(), sorted.end());
        for (std::size_t c = 0; c < dimension; ++c) {
          double sum = 0.0;
          for (std::uint32_t four = 0; four < n; four += 4) {
            double part = 0.0;
            for (const std::uint32_t i : sorted)
              if (i / 4 == four / 4) part += static_cast<double>(held[i][c]);
            sum += part;
          }
          want.push_back(static_cast<float>(sum * (1.0 / static_cast<double>(subset.size()))));
        }
      }
      std::vector<float> got(want.size());
      std::vector<std::span<float>> means;
      for (std::size_t s = 0; s < subsets.size(); ++s)
        means.push_back(std::span(got).subspan(s * dimension, dimension));
      on_every_simd_target([&](const char* target) {
        mean_of_subsets(rows, subsets, means);
        EXPECT_EQ(got, want) << target;
      });
      ThreadPool pool(3);
      std::fill(got.begin(), got.end(), 0.0f);
      mean_of_subsets(rows, subsets, means, &pool);
      EXPECT_EQ(got, want);
    }
  }
}

}  // namespace
}  // namespace shoal

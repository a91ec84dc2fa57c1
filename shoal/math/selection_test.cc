#include "shoal/math/selection.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>

#include "shoal/base/random.h"
#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

std::vector<std::uint32_t> by_sorting(const std::vector<float>& x, std::size_t k) {
  std::vector<std::uint32_t> order(x.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return std::abs(x[a]) > std::abs(x[b]);
  });
  order.resize(k);
  std::sort(order.begin(), order.end());
  return order;
}

void expect_selected(const std::vector<float>& x, std::size_t k, const std::string& where) {
  const Selected got = largest_magnitudes(x, k);
  EXPECT_EQ(got.indices, by_sorting(x, k)) << where << " n " << x.size() << " k " << k;
  ASSERT_EQ(got.values.size(), k);
  for (std::size_t i = 0; i < k; ++i)
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got.values[i]),
              std::bit_cast<std::uint32_t>(x[got.indices[i]]));
}

// What gradients look like, and what breaks selections: ties, zeros, one exponent, sorted rows.
std::vector<float> row_of_kind(int kind, std::size_t n, std::uint32_t seed) {
  RandomStream stream(seed, purpose("selection test"), static_cast<std::uint32_t>(kind));
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) {
    switch (kind) {
      case 0:
        x[i] = static_cast<float>(stream.normal());
        break;
      case 1:
        x[i] = static_cast<float>(stream.below(3)) - 1.0f;
        break;
      case 2:
        x[i] = stream.below(1000) == 0 ? 1e-40f * float(stream.below(9)) : 0.0f;
        break;
      case 3:
        x[i] = 1.0f + 1e-6f * static_cast<float>(stream.uniform());
        break;
      case 4:
        x[i] = static_cast<float>(i);
        break;
      case 5:
        x[i] = i % 8 == 0 ? 100.0f : static_cast<float>(stream.uniform());
        break;
      default:
        x[i] = -0.0f;
        break;
    }
  }
  return x;
}

TEST(Selection, MatchesSortingOnEveryTarget) {
  on_every_simd_target([&](const char* target) {
    for (int kind = 0; kind <= 6; ++kind) {
      for (const std::size_t n : {1u, 2u, 17u, 1000u, 4095u, 5000u, 70001u}) {
        const std::vector<float> x = row_of_kind(kind, n, 3);
        for (const std::size_t k : {std::size_t{1}, n / 100, n / 10, n / 2, n - 1, n})
          expect_selected(x, k, target);
      }
    }
  });
}

TEST(Selection, TheCardsExample) {
  const std::vector<float> x{0.1f, -5, 3, 3, -0.2f, 0, 2};
  EXPECT_EQ(largest_magnitudes(x, 3).indices, (std::vector<std::uint32_t>{1, 2, 3}));
  EXPECT_EQ(largest_magnitudes(x, 2).indices, (std::vector<std::uint32_t>{1, 2}));
}

TEST(Selection, ManySmallRows) {
  for (std::uint32_t seed = 0; seed < 3000; ++seed) {
    RandomStream stream(seed, purpose("small rows"));
    const std::vector<float> x =
        row_of_kind(static_cast<int>(seed % 7), 1 + stream.below(60), seed);
    const std::size_t k = stream.below(x.size() + 1);
    expect_selected(x, k, std::to_string(seed));
  }
}

// At least twice as fast as nth_element on indices (measured: more than five times).
TEST(Selection, IsFast) {
  const std::size_t n = 1000000, k = 10000;
  const std::vector<float> x = row_of_kind(0, n, 5);
  const auto seconds = [](const auto& work) {
    double best = 1e9;
    for (int round = 0; round < 3; ++round) {
      const auto start = std::chrono::steady_clock::now();
      work();
      best = std::min(
          best, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
    }
    return best;
  };
  std::vector<std::uint32_t> fast, slow(n);
  const double radix = seconds([&] { fast = largest_magnitudes(x, k).indices; });
  const double plain = seconds([&] {
    slow.resize(n);
    std::iota(slow.begin(), slow.end(), 0u);
    std::nth_element(slow.begin(), slow.begin() + k, slow.end(),
                     [&](std::uint32_t a, std::uint32_t b) {
                       const float left = std::abs(x[a]), right = std::abs(x[b]);
                       return left != right ? left > right : a < b;
                     });
    slow.resize(k);
    std::sort(slow.begin(), slow.end());
  });
  EXPECT_EQ(fast, slow);
  EXPECT_GT(plain / radix, 2.0) << radix << " s against " << plain << " s";
}

}  // namespace
}  // namespace shoal

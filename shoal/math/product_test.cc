// Matrix products against chains of fused multiply-adds written out.
#include "shoal/math/product.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "shoal/base/random.h"

namespace shoal {
namespace {

bool has_fused_multiply_add() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2");
#else
  return true;
#endif
}

template <class T>
std::vector<T> draw(RandomStream& stream, std::size_t count) {
  std::vector<T> values(count);
  for (T& value : values) value = static_cast<T>(stream.normal());
  return values;
}

template <class T>
void expect_exact(std::size_t m, std::size_t k, std::size_t n, Into into) {
  RandomStream stream(1, purpose("product"), static_cast<std::uint32_t>(m * 1000 + n));
  // Strides wider than the matrices, so that a write outside its row would show.
  const std::size_t as = k + 3;
  const std::size_t bs = n + 5;
  const std::size_t cs = n + 2;
  const auto a = draw<T>(stream, m * as);
  const auto b = draw<T>(stream, k * bs);
  const auto start = draw<T>(stream, m * cs);
  auto c = start;
  auto expected = start;
  for (std::size_t i = 0; i < m; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      T sum = into == Into::kAdd ? start[i * cs + j] : T{0};
      for (std::size_t l = 0; l < k; ++l) sum = std::fma(a[i * as + l], b[l * bs + j], sum);
      expected[i * cs + j] = sum;
    }
  multiply({a.data(), m, k, as}, {b.data(), k, n, bs}, {c.data(), m, n, cs}, into);
  EXPECT_EQ(0, std::memcmp(c.data(), expected.data(), c.size() * sizeof(T)))
      << m << " x " << k << " x " << n;
}

TEST(Product, EveryElementIsOneChainOfFusedMultiplyAdds) {
  if (!has_fused_multiply_add()) GTEST_SKIP() << "this processor rounds products and sums apart";
  for (const std::size_t m : {1, 2, 3, 5, 6, 7, 12, 13})
    for (std::size_t n = 1; n <= 40; ++n)
      for (const std::size_t k : {0, 1, 7, 33}) {
        expect_exact<float>(m, k, n, Into::kOverwrite);
        expect_exact<float>(m, k, n, Into::kAdd);
        expect_exact<double>(m, k, n, Into::kAdd);
      }
  expect_exact<float>(20, 784, 200, Into::kOverwrite);  // several blocks of columns
  expect_exact<double>(20, 784, 100, Into::kAdd);
}

TEST(Product, TransposeMovesEveryElement) {
  RandomStream stream(2, purpose("transpose"));
  for (std::size_t rows = 1; rows < 20; ++rows)
    for (std::size_t columns = 1; columns < 20; ++columns) {
      const auto in = draw<float>(stream, rows * columns);
      std::vector<float> out(rows * columns);
      transpose<float>({in.data(), rows, columns, columns}, {out.data(), columns, rows, rows});
      for (std::size_t i = 0; i < rows; ++i)
        for (std::size_t j = 0; j < columns; ++j) ASSERT_EQ(in[i * columns + j], out[j * rows + i]);
    }
}

}  // namespace
}  // namespace shoal

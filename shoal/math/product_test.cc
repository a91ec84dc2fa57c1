// Matrix products against chains of fused multiply-adds written out.
#include "shoal/math/product.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/math/simd_test.h"

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

template <class T>
void expect_transposed(std::size_t rows, std::size_t columns) {
  RandomStream stream(2, purpose("transpose"));
  const std::size_t in_stride = columns + 3, out_stride = rows + 2;
  const auto in = draw<T>(stream, rows * in_stride);
  auto out = draw<T>(stream, columns * out_stride);
  auto expected = out;
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) expected[j * out_stride + i] = in[i * in_stride + j];
  transpose({in.data(), rows, columns, in_stride}, {out.data(), columns, rows, out_stride});
  EXPECT_EQ(out, expected) << rows << " x " << columns;
}

TEST(Product, TransposeMovesEveryElementAndNoOther) {
  on_every_simd_target([](const char* target) {
    SCOPED_TRACE(target);
    for (std::size_t rows = 0; rows < 20; ++rows)
      for (std::size_t columns = 0; columns < 20; ++columns) {
        expect_transposed<float>(rows, columns);
        expect_transposed<double>(rows, columns);
      }
    expect_transposed<float>(150, 9);  // several groups of rows
    expect_transposed<float>(33, 784);
    expect_transposed<double>(67, 70);
  });
}

}  // namespace
}  // namespace shoal

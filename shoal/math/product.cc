#include "shoal/math/product.h"

#include <algorithm>

// Scalable vectors cannot stand in arrays; those processors have NEON as well.
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/product.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// kRows x (kVectors vectors) of C, held in registers while the depth runs.
template <int kRows, int kVectors, class D, class T = hn::TFromD<D>>
HWY_INLINE void tile(D d, std::size_t depth, const T* HWY_RESTRICT a, std::size_t a_stride,
                     const T* HWY_RESTRICT b, std::size_t b_stride, T* HWY_RESTRICT c,
                     std::size_t c_stride, Into into) {
  const std::size_t lanes = hn::Lanes(d);
  hn::Vec<D> sum[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v)
      sum[r][v] = into == Into::kAdd ? hn::LoadU(d, c + r * c_stride + v * lanes) : hn::Zero(d);
  for (std::size_t k = 0; k < depth; ++k) {
    hn::Vec<D> line[kVectors];
    for (int v = 0; v < kVectors; ++v) line[v] = hn::LoadU(d, b + k * b_stride + v * lanes);
    for (int r = 0; r < kRows; ++r) {
      const auto factor = hn::Set(d, a[r * a_stride + k]);
      for (int v = 0; v < kVectors; ++v) sum[r][v] = hn::MulAdd(factor, line[v], sum[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) hn::StoreU(sum[r][v], d, c + r * c_stride + v * lanes);
}

// The columns that are left, in ever narrower vectors.
template <int kRows, std::size_t kLanes, class T>
HWY_INLINE std::size_t narrow(std::size_t at, std::size_t columns, MatrixView<const T> a,
                              MatrixView<const T> b, MatrixView<T> c, Into into) {
  const hn::CappedTag<T, kLanes> d;
  for (; at + hn::Lanes(d) <= columns; at += hn::Lanes(d))
    tile<kRows, 1>(d, a.columns, a.data, a.stride, b.data + at, b.stride, c.data + at, c.stride,
                   into);
  return at;
}

// kRows rows of A times all of B.
template <int kRows, class T>
HWY_INLINE void strip(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c, Into into) {
  const hn::ScalableTag<T> d;
  const std::size_t pair = 2 * hn::Lanes(d);
  std::size_t at = 0;
  for (; at + pair <= b.columns; at += pair)
    tile<kRows, 2>(d, a.columns, a.data, a.stride, b.data + at, b.stride, c.data + at, c.stride,
                   into);
  at = narrow<kRows, 16>(at, b.columns, a, b, c, into);
  at = narrow<kRows, 4>(at, b.columns, a, b, c, into);
  narrow<kRows, 1>(at, b.columns, a, b, c, into);
}

template <class T>
HWY_INLINE void multiply_block(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                               Into into) {
  std::size_t row = 0;
  const auto advance = [&](std::size_t rows) {
    a.data += rows * a.stride;
    c.data += rows * c.stride;
    row += rows;
  };
  for (; row + 6 <= a.rows; advance(6)) strip<6>(a, b, c, into);
  for (; row + 4 <= a.rows; advance(4)) strip<4>(a, b, c, into);
  for (; row + 2 <= a.rows; advance(2)) strip<2>(a, b, c, into);
  if (row < a.rows) strip<1>(a, b, c, into);
}

// Columns in blocks whose part of B stays in a cache of 256 KiB.
template <class T>
HWY_INLINE void multiply_all(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                             Into into) {
  constexpr std::size_t kCacheBytes = std::size_t{256} << 10;
  const std::size_t fitting = kCacheBytes / (sizeof(T) * std::max<std::size_t>(b.rows, 1));
  const std::size_t width = std::max<std::size_t>(fitting / 32 * 32, 32);
  for (std::size_t at = 0; at < b.columns; at += width) {
    const std::size_t columns = std::min(width, b.columns - at);
    multiply_block<T>(a, {b.data + at, b.rows, columns, b.stride},
                      {c.data + at, c.rows, columns, c.stride}, into);
  }
}

void multiply_float(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c,
                    Into into) {
  multiply_all<float>(a, b, c, into);
}
void multiply_double(MatrixView<const double> a, MatrixView<const double> b, MatrixView<double> c,
                     Into into) {
  multiply_all<double>(a, b, c, into);
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "shoal/base/check.h"

namespace shoal {
namespace {

HWY_EXPORT(multiply_float);
HWY_EXPORT(multiply_double);

template <class T>
void check_shapes(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  SHOAL_CHECK(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns,
              "the shapes of a matrix product do not fit");
}

}  // namespace

void multiply(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c,
              Into into) {
  check_shapes(a, b, c);
  HWY_DYNAMIC_DISPATCH(multiply_float)(a, b, c, into);
}
void multiply(MatrixView<const double> a, MatrixView<const double> b, MatrixView<double> c,
              Into into) {
  check_shapes(a, b, c);
  HWY_DYNAMIC_DISPATCH(multiply_double)(a, b, c, into);
}

}  // namespace shoal
#endif

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

// Square blocks of 4 x 4 floats or 2 x 2 doubles, the vectors that nearly every processor has.
#if HWY_TARGET == HWY_SCALAR
constexpr std::size_t kBlockBytes = 1;

template <class T>
HWY_INLINE void transpose_block(const T* in, std::size_t, T* out, std::size_t) {
  *out = *in;
}
#else
constexpr std::size_t kBlockBytes = 16;

HWY_INLINE void transpose_block(const float* HWY_RESTRICT in, std::size_t in_stride,
                                float* HWY_RESTRICT out, std::size_t out_stride) {
  const hn::FixedTag<float, 4> d;
  const auto a0 = hn::LoadU(d, in), a1 = hn::LoadU(d, in + in_stride);
  const auto a2 = hn::LoadU(d, in + 2 * in_stride), a3 = hn::LoadU(d, in + 3 * in_stride);
  const auto low_even = hn::InterleaveLower(d, a0, a2), low_odd = hn::InterleaveLower(d, a1, a3);
  const auto high_even = hn::InterleaveUpper(d, a0, a2), high_odd = hn::InterleaveUpper(d, a1, a3);
  hn::StoreU(hn::InterleaveLower(d, low_even, low_odd), d, out);
  hn::StoreU(hn::InterleaveUpper(d, low_even, low_odd), d, out + out_stride);
  hn::StoreU(hn::InterleaveLower(d, high_even, high_odd), d, out + 2 * out_stride);
  hn::StoreU(hn::InterleaveUpper(d, high_even, high_odd), d, out + 3 * out_stride);
}
HWY_INLINE void transpose_block(const double* HWY_RESTRICT in, std::size_t in_stride,
                                double* HWY_RESTRICT out, std::size_t out_stride) {
  const hn::FixedTag<double, 2> d;
  const auto a0 = hn::LoadU(d, in), a1 = hn::LoadU(d, in + in_stride);
  hn::StoreU(hn::InterleaveLower(d, a0, a1), d, out);
  hn::StoreU(hn::InterleaveUpper(d, a0, a1), d, out + out_stride);
}
#endif

// Rows in groups whose lines stay in the first cache while all columns pass.
template <class T>
HWY_INLINE void transpose_all(MatrixView<const T> in, MatrixView<T> out) {
  constexpr std::size_t kBlock = std::max<std::size_t>(kBlockBytes / sizeof(T), 1), kGroup = 64;
  const auto move = [&](std::size_t i, std::size_t j) {
    out.data[j * out.stride + i] = in.data[i * in.stride + j];
  };
  const std::size_t whole_columns = in.columns / kBlock * kBlock;
  for (std::size_t begin = 0; begin < in.rows; begin += kGroup) {
    const std::size_t end = std::min(begin + kGroup, in.rows);
    const std::size_t whole_end = begin + (end - begin) / kBlock * kBlock;
    for (std::size_t j = 0; j < whole_columns; j += kBlock) {
      for (std::size_t i = begin; i < whole_end; i += kBlock)
        transpose_block(in.data + i * in.stride + j, in.stride, out.data + j * out.stride + i,
                        out.stride);
      for (std::size_t i = whole_end; i < end; ++i)
        for (std::size_t k = 0; k < kBlock; ++k) move(i, j + k);
    }
    for (std::size_t j = whole_columns; j < in.columns; ++j)
      for (std::size_t i = begin; i < end; ++i) move(i, j);
  }
}

void transpose_float(MatrixView<const float> in, MatrixView<float> out) {
  transpose_all<float>(in, out);
}
void transpose_double(MatrixView<const double> in, MatrixView<double> out) {
  transpose_all<double>(in, out);
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
HWY_EXPORT(transpose_float);
HWY_EXPORT(transpose_double);

template <class T>
void check_shapes(MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c) {
  SHOAL_CHECK(a.columns == b.rows && a.rows == c.rows && b.columns == c.columns,
              "the shapes of a matrix product do not fit");
}
template <class T>
void check_shapes(MatrixView<const T> in, MatrixView<T> out) {
  SHOAL_CHECK(in.columns == out.rows && in.rows == out.columns,
              "the shapes of a transposition do not fit");
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

void transpose(MatrixView<const float> in, MatrixView<float> out) {
  check_shapes(in, out);
  HWY_DYNAMIC_DISPATCH(transpose_float)(in, out);
}
void transpose(MatrixView<const double> in, MatrixView<double> out) {
  check_shapes(in, out);
  HWY_DYNAMIC_DISPATCH(transpose_double)(in, out);
}

}  // namespace shoal
#endif

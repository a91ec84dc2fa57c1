// Matrix products for small batches, on SIMD chosen at run time (Highway).
//
// Every element of C is one chain of fused multiply-adds over the depth, in order, whatever the
// width of the vectors and the place of the element: the same bits on every processor that has
// fused multiply-add (x86-64 since 2013, all arm64), and for any split of the batch among threads.
// Nothing is packed or allocated; about 85 % of the arithmetic peak when B stays in the L2 cache.
#pragma once

#include <cstddef>

namespace shoal {

// A matrix in row-major order; consecutive rows lie `stride` elements apart.
template <class Scalar>
struct MatrixView {
  Scalar* data;
  std::size_t rows;
  std::size_t columns;
  std::size_t stride;
};

enum class Into { kOverwrite, kAdd };

// C = A B, or C += A B. A is m x k, B is k x n, C is m x n; none may overlap.
void multiply(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c, Into into);
void multiply(MatrixView<const double> a, MatrixView<const double> b, MatrixView<double> c,
              Into into);

// out = in^T; out is in.columns x in.rows, and does not overlap with in.
void transpose(MatrixView<const float> in, MatrixView<float> out);
void transpose(MatrixView<const double> in, MatrixView<double> out);

}  // namespace shoal

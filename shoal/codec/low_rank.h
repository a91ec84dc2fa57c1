// Low rank: which tensors of a row PowerSGD sends as products, and the three steps it does that in.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/model/layout.h"

namespace shoal {

// A tensor as a matrix in row-major order, and the rank it is sent with; 0: sent as it is.
struct MatrixPart {
  std::size_t offset = 0;
  std::size_t rows = 0;     // n, the first dimension
  std::size_t columns = 0;  // m, all others
  std::size_t rank = 0;
  std::size_t size() const { return rows * columns; }
};

// The parts of a row, empty tensors left out. A matrix has a rank when that makes it smaller, by
// min_compression or more.
void find_matrix_parts(const Layout& layout, std::size_t rank, double min_compression,
                       std::vector<MatrixPart>& parts);

// P = M Q for Q given as its transpose (rank x columns); P is rows x rank.
void left_factor(const MatrixPart& part, std::span<const float> matrix,
                 std::span<const float> q_transposed, std::span<float> p);
// The columns of P made orthonormal, one after another: a column is divided by its norm + epsilon
// times the longest column's, and taken out of those behind it. A column that depends on others
// ends with norm below 1, and zeros stay zeros. (The paper's epsilon is absolute, which would lose
// the gradients of a run's end.)
void orthonormalise(const MatrixPart& part, double epsilon, std::span<float> p);
// Q' = P' M, rank x columns.
void right_factor(const MatrixPart& part, std::span<const float> matrix, std::span<const float> p,
                  std::span<float> q_transposed);
// M = P Q'.
void product_of_factors(const MatrixPart& part, std::span<const float> p,
                        std::span<const float> q_transposed, std::span<float> matrix);

}  // namespace shoal

#include "shoal/codec/low_rank.h"

#include <algorithm>
#include <cmath>

#include "shoal/math/product.h"

namespace shoal {
namespace {

// Rows of M that stay in the cache while all of P' meets them.
constexpr std::size_t kRowsOfBlock = 64;

std::vector<float>& scratch(std::size_t size) {
  thread_local std::vector<float> values;
  values.resize(std::max(values.size(), size));
  return values;
}

MatrixView<const float> view(std::span<const float> values, std::size_t rows, std::size_t columns) {
  return {values.data(), rows, columns, columns};
}

}  // namespace

void find_matrix_parts(const Layout& layout, std::size_t rank, double min_compression,
                       std::vector<MatrixPart>& parts) {
  parts.clear();
  for (const TensorInfo& tensor : layout.tensors()) {
    if (tensor.size == 0) continue;
    MatrixPart part;
    part.offset = tensor.offset;
    part.rows = tensor.shape.empty() ? 1 : tensor.shape[0];
    part.columns = tensor.size / part.rows;
    const auto sent = static_cast<double>(rank * (part.rows + part.columns));
    const bool smaller = static_cast<double>(part.size()) > min_compression * sent;
    if (tensor.shape.size() >= 2 && smaller) part.rank = rank;
    parts.push_back(part);
  }
}

void left_factor(const MatrixPart& part, std::span<const float> matrix,
                 std::span<const float> q_transposed, std::span<float> p) {
  std::vector<float>& q = scratch(part.columns * part.rank);
  const MatrixView<float> q_view{q.data(), part.columns, part.rank, part.rank};
  transpose(view(q_transposed, part.rank, part.columns), q_view);
  multiply(view(matrix, part.rows, part.columns), {q.data(), part.columns, part.rank, part.rank},
           {p.data(), part.rows, part.rank, part.rank}, Into::kOverwrite);
}

void orthonormalise(const MatrixPart& part, double epsilon, std::span<float> p) {
  const std::size_t r = part.rank;
  const auto norm = [&](std::size_t k) {
    double square = 0.0;
    for (std::size_t i = 0; i < part.rows; ++i) {
      const double value = p[i * r + k];
      square += value * value;
    }
    return std::sqrt(square);
  };
  double longest = 0.0;
  for (std::size_t k = 0; k < r; ++k) longest = std::max(longest, norm(k));
  if (longest == 0.0) return;
  for (std::size_t k = 0; k < r; ++k) {
    const double factor = 1.0 / (norm(k) + epsilon * longest);
    for (std::size_t i = 0; i < part.rows; ++i)
      p[i * r + k] = static_cast<float>(p[i * r + k] * factor);
    for (std::size_t other = k + 1; other < r; ++other) {
      double dot = 0.0;
      for (std::size_t i = 0; i < part.rows; ++i)
        dot += static_cast<double>(p[i * r + k]) * static_cast<double>(p[i * r + other]);
      for (std::size_t i = 0; i < part.rows; ++i)
        p[i * r + other] = static_cast<float>(p[i * r + other] - dot * p[i * r + k]);
    }
  }
}

void right_factor(const MatrixPart& part, std::span<const float> matrix, std::span<const float> p,
                  std::span<float> q_transposed) {
  std::vector<float>& p_transposed = scratch(part.rows * part.rank);
  transpose(view(p, part.rows, part.rank), {p_transposed.data(), part.rank, part.rows, part.rows});
  const MatrixView<float> out{q_transposed.data(), part.rank, part.columns, part.columns};
  for (std::size_t row = 0; row < part.rows; row += kRowsOfBlock) {
    const std::size_t rows = std::min(kRowsOfBlock, part.rows - row);
    multiply({p_transposed.data() + row, part.rank, rows, part.rows},
             view(matrix.subspan(row * part.columns), rows, part.columns), out,
             row == 0 ? Into::kOverwrite : Into::kAdd);
  }
}

void product_of_factors(const MatrixPart& part, std::span<const float> p,
                        std::span<const float> q_transposed, std::span<float> matrix) {
  multiply(view(p, part.rows, part.rank), view(q_transposed, part.rank, part.columns),
           {matrix.data(), part.rows, part.columns, part.columns}, Into::kOverwrite);
}

}  // namespace shoal

// Singular triplets as atoms: format and weights are in atoms.h.
#include <Eigen/SVD>
#include <algorithm>

#include "shoal/codec/atoms.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

struct MatrixShape {
  std::size_t rows = 0;
  std::size_t columns = 0;
};

// Matrices as they are; kernels of (a, b, kh, kw) as (a b / 2) x (2 kh kw) when a b is even; of any
// other shape the first dimension by all others, so that rows of 1 dimension have one column.
MatrixShape matrix_shape(const TensorInfo& tensor) {
  const auto& shape = tensor.shape;
  if (shape.empty()) return {tensor.size, 1};
  std::size_t rows = shape[0];
  if (shape.size() == 4 && rows * shape[1] % 2 == 0) rows = rows * shape[1] / 2;
  return {rows, tensor.size / rows};
}

class Spectral : public Atoms {
 public:
  std::size_t count(const TensorInfo& tensor) const override {
    const MatrixShape shape = matrix_shape(tensor);
    return std::min(shape.rows, shape.columns);
  }
  std::size_t floats(const TensorInfo& tensor) const override {
    const MatrixShape shape = matrix_shape(tensor);
    return shape.rows + shape.columns;
  }

  void decompose(const TensorInfo& tensor, std::span<const float> entries,
                 std::vector<double>& weights) override {
    using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const MatrixShape shape = matrix_shape(tensor);
    const Eigen::Map<const RowMajor> matrix(entries.data(), static_cast<Eigen::Index>(shape.rows),
                                            static_cast<Eigen::Index>(shape.columns));
    svd_.compute(matrix.cast<double>(), Eigen::ComputeThinU | Eigen::ComputeThinV);
    weights.assign(svd_.singularValues().begin(), svd_.singularValues().end());
    drop_rounding(weights);
  }

  bool write(std::span<const std::uint32_t> kept, const AtomProbabilities& found,
             ByteWriter& out) override {
    write_count(static_cast<std::uint32_t>(kept.size()), out);
    bool fit = true;
    for (const std::uint32_t k : kept) {
      const double scale = svd_.singularValues()[k] / found.p[k];
      for (const double u : svd_.matrixU().col(k)) {
        fit = fit && fits_float(u * scale);
        out.number(static_cast<float>(u * scale));
      }
      for (const double v : svd_.matrixV().col(k)) out.number(static_cast<float>(v));
    }
    return fit;
  }

  Status read(ByteView& bytes, const TensorInfo& tensor, std::span<float> entries) override {
    SHOAL_TRY(const std::size_t k, read_count(bytes));
    if (k > count(tensor))
      return corrupt("an atomo message announces triplets that its tensor has not");
    if (k > bytes.size() / (4 * floats(tensor)))
      return corrupt("an atomo message ends before its triplets");
    factors_.resize(k * floats(tensor));
    SHOAL_TRY_STATUS(read_floats(bytes, factors_));
    if (!entries.empty()) compose(matrix_shape(tensor), k, entries);
    if (all_finite(entries)) return ok_status();
    return corrupt("an atomo message holds triplets whose sum is beyond the largest float");
  }

 private:
  // Row by row the sum of u_i v over the triplets, in their order.
  void compose(MatrixShape shape, std::size_t k, std::span<float> entries) {
    sums_.resize(shape.columns);
    for (std::size_t i = 0; i < shape.rows; ++i) {
      std::fill(sums_.begin(), sums_.end(), 0.0);
      for (std::size_t j = 0; j < k; ++j) {
        const float* u = factors_.data() + j * (shape.rows + shape.columns);
        const float* v = u + shape.rows;
        const double scale = u[i];
        for (std::size_t c = 0; c < shape.columns; ++c) sums_[c] += scale * v[c];
      }
      float* to = entries.data() + i * shape.columns;
      for (std::size_t c = 0; c < shape.columns; ++c) to[c] = static_cast<float>(sums_[c]);
    }
  }

  Eigen::BDCSVD<Eigen::MatrixXd> svd_;
  std::vector<float> factors_;
  std::vector<double> sums_;
};

}  // namespace

std::unique_ptr<Atoms> spectral_atoms() { return std::make_unique<Spectral>(); }

}  // namespace shoal

#include "shoal/codec/error_feedback.h"

#include <algorithm>

#include "shoal/math/vector.h"

namespace shoal {

Status ErrorFeedback::encode(const Codec& codec, std::span<const float> row, const Layout& layout,
                             const Draws& draws, ByteWriter& out, std::span<float> decoded) {
  SHOAL_CHECK(row.size() == residual_.size() && decoded.size() == row.size(),
              "error feedback keeps one entry per entry of the row");
  input_.resize(row.size());
  scaled_sum(1.0f, row, 1.0f, residual_, input_);
  const std::size_t begin = out.size();
  SHOAL_TRY_STATUS(codec.encode(input_, layout, draws, out));
  SHOAL_TRY_STATUS(
      codec.decode(ByteView(out.bytes()).subspan(begin), layout, draws.shared, decoded));
  scaled_sum(1.0f, input_, -1.0f, decoded, residual_);
  return ok_status();
}

void ErrorFeedback::reset() { std::fill(residual_.begin(), residual_.end(), 0.0f); }

void ErrorFeedback::save(ByteWriter& out) const { out.numbers(std::span<const float>(residual_)); }

Status ErrorFeedback::load(ByteReader& in) {
  std::vector<float> residual(residual_.size());
  SHOAL_TRY_STATUS(in.numbers_into(std::span<float>(residual)));
  if (!all_finite(residual)) return corrupt("a stored residual is NaN or infinite");
  residual_ = std::move(residual);
  return ok_status();
}

}  // namespace shoal

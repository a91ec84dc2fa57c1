// Rows of either precision through a codec, which works in float: a double row is rounded to float
// on its way in. What the rounding loses belongs to the codec's loss, so whoever keeps errors or
// shifts in double (feedback.h) makes up for it.
#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include "shoal/codec/codec.h"

namespace shoal {

// Codec::encode of a row; `scratch` is for the caller to keep, so that nothing is allocated twice.
template <class Scalar>
Status encode_row(const Codec& codec, std::span<const Scalar> row, const Layout& layout,
                  const Draws& draws, std::vector<float>& scratch, ByteWriter& out) {
  if constexpr (std::is_same_v<Scalar, float>) {
    return codec.encode(row, layout, draws, out);
  } else {
    scratch.assign(row.begin(), row.end());
    return codec.encode(scratch, layout, draws, out);
  }
}

// Codec::decode into a row; it is untouched on an error when Scalar is double.
template <class Scalar>
Status decode_row(const Codec& codec, ByteView bytes, const Layout& layout,
                  const RandomStream& shared, std::vector<float>& scratch, std::span<Scalar> row) {
  if constexpr (std::is_same_v<Scalar, float>) {
    return codec.decode(bytes, layout, shared, row);
  } else {
    scratch.resize(row.size());
    SHOAL_TRY_STATUS(codec.decode(bytes, layout, shared, scratch));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<Scalar>(scratch[i]);
    return ok_status();
  }
}

}  // namespace shoal

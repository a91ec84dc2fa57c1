#include "shoal/method/row_format.h"

#include <algorithm>
#include <cstring>
#include <fmt/format.h>

#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr double kRoundingLoss = 0x1p-16;

std::vector<float>& scratch() {
  thread_local std::vector<float> row;
  return row;
}

}  // namespace

template <class Scalar>
Status RowFormat<Scalar>::write(std::span<const Scalar> row, NodeId sender, Step round,
                                ByteWriter& out, std::span<Scalar> read_back) const {
  if (!codec_) {
    if (!all_finite(row)) return invalid_argument("a value to be sent is not finite");
    out.raw(std::as_bytes(row));
    std::copy(row.begin(), row.end(), read_back.begin());
    return ok_status();
  }
  const Draws draws = codec_draws(seed_, sender, round);
  ByteWriter encoded;
  SHOAL_TRY_STATUS(encode_row(*codec_, row, layout_, draws, scratch(), encoded));
  SHOAL_TRY_STATUS(read(encoded.bytes(), round, read_back));
  out.raw(encoded.bytes());
  return ok_status();
}

template <class Scalar>
Status RowFormat<Scalar>::read(ByteView bytes, Step round, std::span<Scalar> row) const {
  if (codec_) {
    const RandomStream shared = shared_draws(seed_, round);
    SHOAL_TRY_STATUS(decode_row(*codec_, bytes, layout_, shared, scratch(), row));
  } else {
    if (bytes.size() != row.size_bytes())
      return corrupt(fmt::format("a row of {} values takes {} bytes and {} arrived", row.size(),
                                 row.size_bytes(), bytes.size()));
    if (!bytes.empty()) std::memcpy(row.data(), bytes.data(), bytes.size());
  }
  if (all_finite(std::span<const Scalar>(row))) return ok_status();
  return corrupt("a row holds a value that is not finite");
}

bool only_rounds(const CodecProperties& properties) {
  return properties.lossless ||
         (properties.contraction && *properties.contraction >= 1.0 - kRoundingLoss);
}

Status check_only_rounds(const Codec& codec, const Layout& layout, const char* why) {
  if (only_rounds(codec.properties(layout))) return ok_status();
  return unsupported(
      fmt::format("{}; take a codec that only rounds (dense with value_type f16 or bf16), or a "
                  "method that sends differences: choco for contractive codecs, "
                  "decentralized_diana for unbiased ones",
                  why));
}

template class RowFormat<float>;
template class RowFormat<double>;

}  // namespace shoal

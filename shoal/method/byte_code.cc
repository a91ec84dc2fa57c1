#include "shoal/method/byte_code.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/base/portable_math.h"
#include "shoal/codec/bits.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr int kSteps = 8;    // codes a factor of e
constexpr int kMiddle = 64;  // the code of 1
constexpr int kLargest = 127;
constexpr std::uint8_t kNegative = 0x80;

// exp((m - 64) / 8), and 0 for m = 0.
const std::array<double, kLargest + 1>& magnitudes() {
  static const auto all = [] {
    std::array<double, kLargest + 1> table{};
    for (int m = 1; m <= kLargest; ++m)
      table[static_cast<std::size_t>(m)] = portable_exp(static_cast<double>(m - kMiddle) / kSteps);
    return table;
  }();
  return all;
}

std::uint8_t with_sign(std::size_t m, double slope) {
  const auto code = static_cast<std::uint8_t>(m);
  return m > 0 && slope < 0.0 ? code | kNegative : code;
}

// What f32 makes of a slope; beyond the largest float it is that.
float nearest_float(double slope) {
  constexpr double kMax = std::numeric_limits<float>::max();
  return static_cast<float>(std::clamp(slope, -kMax, kMax));
}

template <class ByteOf>
void encode(SlopeCode code, std::span<const double> slopes, ByteOf byte_of, ByteWriter& out) {
  switch (code) {
    case SlopeCode::kByte:
    case SlopeCode::kByteStochastic:
      for (const double slope : slopes) out.number<std::uint8_t>(byte_of(slope));
      return;
    case SlopeCode::kF32:
      for (const double slope : slopes) out.number<float>(nearest_float(slope));
      return;
    case SlopeCode::kSign:
      BitWriter bits(out);
      for (const double slope : slopes) bits.bits(slope < 0.0 ? 1u : 0u, 1);
      bits.finish();
      return;
  }
}

Result<std::vector<double>> decode_floats(ByteView bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  for (const float value : values)
    if (!std::isfinite(value)) return corrupt("a slope that is not finite; send 0 and the flag");
  return std::vector<double>(values.begin(), values.end());
}

Result<std::vector<double>> decode_signs(ByteView bytes, std::size_t count) {
  std::vector<double> slopes;
  BitReader bits(bytes);
  for (std::size_t i = 0; i < 8 * bytes.size(); ++i) {
    std::uint32_t negative = 0;
    SHOAL_CHECK(bits.bits(1, negative), "the bits have been counted");
    if (i < count)
      slopes.push_back(negative != 0 ? -1.0 : 1.0);
    else if (negative != 0)
      return corrupt("packed signs with a bit behind the last one");
  }
  return slopes;
}

}  // namespace

std::uint8_t byte_of_slope(double slope) {
  const double size = std::abs(slope);
  if (size == 0.0) return 0;
  const double place = std::floor(kSteps * portable_log(size) + 0.5) + kMiddle;
  return with_sign(static_cast<std::size_t>(std::clamp(place, 1.0, double{kLargest})), slope);
}

std::uint8_t byte_of_slope(double slope, double u) {
  const auto& all = magnitudes();
  const double size = std::abs(slope);
  if (size >= all.back()) return with_sign(kLargest, slope);
  const auto above = std::upper_bound(all.begin(), all.end(), size);
  const double upper = *above, lower = *(above - 1);
  const auto m = static_cast<std::size_t>(above - all.begin());
  return with_sign(u * (upper - lower) < size - lower ? m : m - 1, slope);
}

double slope_of_byte(std::uint8_t code) {
  const double size = magnitudes()[code & ~kNegative & 0xff];
  return (code & kNegative) != 0 && size > 0.0 ? -size : size;
}

std::size_t encoded_slopes_bytes(SlopeCode code, std::size_t count) {
  if (code == SlopeCode::kF32) return sizeof(float) * count;
  return code == SlopeCode::kSign ? (count + 7) / 8 : count;
}

void encode_slopes(SlopeCode code, std::span<const double> slopes, RandomStream& draws,
                   ByteWriter& out) {
  const bool stochastic = code == SlopeCode::kByteStochastic;
  const auto byte_of = [&](double slope) {
    return stochastic ? byte_of_slope(slope, draws.uniform()) : byte_of_slope(slope);
  };
  encode(code, slopes, byte_of, out);
}

void encode_decoded_slopes(SlopeCode code, std::span<const double> slopes, ByteWriter& out) {
  encode(
      code, slopes, [](double slope) { return byte_of_slope(slope); }, out);
}

Result<std::vector<double>> decode_slopes(SlopeCode code, ByteView bytes, std::size_t count) {
  if (bytes.size() != encoded_slopes_bytes(code, count))
    return corrupt(fmt::format("{} slopes take {} bytes and {} have come", count,
                               encoded_slopes_bytes(code, count), bytes.size()));
  if (code == SlopeCode::kF32) return decode_floats(bytes);
  if (code == SlopeCode::kSign) return decode_signs(bytes, count);
  std::vector<double> slopes;
  slopes.reserve(count);
  for (const std::byte byte : bytes)
    slopes.push_back(slope_of_byte(std::to_integer<std::uint8_t>(byte)));
  return slopes;
}

CodecProperties SlopeCodec::properties(const Layout&) const {
  CodecProperties properties;
  properties.lossless = code_ == SlopeCode::kF32;
  return properties;
}

Status SlopeCodec::encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                          ByteWriter& out) const {
  SHOAL_CHECK(row.size() == layout.size(), "a row of the layout's size");
  if (!all_finite(row)) return invalid_argument("a slope is not finite");
  const std::vector<double> slopes(row.begin(), row.end());
  RandomStream own = draws.own;
  encode_slopes(code_, slopes, own, out);
  return ok_status();
}

Status SlopeCodec::decode(ByteView bytes, const Layout&, const RandomStream&,
                          std::span<float> row) const {
  SHOAL_TRY(const std::vector<double> slopes, decode_slopes(code_, bytes, row.size()));
  std::ranges::copy(slopes, row.begin());
  return ok_status();
}

}  // namespace shoal

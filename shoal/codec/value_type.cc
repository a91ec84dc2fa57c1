#include "shoal/codec/value_type.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>

#include "shoal/math/half.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr std::uint16_t kMagnitude = 0x7fff;

std::optional<std::size_t> encode_16_bit(std::span<const float> values,
                                         std::uint16_t (*convert)(float), std::uint16_t infinity,
                                         ByteWriter& out) {
  std::byte* to = out.extend(values.size() * 2);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::uint16_t bits = convert(values[i]);
    if ((bits & kMagnitude) >= infinity) return i;
    std::memcpy(to + 2 * i, &bits, 2);
  }
  return std::nullopt;
}

void decode_16_bit(ByteView bytes, float (*convert)(std::uint16_t), std::span<float> values) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::uint16_t bits;
    std::memcpy(&bits, bytes.data() + 2 * i, 2);
    values[i] = convert(bits);
  }
}

}  // namespace

void describe_value_type(Settings& s, ValueType& v) {
  s.choice("value_type", v, "how single values are written",
           {{"f32", ValueType::kF32}, {"f16", ValueType::kF16}, {"bf16", ValueType::kBf16}});
}

std::size_t bytes_per_value(ValueType type) { return type == ValueType::kF32 ? 4 : 2; }

double unit_roundoff(ValueType type) {
  switch (type) {
    case ValueType::kF16:
      return 0x1p-11;
    case ValueType::kBf16:
      return 0x1p-8;
    default:
      return 0.0;
  }
}

std::optional<std::size_t> encode_values(std::span<const float> values, ValueType type,
                                         ByteWriter& out) {
  switch (type) {
    case ValueType::kF16:
      return encode_16_bit(values, &to_half, kHalfInfinity, out);
    case ValueType::kBf16:
      return encode_16_bit(values, &to_bfloat, kBfloatInfinity, out);
    default:
      out.raw(std::as_bytes(values));
      return std::nullopt;
  }
}

Status decode_values(ByteView bytes, ValueType type, std::span<float> values) {
  SHOAL_CHECK(bytes.size() == values.size() * bytes_per_value(type), "one value each");
  switch (type) {
    case ValueType::kF16:
      decode_16_bit(bytes, &from_half, values);
      break;
    case ValueType::kBf16:
      decode_16_bit(bytes, &from_bfloat, values);
      break;
    default:
      if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  }
  if (!all_finite(values)) return corrupt("a received value is NaN or infinite");
  return ok_status();
}

std::string place_in_layout(const Layout& layout, std::size_t place) {
  for (const TensorInfo& tensor : layout.tensors())
    if (place >= tensor.offset && place < tensor.offset + tensor.size)
      return fmt::format("tensor '{}' index {}", tensor.name, place - tensor.offset);
  return fmt::format("index {}", place);
}

Error not_finite(const Layout& layout, std::size_t place, float value) {
  return invalid_argument(fmt::format("{} is {}; only finite values can be encoded",
                                      place_in_layout(layout, place), value));
}

Error not_representable(const Layout& layout, std::size_t place, float value, ValueType type) {
  return invalid_argument(fmt::format("{} is {}, beyond the largest {}; set value_type = \"{}\"",
                                      place_in_layout(layout, place), value,
                                      type == ValueType::kF16 ? "f16 (65504)" : "bf16 (3.39e38)",
                                      type == ValueType::kF16 ? "bf16" : "f32"));
}

}  // namespace shoal

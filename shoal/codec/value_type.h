// How a codec writes single values: f32, f16 or bf16, little-endian, 4 or 2 bytes each.
//
// A value that would round to infinity is refused, never clamped; a NaN or infinity in received
// bytes is corrupt.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "shoal/base/bytes.h"
#include "shoal/base/settings.h"
#include "shoal/model/layout.h"

namespace shoal {

enum class ValueType : std::uint8_t { kF32, kF16, kBf16 };

void describe_value_type(Settings& s, ValueType& v);

std::size_t bytes_per_value(ValueType type);
// Half a unit in the last place: rounding changes a value of the type's normal range by at most
// this factor. 0 for f32.
double unit_roundoff(ValueType type);

// Appends the values. Returns the position of the first one that is not representable (and then
// appends nothing meaningful).
std::optional<std::size_t> encode_values(std::span<const float> values, ValueType type,
                                         ByteWriter& out);
// bytes.size() = values.size() * bytes_per_value(type) (checked by the caller).
Status decode_values(ByteView bytes, ValueType type, std::span<float> values);

// "tensor 'fc1.weight' index 7": where a place of the flat row lies.
std::string place_in_layout(const Layout& layout, std::size_t place);
// The errors that every encoder shares, for the value at `place` of the row.
Error not_finite(const Layout& layout, std::size_t place, float value);
Error not_representable(const Layout& layout, std::size_t place, float value, ValueType type);

}  // namespace shoal

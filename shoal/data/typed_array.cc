#include "shoal/data/typed_array.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <limits>

#include "shoal/base/check.h"

namespace shoal {
namespace {

template <class T>
T element(const Bytes& data, std::size_t index) {
  T value;
  std::memcpy(&value, data.data() + index * sizeof(T), sizeof(T));
  return value;
}

// Calls use(T{}) with the C++ type of the elements.
template <class Use>
auto with_type(ElementType type, Use use) {
  switch (type) {
    case ElementType::kU8:
      return use(std::uint8_t{});
    case ElementType::kI8:
      return use(std::int8_t{});
    case ElementType::kI16:
      return use(std::int16_t{});
    case ElementType::kI32:
      return use(std::int32_t{});
    case ElementType::kI64:
      return use(std::int64_t{});
    case ElementType::kF32:
      return use(float{});
    case ElementType::kF64:
      break;
  }
  return use(double{});
}

}  // namespace

std::size_t element_size(ElementType type) {
  return with_type(type, [](auto zero) { return sizeof(zero); });
}

Result<std::uint64_t> array_bytes(std::span<const std::uint64_t> shape, ElementType type) {
  for (const std::uint64_t dimension : shape)
    if (dimension == 0) return std::uint64_t{0};
  std::uint64_t total = element_size(type);
  for (const std::uint64_t dimension : shape) {
    if (total > std::numeric_limits<std::uint64_t>::max() / dimension)
      return corrupt("the dimensions multiply to more than 2^64 bytes");
    total *= dimension;
  }
  return total;
}

void to_floats(const TypedArray& array, double factor, std::span<float> out) {
  SHOAL_CHECK(out.size() == array.size(), "to_floats into a span of another size");
  with_type(array.type, [&](auto zero) {
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] =
          static_cast<float>(static_cast<double>(element<decltype(zero)>(array.data, i)) * factor);
  });
}

Result<std::vector<std::int32_t>> to_integers(const TypedArray& array) {
  std::vector<std::int32_t> out(array.size());
  const std::size_t bad = with_type(array.type, [&](auto zero) {
    for (std::size_t i = 0; i < out.size(); ++i) {
      const auto value = static_cast<double>(element<decltype(zero)>(array.data, i));
      if (!(std::abs(value) <= 2147483647.0) || value != std::floor(value)) return i;
      out[i] = static_cast<std::int32_t>(value);
    }
    return out.size();
  });
  if (bad < out.size())
    return corrupt(fmt::format("element {} is not a whole number of at most 31 bits", bad));
  return out;
}

}  // namespace shoal

// A numeric array as a file holds it: element type, shape, and the elements in C order.
//
// Readers keep the file's own element type, so that reading costs about the size of the file; the
// conversion to float32 happens once, when a Dataset is made of it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/result.h"

namespace shoal {

enum class ElementType { kU8, kI8, kI16, kI32, kI64, kF32, kF64 };

std::size_t element_size(ElementType type);

struct TypedArray {
  ElementType type = ElementType::kU8;
  std::vector<std::uint64_t> shape;  // row-major; empty for a single number
  Bytes data;                        // little-endian

  std::size_t size() const { return data.size() / element_size(type); }
};

// Bytes that an array of this shape needs, or an error when the product leaves 64 bits. A zero in
// the shape makes an empty array, whatever the other numbers are.
Result<std::uint64_t> array_bytes(std::span<const std::uint64_t> shape, ElementType type);

// out[i] = array[i] * factor, rounded once to float32; out.size() == array.size().
void to_floats(const TypedArray& array, double factor, std::span<float> out);

// The elements as whole numbers; an error names the first one that is none, or leaves 32 bits.
Result<std::vector<std::int32_t>> to_integers(const TypedArray& array);

}  // namespace shoal

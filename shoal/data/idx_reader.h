// IDX, the format of MNIST and its kin (yann.lecun.com/exdb/mnist), plain or gzipped.
//
// Layout, big-endian: two zero bytes, element type (0x08 u8, 0x09 i8, 0x0b i16, 0x0c i32, 0x0d f32,
// 0x0e f64), number of dimensions, one u32 a dimension, the elements in C order. The file must have
// exactly the size that its header declares; that is checked before anything is allocated.
#pragma once

#include <cstdint>
#include <string>

#include "shoal/data/gzip.h"
#include "shoal/data/typed_array.h"

namespace shoal {

inline constexpr std::size_t kMaxIdxDimensions = 8;

// Parses the bytes of a file, gzipped or not. A gzipped one may declare at most max_bytes; its
// elements are inflated stepwise. Errors say at which byte.
Result<TypedArray> parse_idx(ByteView bytes, std::uint64_t max_bytes = kMaxInflatedBytes);

// Reads a file; errors begin with its path.
Result<TypedArray> read_idx(const std::string& path, std::uint64_t max_bytes = kMaxInflatedBytes);

// The bytes of a plain IDX file; type must not be 64-bit integers, which IDX does not have.
Result<Bytes> idx_bytes(const TypedArray& array);

}  // namespace shoal

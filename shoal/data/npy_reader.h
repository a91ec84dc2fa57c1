// NPY, NumPy's array file (numpy.lib.format), versions 1 to 3, read and written.
//
// Layout: "\x93NUMPY", version (2 bytes), header length (u16, from version 2 on u32), a Python
// dictionary literal with 'descr', 'fortran_order' and 'shape', then the elements. Read here:
// little-endian f4, f8, i4, i8 and u1, C or Fortran order (turned to C). The file must have exactly
// the size that its header declares.
#pragma once

#include <span>
#include <string>

#include "shoal/data/typed_array.h"

namespace shoal {

inline constexpr std::size_t kMaxNpyDimensions = 8;
inline constexpr std::size_t kMaxNpyHeaderBytes = std::size_t{1} << 16;

// Errors say at which byte.
Result<TypedArray> parse_npy(ByteView bytes);
// Reads a file; errors begin with its path.
Result<TypedArray> read_npy(const std::string& path);

// A version 1.0 file with its elements in C order, aligned to 64 bytes as NumPy does.
Result<Bytes> npy_bytes(const TypedArray& array);
// Replaces the file whole or not at all.
Status write_npy(const std::string& path, const TypedArray& array);
// The same for floats; the product of shape must be values.size().
Status write_npy(const std::string& path, std::span<const std::uint64_t> shape,
                 std::span<const float> values);

}  // namespace shoal

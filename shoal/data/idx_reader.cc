#include "shoal/data/idx_reader.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <optional>

#include "shoal/base/file.h"

namespace shoal {
namespace {

struct TypeCode {
  std::uint8_t code;
  ElementType type;
};
constexpr TypeCode kTypes[] = {{0x08, ElementType::kU8},  {0x09, ElementType::kI8},
                               {0x0b, ElementType::kI16}, {0x0c, ElementType::kI32},
                               {0x0d, ElementType::kF32}, {0x0e, ElementType::kF64}};

std::optional<ElementType> type_of(std::uint8_t code) {
  for (const TypeCode& known : kTypes)
    if (known.code == code) return known.type;
  return std::nullopt;
}

// Checks the four magic bytes and returns the number of dimensions.
Result<std::size_t> parse_magic(ByteView magic, ElementType& type) {
  if (magic.size() < 4) return corrupt("an IDX file has at least 4 bytes");
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0})
    return corrupt("byte 0: an IDX file begins with two zero bytes");
  const auto code = std::to_integer<std::uint8_t>(magic[2]);
  const auto found = type_of(code);
  if (!found) return corrupt(fmt::format("byte 2: unknown IDX element type 0x{:02x}", code));
  type = *found;
  const auto dimensions = std::to_integer<std::size_t>(magic[3]);
  if (dimensions == 0 || dimensions > kMaxIdxDimensions)
    return corrupt(fmt::format("byte 3: {} dimensions; IDX files here have 1 to {}", dimensions,
                               kMaxIdxDimensions));
  return dimensions;
}

std::vector<std::uint64_t> parse_shape(ByteView bytes) {
  std::vector<std::uint64_t> shape(bytes.size() / 4);
  for (std::size_t i = 0; i < shape.size(); ++i)
    for (std::size_t b = 0; b < 4; ++b)
      shape[i] = shape[i] << 8 | std::to_integer<std::uint64_t>(bytes[4 * i + b]);
  return shape;
}

void swap_bytes(TypedArray& array) {
  const std::size_t size = element_size(array.type);
  if (size == 1) return;
  for (std::size_t i = 0; i < array.data.size(); i += size)
    std::reverse(array.data.begin() + static_cast<std::ptrdiff_t>(i),
                 array.data.begin() + static_cast<std::ptrdiff_t>(i + size));
}

Result<TypedArray> parse_plain(ByteView bytes) {
  TypedArray array;
  SHOAL_TRY(const std::size_t dimensions, parse_magic(bytes, array.type));
  const std::size_t header = 4 + 4 * dimensions;
  if (bytes.size() < header)
    return corrupt(fmt::format("the file ends at byte {}, inside its header of {} bytes",
                               bytes.size(), header));
  array.shape = parse_shape(bytes.subspan(4, header - 4));
  SHOAL_TRY(const std::uint64_t declared, array_bytes(array.shape, array.type));
  if (declared != bytes.size() - header)
    return corrupt(fmt::format("the header declares {} bytes of elements, the file has {}",
                               declared, bytes.size() - header));
  const ByteView elements = bytes.subspan(header);
  array.data.assign(elements.begin(), elements.end());
  swap_bytes(array);
  return array;
}

Result<TypedArray> parse_gzipped(ByteView bytes, std::uint64_t max_bytes) {
  GzipReader reader(bytes);
  TypedArray array;
  Bytes header;
  SHOAL_TRY_STATUS(reader.append(header, 4));
  SHOAL_TRY(const std::size_t dimensions, parse_magic(header, array.type));
  SHOAL_TRY_STATUS(reader.append(header, 4 * dimensions));
  if (header.size() < 4 + 4 * dimensions) return corrupt("the unfolded file ends in its header");
  array.shape = parse_shape(ByteView(header).subspan(4));
  SHOAL_TRY(const std::uint64_t declared, array_bytes(array.shape, array.type));
  if (declared > max_bytes)
    return limit_exceeded(
        fmt::format("the header declares {} bytes of elements; at most {} are "
                    "unfolded",
                    declared, max_bytes));
  SHOAL_TRY_STATUS(reader.append(array.data, declared));
  if (array.data.size() < declared)
    return corrupt(fmt::format("the header declares {} bytes of elements, the file unfolds to {}",
                               declared, array.data.size()));
  SHOAL_TRY_STATUS(reader.expect_end());
  swap_bytes(array);
  return array;
}

}  // namespace

Result<TypedArray> parse_idx(ByteView bytes, std::uint64_t max_bytes) {
  return is_gzip(bytes) ? parse_gzipped(bytes, max_bytes) : parse_plain(bytes);
}

Result<TypedArray> read_idx(const std::string& path, std::uint64_t max_bytes) {
  SHOAL_TRY(const Bytes bytes, read_file(path));
  auto array = parse_idx(bytes, max_bytes);
  if (!array.ok()) return within(path, array.error());
  return array;
}

Result<Bytes> idx_bytes(const TypedArray& array) {
  if (array.shape.empty() || array.shape.size() > kMaxIdxDimensions)
    return unsupported(fmt::format("IDX files here have 1 to {} dimensions", kMaxIdxDimensions));
  std::uint8_t code = 0;
  for (const TypeCode& known : kTypes)
    if (known.type == array.type) code = known.code;
  if (code == 0) return unsupported("IDX has no 64-bit integers");
  ByteWriter writer;
  writer.number<std::uint8_t>(0);
  writer.number<std::uint8_t>(0);
  writer.number<std::uint8_t>(code);
  writer.number(static_cast<std::uint8_t>(array.shape.size()));
  for (const std::uint64_t dimension : array.shape) {
    if (dimension > std::numeric_limits<std::uint32_t>::max())
      return unsupported("an IDX dimension has 32 bits");
    for (int shift = 24; shift >= 0; shift -= 8)
      writer.number(static_cast<std::uint8_t>(dimension >> shift));
  }
  TypedArray swapped = array;
  swap_bytes(swapped);
  writer.raw(swapped.data);
  return std::move(writer).take();
}

}  // namespace shoal

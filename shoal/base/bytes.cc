#include "shoal/base/bytes.h"

#include <fmt/format.h>

namespace shoal {

void ByteWriter::text(std::string_view value) {
  number<std::uint32_t>(static_cast<std::uint32_t>(value.size()));
  raw(as_bytes(value));
}

void ByteWriter::block(ByteView bytes) {
  number<std::uint64_t>(bytes.size());
  raw(bytes);
}

Result<ByteView> ByteReader::raw(std::size_t count) {
  if (count > left()) return truncated(count);
  const ByteView view = bytes_.subspan(at_, count);
  at_ += count;
  return view;
}

Result<std::string> ByteReader::text(std::size_t max_size) {
  SHOAL_TRY(const std::uint32_t size, number<std::uint32_t>());
  if (size > max_size)
    return corrupt(fmt::format("a text of {} bytes at offset {} is over its limit of {}", size, at_,
                               max_size));
  SHOAL_TRY(const ByteView view, raw(size));
  return std::string(as_text(view));
}

Result<ByteView> ByteReader::block() {
  SHOAL_TRY(const std::uint64_t size, number<std::uint64_t>());
  if (size > left()) return truncated(size);
  return raw(static_cast<std::size_t>(size));
}

Error ByteReader::truncated(std::uint64_t wanted) const {
  return corrupt(
      fmt::format("truncated: {} more bytes wanted at offset {}, {} left", wanted, at_, left()));
}

Error ByteReader::wrong_count(std::uint64_t found, std::uint64_t expected) const {
  return corrupt(fmt::format("{} elements stored at offset {}, {} expected", found, at_, expected));
}

}  // namespace shoal

// IDX, plain or gzipped: no input may crash the reader or make it allocate beyond its limit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/data/idx_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto array = shoal::parse_idx(bytes, 1 << 20);
  if (!array.ok()) return 0;
  // What was read is written back to what was read.
  const auto again = shoal::idx_bytes(*array);
  if (!again.ok() || (!shoal::is_gzip(bytes) && again->size() != size)) std::abort();
  return 0;
}

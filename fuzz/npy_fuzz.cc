// NPY: no input may crash the reader; what is read survives writing and reading.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/data/npy_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array = shoal::parse_npy(std::as_bytes(std::span(data, size)));
  if (!array.ok()) return 0;
  const auto written = shoal::npy_bytes(*array);
  if (!written.ok()) std::abort();
  const auto again = shoal::parse_npy(*written);
  if (!again.ok() || again->shape != array->shape || again->data != array->data) std::abort();
  return 0;
}

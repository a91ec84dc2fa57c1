// LEAF JSON: no input may crash the reader; what is read survives writing and reading.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/data/leaf_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto leaf = shoal::parse_leaf({reinterpret_cast<const char*>(data), size});
  if (!leaf.ok()) return 0;
  const auto again = shoal::parse_leaf(shoal::leaf_text(*leaf), leaf->data.classes);
  if (!again.ok() || !(*again == *leaf)) std::abort();
  return 0;
}

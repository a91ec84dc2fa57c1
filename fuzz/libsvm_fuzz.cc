// LIBSVM: no input may crash the reader or make a dense table beyond its limit.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/data/libsvm_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto table = shoal::parse_libsvm(text);
  if (!table.ok()) return 0;
  if (table->labels.size() != table->rows || table->begin.size() != table->rows + 1) std::abort();
  const auto cells = table->dense(table->features, 1 << 20);
  if (cells.ok() && cells->size() != table->rows * table->features) std::abort();
  return 0;
}

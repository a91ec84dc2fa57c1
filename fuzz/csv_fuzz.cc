// CSV with each kind of first line: no input may crash the reader.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "shoal/data/csv_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto first :
       {shoal::CsvFirstLine::kNames, shoal::CsvFirstLine::kNone, shoal::CsvFirstLine::kCounts})
    for (const char separator : {',', '\t', ' '}) {
      const auto table = shoal::parse_csv(text, {.separator = separator, .first_line = first});
      if (table.ok() && table->values.size() != table->rows * table->columns) std::abort();
    }
  return 0;
}

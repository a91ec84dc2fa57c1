// Tables of numbers as text: CSV, TSV and their kin, plain or gzipped.
//
// Every field is a finite number in C notation; there are no quotes and no missing values, except
// that the column names of a first line may be quoted. All lines have the same number of fields.
// Costs 4 bytes a number beside the text, counted before they are allocated.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "shoal/data/gzip.h"

namespace shoal {

enum class CsvFirstLine {
  kNames,   // the names of the columns
  kNone,    // numbers at once
  kCounts,  // rows, features, then words, as in scikit-learn's files: checked, then skipped
};

struct CsvFormat {
  char separator = ',';
  CsvFirstLine first_line = CsvFirstLine::kNames;
};

struct CsvTable {
  std::vector<std::string> names;  // of the columns; empty when the file gives none
  std::size_t rows = 0;
  std::size_t columns = 0;
  std::vector<float> values;  // rows * columns

  // The index of a column given by name or, when names are missing, by number from 0; "last" is
  // the last one.
  Result<std::size_t> column(const std::string& name) const;
};

// Parses text; errors say line and column (from 1).
Result<CsvTable> parse_csv(std::string_view text, const CsvFormat& format);

// Reads a file, which is unfolded first when it is gzipped; errors begin with its path.
Result<CsvTable> read_csv(const std::string& path, const CsvFormat& format,
                          std::uint64_t max_bytes = kMaxInflatedBytes);

}  // namespace shoal

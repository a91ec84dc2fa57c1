// LIBSVM's sparse text: one row a line, "label index:value index:value ...", indices from 1 and
// strictly increasing; '#' begins a comment. Plain or gzipped.
//
// A file of a few bytes may name index 2^31, so rows are kept sparse while they are read (about
// twice the text, counted beforehand) and the dense table is made only within a stated limit.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/data/gzip.h"

namespace shoal {

inline constexpr std::uint32_t kMaxLibsvmIndex = 0x7fffffffu;
// 4 GiB of float32.
inline constexpr std::uint64_t kMaxDenseCells = std::uint64_t{1} << 30;

struct SparseTable {
  std::size_t rows = 0;
  std::size_t features = 0;  // the largest index
  std::vector<float> labels;
  std::vector<std::uint64_t> begin;  // rows + 1 places in index and value
  std::vector<std::uint32_t> index;  // from 0
  std::vector<float> value;

  // Writes rows * columns floats; an error when a row has an index beyond `columns`, or when the
  // table would have more than max_cells.
  Result<std::vector<float>> dense(std::size_t columns,
                                   std::uint64_t max_cells = kMaxDenseCells) const;
};

// Errors say the line and the place in it (from 1).
Result<SparseTable> parse_libsvm(std::string_view text);

// Reads a file; errors begin with its path.
Result<SparseTable> read_libsvm(const std::string& path,
                                std::uint64_t max_bytes = kMaxInflatedBytes);

}  // namespace shoal

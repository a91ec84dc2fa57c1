#include "shoal/data/libsvm_reader.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/data/text_scan.h"

namespace shoal {
namespace {

// Takes the next word off `line`; empty when there is none.
std::string_view next_word(std::string_view& line) {
  line = trimmed(line);
  const std::string_view word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

Error wrong_word(std::size_t line, std::size_t place, std::string_view word,
                 std::string_view complaint) {
  return corrupt(
      fmt::format("line {}, word {}: '{}' {}", line, place, word.substr(0, 40), complaint));
}

Status parse_row(std::string_view line, std::size_t number, SparseTable& table) {
  const std::string_view label_word = next_word(line);
  const auto label = parse_number<float>(label_word);
  if (!label) return wrong_word(number, 1, label_word, "is not a label: a finite number");
  std::uint32_t previous = 0;
  std::size_t place = 1;
  for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
    ++place;
    const std::size_t colon = word.find(':');
    if (colon == std::string_view::npos)
      return wrong_word(number, place, word, "is not of the form index:value");
    const auto index = parse_number<std::uint32_t>(word.substr(0, colon));
    if (!index || *index == 0 || *index > kMaxLibsvmIndex)
      return wrong_word(number, place, word, "has no index from 1 to 2147483647");
    if (*index <= previous)
      return wrong_word(number, place, word, "has an index that does not increase");
    const auto value = parse_number<float>(word.substr(colon + 1));
    if (!value) return wrong_word(number, place, word, "has no finite value");
    table.index.push_back(*index - 1);
    table.value.push_back(*value);
    previous = *index;
  }
  table.features = std::max<std::size_t>(table.features, previous);
  table.labels.push_back(*label);
  table.begin.push_back(table.index.size());
  ++table.rows;
  return ok_status();
}

}  // namespace

Result<SparseTable> parse_libsvm(std::string_view text) {
  SparseTable table;
  const auto colons = static_cast<std::size_t>(std::count(text.begin(), text.end(), ':'));
  const auto ends = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
  table.index.reserve(colons);
  table.value.reserve(colons);
  table.labels.reserve(ends + 1);
  table.begin.reserve(ends + 2);
  table.begin.push_back(0);
  std::size_t number = 0;
  for (std::string_view line; next_line(text, line);) {
    ++number;
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    SHOAL_TRY_STATUS(parse_row(line, number, table));
  }
  if (table.rows == 0) return corrupt("the file has no rows");
  return table;
}

Result<std::vector<float>> SparseTable::dense(std::size_t columns, std::uint64_t max_cells) const {
  if (features > columns)
    return corrupt(
        fmt::format("an index {} is larger than the {} features expected", features, columns));
  if (columns > 0 && rows > max_cells / columns)
    return limit_exceeded(
        fmt::format("{} rows of {} features would make a dense table of more "
                    "than {} numbers",
                    rows, columns, max_cells));
  std::vector<float> cells(rows * columns, 0.0f);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::uint64_t k = begin[row]; k < begin[row + 1]; ++k)
      cells[row * columns + index[k]] = value[k];
  return cells;
}

Result<SparseTable> read_libsvm(const std::string& path, std::uint64_t max_bytes) {
  SHOAL_TRY(Bytes bytes, read_file(path));
  if (is_gzip(bytes)) {
    auto unfolded = gunzip(bytes, max_bytes);
    if (!unfolded.ok()) return within(path, unfolded.error());
    bytes = std::move(unfolded).value();
  }
  auto table = parse_libsvm(as_text(bytes));
  if (!table.ok()) return within(path, table.error());
  return table;
}

}  // namespace shoal

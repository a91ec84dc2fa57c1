#include "shoal/data/csv_reader.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/file.h"
#include "shoal/base/settings.h"
#include "shoal/data/text_scan.h"

namespace shoal {
namespace {

// Takes the next field off `line`. Sets `last` when no separator follows.
std::string_view next_field(std::string_view& line, char separator, bool& last) {
  const std::size_t end = line.find(separator);
  const std::string_view field = line.substr(0, end);
  last = end == std::string_view::npos;
  line.remove_prefix(last ? line.size() : end + 1);
  return separator == ' ' || separator == '\t' ? field : trimmed(field);
}

Result<std::vector<std::string>> parse_names(std::string_view line, char separator) {
  std::vector<std::string> names;
  for (bool last = false; !last;) {
    std::string_view name = next_field(line, separator, last);
    if (name.size() >= 2 && name.front() == '"' && name.back() == '"')
      name = name.substr(1, name.size() - 2);
    if (name.empty())
      return corrupt(fmt::format("line 1, column {}: a column without a name", names.size() + 1));
    names.emplace_back(name);
  }
  std::vector<std::string> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    return corrupt(fmt::format("line 1: two columns are called '{}'", *twice));
  return names;
}

struct Counts {
  std::uint64_t rows = 0;
  std::uint64_t features = 0;
};

Result<Counts> parse_counts(std::string_view line, char separator) {
  bool last = false;
  const auto rows = parse_number<std::uint64_t>(next_field(line, separator, last));
  const auto features =
      last ? std::nullopt : parse_number<std::uint64_t>(next_field(line, separator, last));
  if (!rows || !features)
    return corrupt("line 1: expected the numbers of rows and of features, then names of classes");
  return Counts{*rows, *features};
}

// Appends the fields of one line to `table`, whose first line sets the number of columns.
Status parse_row(std::string_view line, std::size_t number, char separator, CsvTable& table) {
  std::size_t column = 0;
  for (bool last = false; !last;) {
    const std::string_view field = next_field(line, separator, last);
    ++column;
    if (table.columns > 0 && column > table.columns)
      return corrupt(fmt::format("line {}: more than {} fields", number, table.columns));
    const auto value = parse_number<float>(field);
    if (!value)
      return corrupt(fmt::format("line {}, column {}: '{}' is not a finite number", number, column,
                                 field.substr(0, 40)));
    table.values.push_back(*value);
  }
  if (table.columns == 0) table.columns = column;
  if (column < table.columns)
    return corrupt(
        fmt::format("line {}: {} fields where {} are expected", number, column, table.columns));
  ++table.rows;
  return ok_status();
}

}  // namespace

Result<std::size_t> CsvTable::column(const std::string& name) const {
  if (name == "last" && columns > 0) return columns - 1;
  const auto found = std::find(names.begin(), names.end(), name);
  if (found != names.end()) return static_cast<std::size_t>(found - names.begin());
  if (!names.empty())
    return not_found(fmt::format("no column '{}'{}", name, suggestion(name, names)));
  const auto index = parse_number<std::size_t>(name);
  if (!index || *index >= columns)
    return not_found(
        fmt::format("no column '{}': the file names none, so give a number from 0 to "
                    "{}, or \"last\"",
                    name, columns == 0 ? 0 : columns - 1));
  return *index;
}

Result<CsvTable> parse_csv(std::string_view text, const CsvFormat& format) {
  CsvTable table;
  Counts counts;
  std::size_t number = 0;
  std::string_view line;
  if (format.first_line != CsvFirstLine::kNone) {
    if (!next_line(text, line)) return corrupt("line 1: the file is empty");
    ++number;
    if (format.first_line == CsvFirstLine::kNames) {
      SHOAL_TRY(table.names, parse_names(line, format.separator));
      table.columns = table.names.size();
    } else {
      SHOAL_TRY(counts, parse_counts(line, format.separator));
    }
  }
  const auto ends = std::count(text.begin(), text.end(), '\n');
  const auto separators = std::count(text.begin(), text.end(), format.separator);
  table.values.reserve(static_cast<std::size_t>(ends + separators) + 1);
  while (next_line(text, line)) {
    SHOAL_TRY_STATUS(parse_row(line, ++number, format.separator, table));
  }
  if (table.rows == 0) return corrupt("the file has no rows");
  if (format.first_line == CsvFirstLine::kCounts &&
      (counts.rows != table.rows || counts.features != table.columns - 1))
    return corrupt(
        fmt::format("line 1 declares {} rows of {} features and a label; the file has "
                    "{} rows of {} numbers",
                    counts.rows, counts.features, table.rows, table.columns));
  return table;
}

Result<CsvTable> read_csv(const std::string& path, const CsvFormat& format,
                          std::uint64_t max_bytes) {
  SHOAL_TRY(Bytes bytes, read_file(path));
  if (is_gzip(bytes)) {
    auto unfolded = gunzip(bytes, max_bytes);
    if (!unfolded.ok()) return within(path, unfolded.error());
    bytes = std::move(unfolded).value();
  }
  auto table = parse_csv(as_text(bytes), format);
  if (!table.ok()) return within(path, table.error());
  return table;
}

}  // namespace shoal

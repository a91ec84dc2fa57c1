#include "shoal/run/ledger.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "shoal/base/file.h"

namespace shoal {
namespace {

constexpr const char* kKept = "kept";

std::string number(double value) {
  return std::isfinite(value) ? fmt::format("{}", value) : std::string("null");
}

Result<std::vector<NodeId>> node_list(const nlohmann::ordered_json& list) {
  if (!list.is_array()) return corrupt(fmt::format("'{}' is not a list", kKept));
  std::vector<NodeId> nodes;
  for (const auto& entry : list) {
    if (!entry.is_number_unsigned() || entry > std::numeric_limits<NodeId>::max())
      return corrupt(fmt::format("'{}' holds something that is no node", kKept));
    nodes.push_back(entry.get<NodeId>());
  }
  return nodes;
}

}  // namespace

std::optional<double> LedgerLine::figure(const std::string& name) const {
  for (const auto& [key, value] : figures)
    if (key == name) return value;
  return std::nullopt;
}

std::string to_json(const LedgerLine& line) {
  std::string text =
      fmt::format(R"({{"round":{},"time_s":{},"bytes_up":{},"bytes_down":{},"gradients":{})",
                  line.round, number(line.time_s), line.bytes_up, line.bytes_down, line.gradients);
  for (const auto& [name, value] : line.figures)
    text += fmt::format(R"(,"{}":{})", name, number(value));
  if (line.kept) text += fmt::format(R"(,"{}":[{}])", kKept, fmt::join(*line.kept, ","));
  return text + "}";
}

Result<LedgerLine> parse_ledger_line(const std::string& json) {
  const auto parsed = nlohmann::ordered_json::parse(json, nullptr, false);
  if (!parsed.is_object()) return corrupt("not a JSON object");
  LedgerLine line;
  for (const auto& [key, value] : parsed.items()) {
    if (key == kKept) {
      SHOAL_TRY(line.kept, node_list(value));
      continue;
    }
    if (!value.is_number() && !value.is_null())
      return corrupt(fmt::format("'{}' is not a number", key));
    const double figure = value.is_null() ? NAN : value.get<double>();
    if (key == "time_s")
      line.time_s = figure;
    else if (key != "round" && key != "bytes_up" && key != "bytes_down" && key != "gradients")
      line.figures.emplace_back(key, figure);
    else if (!value.is_number_unsigned())
      return corrupt(fmt::format("'{}' is not a count", key));
    else if (key == "round")
      line.round = value.get<Step>();
    else if (key == "bytes_up")
      line.bytes_up = value.get<std::uint64_t>();
    else if (key == "bytes_down")
      line.bytes_down = value.get<std::uint64_t>();
    else
      line.gradients = value.get<std::uint64_t>();
  }
  return line;
}

Result<std::vector<LedgerLine>> read_ledger(const std::string& path) {
  SHOAL_TRY(const std::string text, read_text_file(path));
  std::vector<LedgerLine> lines;
  std::istringstream in(text);
  std::string json;
  while (std::getline(in, json)) {
    auto line = parse_ledger_line(json);
    if (!line.ok()) return within(fmt::format("{} line {}", path, lines.size() + 1), line.error());
    lines.push_back(std::move(line).value());
  }
  return lines;
}

std::optional<double> final_figure(const std::vector<LedgerLine>& lines, const std::string& name) {
  std::vector<double> values;
  for (const LedgerLine& line : lines)
    if (const auto value = line.figure(name)) values.push_back(*value);
  if (values.empty()) return std::nullopt;
  const std::size_t tail = std::max<std::size_t>(1, values.size() / 10);
  double sum = 0.0;
  for (std::size_t i = values.size() - tail; i < values.size(); ++i) sum += values[i];
  return sum / static_cast<double>(tail);
}

}  // namespace shoal

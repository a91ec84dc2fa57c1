#include "shoal/base/kind_text.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/toml.h"

namespace shoal {
namespace {

std::string known_kind(const std::string& typed, const std::vector<std::string>& known) {
  const auto squeezed = [](std::string name) {
    std::erase_if(name, [](char c) { return c == '_' || c == '-'; });
    return name;
  };
  for (const std::string& name : known)
    if (squeezed(name) == squeezed(typed)) return name;
  return typed;
}

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

Result<Table> kind_table(const std::string& text, const std::vector<std::string>& known) {
  Table table;
  const std::size_t colon = text.find(':');
  table.set("kind", known_kind(text.substr(0, colon), known));
  if (colon == std::string::npos || colon + 1 == text.size()) return table;
  for (const std::string& pair : split_at_commas(text.substr(colon + 1))) {
    const std::size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid_argument(fmt::format(
          "'{}' in '{}': write settings as name=value, like top_k:ratio=0.01", pair, text));
    SHOAL_TRY(Value value, parse_toml_value(pair.substr(equals + 1)));
    table.set(pair.substr(0, equals), std::move(value));
  }
  return table;
}

std::vector<std::string> split_kinds(const std::string& text) {
  std::vector<std::string> kinds;
  for (const std::string& part : split_at_commas(text)) {
    const std::size_t equals = part.find('=');
    const bool setting = equals != std::string::npos && equals < part.find(':');
    if (setting && !kinds.empty()) {
      kinds.back() += ',' + part;
    } else {
      kinds.push_back(part);
    }
  }
  return kinds;
}

}  // namespace shoal

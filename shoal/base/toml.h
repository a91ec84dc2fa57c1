// TOML text to and from the plain tree of value.h (toml++ does the parsing).
#pragma once

#include <string>

#include "shoal/base/value.h"

namespace shoal {

// An error says the line. Dates and times are refused: no setting takes one.
Result<Table> parse_toml(const std::string& text);

// One value as on the right of an equals sign, for --set; a bare word is a text.
Result<Value> parse_toml_value(const std::string& text);

// Plain keys first, then [tables], in the tree's order; parse_toml(write_toml(t)) equals t.
std::string write_toml(const Table& table);

}  // namespace shoal

// Kinds with settings as they are typed on a command line: "top_k:ratio=0.01,index_code=rice".
#pragma once

#include <string>
#include <vector>

#include "shoal/base/catalogue.h"

namespace shoal {

// The text as the table of a section. Values are TOML; a bare word is a text. A kind that is one of
// `known` but for its separators ("topk") is taken for that; others stay as typed.
Result<Table> kind_table(const std::string& text, const std::vector<std::string>& known);

// "bucketing:size=2,trimmed_mean" cut into the kinds that follow one another: what has an '='
// before any ':' is one more setting of the kind before it.
std::vector<std::string> split_kinds(const std::string& text);

template <class T, class... Context>
std::vector<std::string> names_of(const Catalogue<T, Context...>& catalogue) {
  std::vector<std::string> names;
  for (const auto& entry : catalogue.entries()) names.push_back(entry.name);
  return names;
}

}  // namespace shoal

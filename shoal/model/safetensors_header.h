// The header of a safetensors file: a strict reader of just that much JSON.
//
// It does not recurse and stores nothing that the file does not name, so nesting and lying numbers
// cost nothing.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/model/safetensors.h"

namespace shoal {

struct SafeTensorsEntry {
  std::string name;
  std::vector<std::uint32_t> shape;
  std::uint64_t begin = 0;  // bytes into the data
  std::uint64_t end = 0;
};

struct SafeTensorsHeader {
  std::vector<SafeTensorsEntry> entries;  // in header order
  SafeTensors::Metadata metadata;
};

// Syntax, names and dtypes; what the offsets must add up to is the caller's to check.
Result<SafeTensorsHeader> parse_safetensors_header(std::string_view text);

// Whether the text is well-formed UTF-8: no overlong forms, surrogates or values above U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace shoal

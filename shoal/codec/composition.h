// Composition: a codec that keeps some entries, and another one that writes their values. In the
// experiment file
//
//   [codec]
//   kind = "top_k"
//   ratio = 0.01
//   values = "qsgd"               # a name, or a table such as { kind = "qsgd", levels = 15 }
//
// The kept values of a tensor are a tensor of their own to the second codec. What the whole
// declares follows from the two (sparse.h).
#pragma once

#include <memory>
#include <string>

#include "shoal/base/value.h"
#include "shoal/codec/codec.h"

namespace shoal {

// The codec of a [codec] table. `values` beside a codec that sends every entry is an error.
Result<std::unique_ptr<Codec>> make_codec(const Table& table, const std::string& where);
// The table with every default written out, that of the values too.
Result<Table> resolve_codec(const Table& table, const std::string& where);

// A codec given as a setting's value, by its name or as a table, as a table with every default
// written out. `where` is how the setting is called in errors.
Result<Table> resolve_named_codec(const Value& given, const std::string& where);

}  // namespace shoal

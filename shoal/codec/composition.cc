#include "shoal/codec/composition.h"

#include <fmt/format.h>

#include "shoal/codec/sparse.h"

namespace shoal {
namespace {

constexpr const char* kValues = "values";

// A bare name stands for a table with only its kind.
Result<Table> named_table(const Value& given, const std::string& where) {
  Table table;
  if (const std::string* name = given.as<std::string>()) {
    table.set("kind", *name);
    return table;
  }
  if (const Table* named = given.as<Table>(); named && !named->empty()) return *named;
  return invalid_argument(
      fmt::format("{} must name a codec, such as \"qsgd\" or {{ kind = \"qsgd\" }}, and is {}",
                  where, given.type_name()));
}

std::string values_name(const std::string& where) { return where + " values"; }

// The table of the codec of the values; empty without one.
Result<Table> values_table(const Table& table, const std::string& where) {
  const Value* given = table.find(kValues);
  if (!given) return Table{};
  return named_table(*given, values_name(where));
}

Table without_values(const Table& table) {
  Table rest = table;
  rest.erase(kValues);
  return rest;
}

// Both tables are good; do the codecs go together?
Result<std::unique_ptr<Codec>> compose(std::unique_ptr<Codec> outer, const Table& outer_table,
                                       std::unique_ptr<Codec> inner, const std::string& where) {
  const auto name = [&](const Table& table) { return *table.find("kind")->as<std::string>(); };
  auto* sparse = dynamic_cast<SparseCodec*>(outer.get());
  if (!sparse)
    return invalid_argument(fmt::format(
        "{}: {} sends every entry itself; only a codec that keeps some entries, such as top_k, "
        "takes values",
        where, name(outer_table)));
  if (dynamic_cast<SparseCodec*>(inner.get()))
    return invalid_argument(
        fmt::format("{} must be a codec that sends every entry, such as qsgd: what {} keeps was "
                    "kept to be sent",
                    values_name(where), name(outer_table)));
  const Value* type = outer_table.find("value_type");
  if (type && *type->as<std::string>() != "f32")
    return invalid_argument(
        fmt::format("{} has both value_type and values; set one of them", where));
  sparse->write_values_by(std::move(inner));
  return outer;
}

}  // namespace

Result<std::unique_ptr<Codec>> make_codec(const Table& table, const std::string& where) {
  SHOAL_TRY(const Table inner, values_table(table, where));
  const Table rest = without_values(table);
  SHOAL_TRY(auto outer, codecs().make(rest, where));
  if (inner.empty()) return outer;
  SHOAL_TRY(auto values, codecs().make(inner, values_name(where)));
  return compose(std::move(outer), rest, std::move(values), where);
}

Result<Table> resolve_codec(const Table& table, const std::string& where) {
  SHOAL_TRY(const Table inner, values_table(table, where));
  SHOAL_TRY(Table resolved, codecs().resolve(without_values(table), where));
  if (inner.empty()) return resolved;
  SHOAL_TRY(Table values, codecs().resolve(inner, values_name(where)));
  resolved.set(kValues, std::move(values));
  // A refusal belongs where the file is read.
  SHOAL_TRY(const auto made, make_codec(resolved, where));
  return resolved;
}

Result<Table> resolve_named_codec(const Value& given, const std::string& where) {
  SHOAL_TRY(const Table table, named_table(given, where));
  return resolve_codec(table, where);
}

}  // namespace shoal

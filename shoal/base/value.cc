#include "shoal/base/value.h"

#include <algorithm>
#include <fmt/format.h>

namespace shoal {

const Value* Table::find(const std::string& key) const {
  for (const auto& [name, value] : entries_)
    if (name == key) return &value;
  return nullptr;
}

Value* Table::find(const std::string& key) {
  return const_cast<Value*>(static_cast<const Table*>(this)->find(key));
}

Value& Table::set(const std::string& key, Value value) {
  if (Value* old = find(key)) {
    *old = std::move(value);
    return *old;
  }
  return entries_.emplace_back(key, std::move(value)).second;
}

void Table::erase(const std::string& key) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first == key; });
}

std::string Value::type_name() const {
  static constexpr const char* kNames[] = {"nothing", "true or false", "an integer", "a number",
                                           "a text",  "a list",        "a table"};
  return kNames[held_.index()];
}

void merge(Table& base, const Table& over) {
  for (const auto& [key, value] : over.entries()) {
    Value* old = base.find(key);
    const Table* new_table = value.as<Table>();
    Table* old_table = old ? old->as<Table>() : nullptr;
    if (new_table && old_table)
      merge(*old_table, *new_table);
    else
      base.set(key, value);
  }
}

Status set_path(Table& table, const std::string& path, Value value) {
  const std::size_t dot = path.find('.');
  const std::string key = path.substr(0, dot);
  if (key.empty())
    return invalid_argument(fmt::format("'{}' is no path of a setting, like codec.ratio", path));
  if (dot == std::string::npos) {
    table.set(key, std::move(value));
    return ok_status();
  }
  Value* inner = table.find(key);
  if (!inner) inner = &table.set(key, Table());
  Table* inner_table = inner->as<Table>();
  if (!inner_table)
    return invalid_argument(fmt::format("'{}' is {}, not a table", key, inner->type_name()));
  return set_path(*inner_table, path.substr(dot + 1), std::move(value));
}

}  // namespace shoal

#include "shoal/base/toml.h"

#include <algorithm>
#include <fmt/format.h>
#include <sstream>
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

namespace shoal {
namespace {

Result<Value> convert(const toml::node& node);

Result<Table> convert_table(const toml::table& table) {
  // toml++ keeps keys sorted; file order comes back from their positions.
  std::vector<std::pair<const toml::key*, const toml::node*>> entries;
  for (const auto& [key, node] : table) entries.emplace_back(&key, &node);
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    const auto first = a.first->source().begin;
    const auto second = b.first->source().begin;
    return std::pair(first.line, first.column) < std::pair(second.line, second.column);
  });
  Table result;
  for (const auto& [key, node] : entries) {
    SHOAL_TRY(Value value, convert(*node));
    result.set(std::string(key->str()), std::move(value));
  }
  return result;
}

Result<Value> convert(const toml::node& node) {
  Value value;
  if (const auto* flag = node.as_boolean()) {
    value = Value(flag->get());
  } else if (const auto* integer = node.as_integer()) {
    value = Value(integer->get());
  } else if (const auto* real = node.as_floating_point()) {
    value = Value(real->get());
  } else if (const auto* text = node.as_string()) {
    value = Value(text->get());
  } else if (const auto* array = node.as_array()) {
    Value::List list;
    for (const auto& entry : *array) {
      SHOAL_TRY(Value element, convert(entry));
      list.push_back(std::move(element));
    }
    value = Value(std::move(list));
  } else if (const auto* table = node.as_table()) {
    SHOAL_TRY(Table inner, convert_table(*table));
    value = Value(std::move(inner));
  } else {
    return invalid_argument(fmt::format("line {}: dates and times are not used in experiments",
                                        node.source().begin.line));
  }
  value.line = static_cast<int>(node.source().begin.line);
  return value;
}

std::string quoted(const std::string& text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      result += '\\', result += c;
    else if (c == '\n')
      result += "\\n";
    else if (c == '\t')
      result += "\\t";
    else if (static_cast<unsigned char>(c) < 0x20)
      result += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    else
      result += c;
  }
  return result + '"';
}

bool is_table_list(const Value& value) {
  const auto* list = value.as<Value::List>();
  return list && !list->empty() && list->front().as<Table>();
}

std::string key_text(const std::string& key) {
  const bool bare = !key.empty() && std::all_of(key.begin(), key.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-';
  });
  return bare ? key : quoted(key);
}

std::string inline_text(const Value& value) {
  if (const auto* flag = value.as<bool>()) return *flag ? "true" : "false";
  if (const auto* integer = value.as<std::int64_t>()) return fmt::format("{}", *integer);
  if (const auto* real = value.as<double>()) {
    std::string text = fmt::format("{}", *real);
    if (text.find_first_of(".en") == std::string::npos) text += ".0";
    return text;
  }
  if (const auto* text = value.as<std::string>()) return quoted(*text);
  std::string text;
  if (const auto* list = value.as<Value::List>()) {
    for (const Value& entry : *list) text += (text.empty() ? "" : ", ") + inline_text(entry);
    return "[" + text + "]";
  }
  if (const auto* table = value.as<Table>()) {
    for (const auto& [key, entry] : table->entries())
      text += (text.empty() ? "" : ", ") + key_text(key) + " = " + inline_text(entry);
    return "{" + text + "}";
  }
  return "\"\"";
}

void write_table(const Table& table, const std::string& prefix, std::string& out) {
  for (const auto& [key, value] : table.entries())
    if (!value.as<Table>() && !is_table_list(value))
      out += key_text(key) + " = " + inline_text(value) + "\n";
  for (const auto& [key, value] : table.entries()) {
    const std::string path = prefix.empty() ? key_text(key) : prefix + "." + key_text(key);
    if (const auto* inner = value.as<Table>()) {
      out += "\n[" + path + "]\n";
      write_table(*inner, path, out);
    } else if (is_table_list(value)) {
      for (const Value& entry : *value.as<Value::List>()) {
        out += "\n[[" + path + "]]\n";
        write_table(*entry.as<Table>(), path, out);
      }
    }
  }
}

}  // namespace

Result<Table> parse_toml(const std::string& text) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed)
    return corrupt(fmt::format("line {}: {}", parsed.error().source().begin.line,
                               parsed.error().description()));
  return convert_table(parsed.table());
}

Result<Value> parse_toml_value(const std::string& text) {
  if (auto parsed = parse_toml("value = " + text); parsed.ok()) {
    Value value = *parsed->find("value");
    value.line = 0;
    return value;
  }
  const bool word = !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isalnum(c) || c == '_' || c == '-' || c == '.' || c == '/';
  });
  if (word) return Value(text);
  return invalid_argument(fmt::format("'{}' is no number, text, list or true/false", text));
}

std::string write_toml(const Table& table) {
  std::string out;
  write_table(table, "", out);
  return out;
}

}  // namespace shoal

// A tree of plain values: what an experiment file holds before it is given meaning.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "shoal/base/result.h"

namespace shoal {

class Value;
// Keys in file order; at most one entry a key.
class Table {
 public:
  const Value* find(const std::string& key) const;
  Value* find(const std::string& key);
  // Replaces or appends.
  Value& set(const std::string& key, Value value);
  void erase(const std::string& key);
  bool empty() const;
  const std::vector<std::pair<std::string, Value>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, Value>> entries_;
};

class Value {
 public:
  using List = std::vector<Value>;
  Value() = default;
  Value(bool value) : held_(value) {}                      // NOLINT(google-explicit-constructor)
  Value(std::int64_t value) : held_(value) {}              // NOLINT(google-explicit-constructor)
  Value(int value) : held_(std::int64_t{value}) {}         // NOLINT(google-explicit-constructor)
  Value(double value) : held_(value) {}                    // NOLINT(google-explicit-constructor)
  Value(std::string value) : held_(std::move(value)) {}    // NOLINT(google-explicit-constructor)
  Value(const char* value) : held_(std::string(value)) {}  // NOLINT(google-explicit-constructor)
  Value(List value) : held_(std::move(value)) {}           // NOLINT(google-explicit-constructor)
  Value(Table value) : held_(std::move(value)) {}          // NOLINT(google-explicit-constructor)

  template <class T>
  const T* as() const {
    return std::get_if<T>(&held_);
  }
  template <class T>
  T* as() {
    return std::get_if<T>(&held_);
  }
  // "a number", "a text", "a table", ...
  std::string type_name() const;

  int line = 0;  // where it stood in its file; 0 when it came from elsewhere

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, List, Table> held_;
};

// Behind Value: Clang wants it complete before a pair of it is looked at.
inline bool Table::empty() const { return entries_.empty(); }

// Lays `over` on top of `base`: tables merge key by key, anything else is replaced.
void merge(Table& base, const Table& over);

// Sets the value at a dotted path ("codec.ratio"), making tables on the way.
Status set_path(Table& table, const std::string& path, Value value);

}  // namespace shoal

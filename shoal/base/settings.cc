#include "shoal/base/settings.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace shoal {
namespace {

// Levenshtein distance with adjacent swaps counted once.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> cost(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.size()][b.size()];
}

std::string number_text(double value) { return fmt::format("{}", value); }

// The shared part of all visitors: what one setting is.
class Reader : public Settings {
 public:
  Reader(const Table& table, std::string where) : table_(table), where_(std::move(where)) {}

  void real(const char* name, double& value, const char*, const About& about) override {
    const Value* given = look_up(name);
    if (!given) return;
    double number = 0.0;
    if (!to_number(*given, number)) return wrong_type(name, *given, "a number");
    if (!about.range.contains(number)) return out_of_range(name, number, about);
    value = number;
  }
  void integer(const char* name, std::int64_t& value, const char*, const About& about) override {
    const Value* given = look_up(name);
    if (!given) return;
    const auto* number = given->as<std::int64_t>();
    if (!number) return wrong_type(name, *given, "an integer");
    if (!about.range.contains(static_cast<double>(*number)))
      return out_of_range(name, static_cast<double>(*number), about);
    value = *number;
  }
  void flag(const char* name, bool& value, const char*, const About&) override {
    const Value* given = look_up(name);
    if (!given) return;
    const auto* held = given->as<bool>();
    if (!held) return wrong_type(name, *given, "true or false");
    value = *held;
  }
  void text(const char* name, std::string& value, const char*, const About&) override {
    const Value* given = look_up(name);
    if (!given) return;
    const auto* held = given->as<std::string>();
    if (!held) return wrong_type(name, *given, "a text");
    value = *held;
  }
  void reals(const char* name, std::vector<double>& value, const char*,
             const About& about) override {
    const Value* given = look_up(name);
    if (!given) return;
    const auto* list = given->as<Value::List>();
    if (!list) return wrong_type(name, *given, "a list of numbers");
    std::vector<double> numbers(list->size());
    for (std::size_t i = 0; i < list->size(); ++i) {
      if (!to_number((*list)[i], numbers[i])) return wrong_type(name, (*list)[i], "numbers");
      if (!about.range.contains(numbers[i])) return out_of_range(name, numbers[i], about);
    }
    value = std::move(numbers);
  }
  void texts(const char* name, std::vector<std::string>& value, const char*,
             const About&) override {
    const Value* given = look_up(name);
    if (!given) return;
    const auto* list = given->as<Value::List>();
    if (!list) return wrong_type(name, *given, "a list of texts");
    std::vector<std::string> texts;
    for (const Value& entry : *list) {
      const auto* held = entry.as<std::string>();
      if (!held) return wrong_type(name, entry, "texts");
      texts.push_back(*held);
    }
    value = std::move(texts);
  }

  Status finish(const std::vector<std::string>& reserved) {
    if (!status_.ok()) return status_;
    for (const auto& [key, value] : table_.entries()) {
      const auto is = [&](const std::string& name) { return name == key; };
      if (std::any_of(known_.begin(), known_.end(), is)) continue;
      if (std::any_of(reserved.begin(), reserved.end(), is)) continue;
      return invalid_argument(fmt::format("{}unknown setting '{}' in {}{}", line_of(value), key,
                                          where_, suggestion(key, known_)));
    }
    return ok_status();
  }

 protected:
  void choice_of(const char* name, std::size_t& index, const char*,
                 const std::vector<const char*>& options, const About&) override {
    const Value* given = look_up(name);
    if (!given) return;
    const auto* held = given->as<std::string>();
    if (!held) return wrong_type(name, *given, "a text");
    const auto found = std::find(options.begin(), options.end(), *held);
    if (found == options.end()) {
      fail(*given, fmt::format("{} in {} is '{}'; it must be one of {}", name, where_, *held,
                               fmt::join(options, ", ")));
      return;
    }
    index = static_cast<std::size_t>(found - options.begin());
  }

 private:
  const Value* look_up(const char* name) {
    known_.emplace_back(name);
    return table_.find(name);
  }
  static bool to_number(const Value& value, double& number) {
    if (const auto* real = value.as<double>())
      number = *real;
    else if (const auto* integer = value.as<std::int64_t>())
      number = static_cast<double>(*integer);
    else
      return false;
    return true;
  }
  static std::string line_of(const Value& value) {
    return value.line > 0 ? fmt::format("line {}: ", value.line) : std::string();
  }
  void fail(const Value& value, const std::string& message) {
    if (status_.ok()) status_ = invalid_argument(line_of(value) + message);
  }
  void wrong_type(const char* name, const Value& value, const char* wanted) {
    fail(value,
         fmt::format("{} in {} is {}; it must be {}", name, where_, value.type_name(), wanted));
  }
  void out_of_range(const char* name, double number, const About& about) {
    const Value* given = table_.find(name);
    fail(*given,
         fmt::format("{} in {} is {}{}; it must be {}", name, where_, number_text(number),
                     *about.unit ? fmt::format(" {}", about.unit) : "", about.range.text()));
  }

  const Table& table_;
  std::string where_;
  std::vector<std::string> known_;
  Status status_;
};

class Writer : public Settings {
 public:
  void real(const char* name, double& value, const char*, const About&) override {
    table.set(name, value);
  }
  void integer(const char* name, std::int64_t& value, const char*, const About&) override {
    table.set(name, value);
  }
  void flag(const char* name, bool& value, const char*, const About&) override {
    table.set(name, value);
  }
  void text(const char* name, std::string& value, const char*, const About&) override {
    table.set(name, value);
  }
  void reals(const char* name, std::vector<double>& value, const char*, const About&) override {
    table.set(name, Value::List(value.begin(), value.end()));
  }
  void texts(const char* name, std::vector<std::string>& value, const char*,
             const About&) override {
    table.set(name, Value::List(value.begin(), value.end()));
  }
  Table table;

 protected:
  void choice_of(const char* name, std::size_t& index, const char*,
                 const std::vector<const char*>& options, const About&) override {
    table.set(name, options[index]);
  }
};

class Lister : public Settings {
 public:
  void real(const char* name, double& value, const char* meaning, const About& about) override {
    add(name, "number", meaning, number_text(value), about);
  }
  void integer(const char* name, std::int64_t& value, const char* meaning,
               const About& about) override {
    add(name, "integer", meaning, fmt::format("{}", value), about);
  }
  void flag(const char* name, bool& value, const char* meaning, const About& about) override {
    add(name, "true or false", meaning, value ? "true" : "false", about);
  }
  void text(const char* name, std::string& value, const char* meaning,
            const About& about) override {
    add(name, "text", meaning, fmt::format("\"{}\"", value), about);
  }
  void reals(const char* name, std::vector<double>& value, const char* meaning,
             const About& about) override {
    add(name, "list of numbers", meaning, fmt::format("[{}]", fmt::join(value, ", ")), about);
  }
  void texts(const char* name, std::vector<std::string>& value, const char* meaning,
             const About& about) override {
    add(name, "list of texts", meaning, fmt::format("[{}]", fmt::join(value, ", ")), about);
  }
  std::vector<SettingInfo> all;

 protected:
  void choice_of(const char* name, std::size_t& index, const char* meaning,
                 const std::vector<const char*>& options, const About& about) override {
    add(name, "choice", meaning, fmt::format("\"{}\"", options[index]), about);
    all.back().options.assign(options.begin(), options.end());
  }

 private:
  void add(const char* name, const char* type, const char* meaning, std::string default_text,
           const About& about) {
    all.push_back({name, type, meaning, std::move(default_text), {}, about});
  }
};

}  // namespace

bool Range::contains(double value) const {
  if (!std::isfinite(value)) return false;
  const bool low = lower_open ? value > lower : value >= lower;
  const bool high = upper_open ? value < upper : value <= upper;
  return low && high;
}

std::string Range::text() const {
  std::string text;
  if (std::isfinite(lower)) text = fmt::format("{} {}", lower_open ? ">" : ">=", lower);
  if (std::isfinite(upper))
    text += fmt::format("{}{} {}", text.empty() ? "" : " and ", upper_open ? "<" : "<=", upper);
  return text.empty() ? "a finite number" : text;
}

std::string nearest_name(std::string_view wrong, const std::vector<std::string>& names) {
  std::string best;
  std::size_t best_distance = wrong.size() / 3 + 2;  // at most this many slips
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(wrong, name);
    if (distance < best_distance) {
      best = name;
      best_distance = distance;
    }
  }
  return best;
}

std::string suggestion(std::string_view wrong, const std::vector<std::string>& names) {
  const std::string near = nearest_name(wrong, names);
  if (!near.empty()) return fmt::format("; did you mean '{}'?", near);
  if (names.empty()) return "; there is none to set here";
  return fmt::format("; known: {}", fmt::join(names, ", "));
}

namespace settings_detail {

Status read(const Table& table, const std::string& where, Describe describe, void* values,
            const std::vector<std::string>& reserved) {
  Reader reader(table, where);
  describe(reader, values);
  return reader.finish(reserved);
}

Table write(Describe describe, void* values) {
  Writer writer;
  describe(writer, values);
  return writer.table;
}

std::vector<SettingInfo> list(Describe describe, void* values) {
  Lister lister;
  describe(lister, values);
  return lister.all;
}

}  // namespace settings_detail
}  // namespace shoal

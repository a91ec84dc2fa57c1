// Settings described once. Beside each settings struct stands one function
//
//   void describe(Settings& s, TopKSettings& v) {
//     s.real("ratio", v.ratio, "fraction of the entries kept", {.range = above(0).up_to(1)});
//     s.choice("index", v.index, "how indices are written",
//              {{"raw", IndexCode::kRaw}, {"rice", IndexCode::kRice}});
//   }
//
// and from it come the parser, its errors with suggestions, `shoal explain`, the JSON Schema, the
// resolved experiment and the reference page. The default is whatever the struct holds when made.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shoal/base/result.h"
#include "shoal/base/value.h"

namespace shoal {

struct Range {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
  bool lower_open = false;
  bool upper_open = false;

  Range up_to(double bound) const { return {lower, bound, lower_open, false}; }
  Range below(double bound) const { return {lower, bound, lower_open, true}; }
  bool contains(double value) const;  // NaN and infinities are in no range
  std::string text() const;           // "> 0 and <= 1"
};
inline Range above(double bound) { return {.lower = bound, .lower_open = true}; }
inline Range at_least(double bound) { return {.lower = bound}; }
inline Range any_number() { return {}; }

// What a setting is, beyond its name and meaning.
struct About {
  Range range = {};
  const char* unit = "";
  const char* paper = "";  // arXiv number or a short title
};

// A visitor over the settings of one struct; every call names one setting.
class Settings {
 public:
  virtual ~Settings() = default;

  virtual void real(const char* name, double& value, const char* meaning,
                    const About& about = {}) = 0;
  virtual void integer(const char* name, std::int64_t& value, const char* meaning,
                       const About& about = {}) = 0;
  virtual void flag(const char* name, bool& value, const char* meaning,
                    const About& about = {}) = 0;
  virtual void text(const char* name, std::string& value, const char* meaning,
                    const About& about = {}) = 0;
  virtual void reals(const char* name, std::vector<double>& value, const char* meaning,
                     const About& about = {}) = 0;
  virtual void texts(const char* name, std::vector<std::string>& value, const char* meaning,
                     const About& about = {}) = 0;

  template <class Enum>
  void choice(const char* name, Enum& value, const char* meaning,
              std::initializer_list<std::pair<const char*, Enum>> options,
              const About& about = {}) {
    std::vector<const char*> names;
    std::size_t index = 0;
    for (const auto& [option, meant] : options) {
      if (meant == value) index = names.size();
      names.push_back(option);
    }
    choice_of(name, index, meaning, names, about);
    value = (options.begin() + index)->second;
  }

 protected:
  virtual void choice_of(const char* name, std::size_t& index, const char* meaning,
                         const std::vector<const char*>& options, const About& about) = 0;
};

// A setting as data: for explain, the schema and the reference page.
struct SettingInfo {
  std::string name;
  std::string type;  // "number", "integer", "true or false", "text", "list of numbers", ...
  std::string meaning;
  std::string default_text;
  std::vector<std::string> options;  // of a choice
  About about;
};

// A settings struct seen without its type: what a catalogue keeps.
using Describe = void (*)(Settings&, void*);

// The nearest of `names` to `wrong` when it is near enough to be a slip, else empty.
std::string nearest_name(std::string_view wrong, const std::vector<std::string>& names);
// "; did you mean 'ratio'?" or, when nothing is near, "; known: a, b, c".
std::string suggestion(std::string_view wrong, const std::vector<std::string>& names);

// Reads `table` into the struct through its description. Keys in `reserved` belong to the caller.
// `where` is how the table is called in errors: "[codec]".
template <class T>
Status read_settings(const Table& table, const std::string& where, T& values,
                     const std::vector<std::string>& reserved = {});
// Every setting with its value, for the resolved experiment.
template <class T>
Table write_settings(const T& values);
template <class T>
std::vector<SettingInfo> list_settings(const T& defaults);

namespace settings_detail {
template <class T>
void describe_erased(Settings& settings, void* values) {
  describe(settings, *static_cast<T*>(values));
}
Status read(const Table& table, const std::string& where, Describe describe, void* values,
            const std::vector<std::string>& reserved);
Table write(Describe describe, void* values);
std::vector<SettingInfo> list(Describe describe, void* values);
}  // namespace settings_detail

template <class T>
Status read_settings(const Table& table, const std::string& where, T& values,
                     const std::vector<std::string>& reserved) {
  return settings_detail::read(table, where, &settings_detail::describe_erased<T>, &values,
                               reserved);
}
template <class T>
Table write_settings(const T& values) {
  T copy = values;
  return settings_detail::write(&settings_detail::describe_erased<T>, &copy);
}
template <class T>
std::vector<SettingInfo> list_settings(const T& defaults) {
  T copy = defaults;
  return settings_detail::list(&settings_detail::describe_erased<T>, &copy);
}

}  // namespace shoal

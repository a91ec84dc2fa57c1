#include "shoal/data/leaf_json.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "shoal/base/check.h"
#include "shoal/base/file.h"
#include "shoal/data/file_source.h"
#include "shoal/data/text_scan.h"

namespace shoal {
namespace {

using Json = nlohmann::json;

// The rows of one user as the file gives them.
struct UserRows {
  std::vector<float> x;
  std::vector<std::int32_t> y;
  std::size_t rows = 0;  // of x
  bool has_x = false;
  bool has_y = false;
};

// Receives the parser's events, so that numbers go straight into place and no tree is built.
class LeafHandler : public nlohmann::json_sax<Json> {
 public:
  std::vector<std::string> users;
  std::vector<std::int64_t> counts;
  std::vector<std::string> hierarchies;
  std::map<std::string, UserRows> user_data;
  std::size_t features = 0;
  std::string complaint;

  bool null() override { return other_value("null"); }
  bool boolean(bool) override { return other_value("true or false"); }
  bool binary(binary_t&) override { return other_value("binary data"); }
  bool number_integer(number_integer_t value) override { return whole(value); }
  bool number_unsigned(number_unsigned_t value) override {
    if (value > static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max()))
      return number(static_cast<float>(value));
    return whole(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (place() == Place::kLabels && value == std::floor(value) && std::abs(value) < 1e9)
      return whole(static_cast<std::int64_t>(value));
    const auto read = parse_number<float>(text);
    if (place() == Place::kSkip) return true;
    if (!read) return wrong(fmt::format("'{}' is not a finite number", text.substr(0, 40)));
    return number(*read);
  }
  bool string(string_t& value) override {
    if (place() == Place::kUsers) {
      users.push_back(std::move(value));
      return true;
    }
    if (place() == Place::kHierarchies) {
      hierarchies.push_back(std::move(value));
      return true;
    }
    return other_value("a text");
  }
  bool key(string_t& name) override;
  bool start_object(std::size_t) override;
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override;
  bool end_array() override;
  bool parse_error(std::size_t byte, const std::string&, const Json::exception&) override {
    return wrong(fmt::format("byte {}: this is not JSON, or a number leaves its range", byte));
  }

 private:
  enum class Place {
    kOutside,
    kTop,
    kUsers,
    kCounts,
    kHierarchies,
    kUserData,
    kUser,
    kX,
    kRow,
    kLabels,
    kSkip
  };

  Place place() const { return stack_.empty() ? Place::kOutside : stack_.back(); }
  bool enter(Place place) {
    if (stack_.size() >= static_cast<std::size_t>(kMaxLeafDepth)) return wrong("nested too deeply");
    stack_.push_back(place);
    return true;
  }
  bool leave() {
    stack_.pop_back();
    return true;
  }
  bool wrong(std::string message) {
    if (complaint.empty()) complaint = std::move(message);
    return false;
  }
  std::string where() const {
    return user_ ? fmt::format("user '{}', {}", user_name_.substr(0, 40), key_) : key_;
  }
  bool other_value(const char* kind) {
    if (place() == Place::kSkip || (next_ == Place::kSkip && place() != Place::kOutside))
      return true;
    return wrong(fmt::format("{}: {} stands where it does not belong", where(), kind));
  }
  bool whole(std::int64_t value);
  bool number(float value);

  std::vector<Place> stack_;
  Place next_ = Place::kOutside;  // what the value behind the last key is
  std::string key_;
  std::string user_name_;
  UserRows* user_ = nullptr;
  std::set<std::string> seen_;  // keys of the top
  std::size_t row_begin_ = 0;
};

bool LeafHandler::key(string_t& name) {
  switch (place()) {
    case Place::kTop:
      user_ = nullptr;
      key_ = name;
      if (!seen_.insert(name).second) return wrong(fmt::format("'{}' stands twice", name));
      next_ = name == "users"         ? Place::kUsers
              : name == "num_samples" ? Place::kCounts
              : name == "hierarchies" ? Place::kHierarchies
              : name == "user_data"   ? Place::kUserData
                                      : Place::kSkip;
      return true;
    case Place::kUserData: {
      const auto [entry, fresh] = user_data.try_emplace(name);
      if (!fresh) return wrong(fmt::format("user_data holds '{}' twice", name.substr(0, 40)));
      user_name_ = name;
      user_ = &entry->second;
      next_ = Place::kUser;
      return true;
    }
    case Place::kUser: {
      key_ = name;
      next_ = name == "x" ? Place::kX : name == "y" ? Place::kLabels : Place::kSkip;
      bool* has = next_ == Place::kX        ? &user_->has_x
                  : next_ == Place::kLabels ? &user_->has_y
                                            : nullptr;
      if (has && *has) return wrong(fmt::format("{} stands twice", where()));
      if (has) *has = true;
      return true;
    }
    default:
      return true;
  }
}

bool LeafHandler::start_object(std::size_t) {
  if (stack_.empty()) return enter(Place::kTop);
  if (place() == Place::kSkip || next_ == Place::kSkip) return enter(Place::kSkip);
  if (place() == Place::kTop && next_ == Place::kUserData) return enter(Place::kUserData);
  if (place() == Place::kUserData) return enter(Place::kUser);
  return wrong(fmt::format("{}: an object stands where it does not belong", where()));
}

bool LeafHandler::start_array(std::size_t) {
  if (place() == Place::kX) {
    row_begin_ = user_->x.size();
    return enter(Place::kRow);
  }
  if (place() == Place::kSkip) return enter(Place::kSkip);
  if ((place() == Place::kTop && next_ != Place::kUserData) || place() == Place::kUser)
    return enter(next_);
  return wrong(fmt::format("{}: a list stands where it does not belong", where()));
}

bool LeafHandler::end_array() {
  if (place() == Place::kRow) {
    const std::size_t width = user_->x.size() - row_begin_;
    if (width == 0) return wrong(fmt::format("{}: an empty row", where()));
    if (features == 0) features = width;
    if (width != features)
      return wrong(
          fmt::format("{}: a row of {} numbers where others have {}", where(), width, features));
    ++user_->rows;
  }
  return leave();
}

bool LeafHandler::whole(std::int64_t value) {
  if (place() == Place::kCounts) {
    counts.push_back(value);
    return true;
  }
  if (place() == Place::kLabels) {
    if (value < 0 || value > kMaxLeafLabel)
      return wrong(fmt::format("{}: a label {} outside 0 to {}", where(), value, kMaxLeafLabel));
    user_->y.push_back(static_cast<std::int32_t>(value));
    return true;
  }
  return number(static_cast<float>(value));
}

bool LeafHandler::number(float value) {
  if (place() == Place::kRow) {
    user_->x.push_back(value);
    return true;
  }
  if (place() == Place::kX) {
    if (features > 1) return wrong(fmt::format("{}: a bare number between rows", where()));
    features = 1;
    user_->x.push_back(value);
    ++user_->rows;
    return true;
  }
  return other_value("such a number");
}

Status check_users(const LeafHandler& file) {
  if (file.users.empty()) return corrupt("'users' is missing or empty");
  if (file.counts.size() != file.users.size())
    return corrupt(fmt::format("{} users but {} entries in num_samples", file.users.size(),
                               file.counts.size()));
  if (!file.hierarchies.empty() && file.hierarchies.size() != file.users.size())
    return corrupt(fmt::format("{} users but {} entries in hierarchies", file.users.size(),
                               file.hierarchies.size()));
  std::vector<std::string> sorted = file.users;
  std::sort(sorted.begin(), sorted.end());
  if (const auto twice = std::adjacent_find(sorted.begin(), sorted.end()); twice != sorted.end())
    return corrupt(fmt::format("the user '{}' stands twice in users", twice->substr(0, 40)));
  if (file.user_data.size() != file.users.size())
    return corrupt(
        fmt::format("{} users but data of {}", file.users.size(), file.user_data.size()));
  for (std::size_t u = 0; u < file.users.size(); ++u) {
    const auto found = file.user_data.find(file.users[u]);
    const std::string name = file.users[u].substr(0, 40);
    if (found == file.user_data.end()) return corrupt(fmt::format("user '{}' has no data", name));
    const UserRows& rows = found->second;
    if (!rows.has_x || !rows.has_y) return corrupt(fmt::format("user '{}' needs x and y", name));
    if (rows.rows != rows.y.size())
      return corrupt(
          fmt::format("user '{}' has {} rows but {} labels", name, rows.rows, rows.y.size()));
    if (file.counts[u] < 0 || static_cast<std::uint64_t>(file.counts[u]) != rows.rows)
      return corrupt(fmt::format("num_samples of user '{}' is {}, but it has {} rows", name,
                                 file.counts[u], rows.rows));
  }
  return ok_status();
}

// Lays the users' rows out in the order of `users`, giving their memory back one by one.
Result<LeafData> assemble(LeafHandler& file, std::size_t classes) {
  LeafData leaf;
  Dataset& data = leaf.data;
  data.name = "leaf";
  data.features = file.features;
  data.shape = {static_cast<std::uint32_t>(file.features)};
  std::int32_t largest = -1;
  for (const auto& [name, rows] : file.user_data) {
    data.rows += rows.rows;
    for (const std::int32_t label : rows.y) largest = std::max(largest, label);
  }
  if (data.rows == 0) return corrupt("no user has a row");
  if (data.rows > kMaxRows) return limit_exceeded("more rows than 32 bits count");
  if (classes > 0 && largest >= static_cast<std::int64_t>(classes))
    return corrupt(fmt::format("a label {} where {} classes are expected", largest, classes));
  data.classes = classes > 0 ? classes : static_cast<std::size_t>(largest) + 1;
  data.x.reserve(data.rows * data.features);
  data.labels.reserve(data.rows);
  data.users.reserve(data.rows);
  for (std::size_t u = 0; u < file.users.size(); ++u) {
    UserRows rows = std::move(file.user_data.at(file.users[u]));
    data.x.insert(data.x.end(), rows.x.begin(), rows.x.end());
    data.labels.insert(data.labels.end(), rows.y.begin(), rows.y.end());
    data.users.insert(data.users.end(), rows.rows, static_cast<std::uint32_t>(u));
  }
  leaf.users = std::move(file.users);
  leaf.hierarchies = std::move(file.hierarchies);
  return leaf;
}

// A JSON string; bytes that are no UTF-8 are replaced, as JSON has no others.
std::string quoted(const std::string& text) {
  return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ",") + quoted(text);
  return "[" + out + "]";
}

// The fewest digits that read back to the same bits. A negative zero needs its point, or JSON
// readers take it for a whole number, which has no sign of its own.
void append_number(std::string& out, float value) {
  if (value == 0.0f && std::signbit(value))
    out += "-0.0";
  else
    fmt::format_to(std::back_inserter(out), "{}", value);
}

// The rows [begin, end) as {"x": ..., "y": ...}.
void append_rows(std::string& out, const Dataset& data, std::size_t begin, std::size_t end) {
  out += "{\"x\":[";
  for (std::size_t row = begin; row < end; ++row) {
    out += row > begin ? ",[" : "[";
    for (std::size_t j = 0; j < data.features; ++j) {
      if (j > 0) out += ',';
      append_number(out, data.row(row)[j]);
    }
    out += ']';
  }
  out += "],\"y\":[";
  for (std::size_t row = begin; row < end; ++row)
    fmt::format_to(std::back_inserter(out), "{}{}", row > begin ? "," : "", data.labels[row]);
  out += "]}";
}

}  // namespace

bool operator==(const LeafData& a, const LeafData& b) {
  return a.users == b.users && a.hierarchies == b.hierarchies && a.data.rows == b.data.rows &&
         a.data.features == b.data.features && a.data.classes == b.data.classes &&
         a.data.x == b.data.x && a.data.labels == b.data.labels && a.data.users == b.data.users;
}

Result<LeafData> parse_leaf(std::string_view text, std::size_t classes) {
  LeafHandler handler;
  if (!Json::sax_parse(text.begin(), text.end(), &handler))
    return corrupt(handler.complaint.empty() ? "this is not LEAF's JSON" : handler.complaint);
  SHOAL_TRY_STATUS(check_users(handler));
  return assemble(handler, classes);
}

Result<LeafData> read_leaf(const std::string& path, std::size_t classes) {
  SHOAL_TRY(const std::string text, read_text_file(path, kMaxLeafBytes));
  auto leaf = parse_leaf(text, classes);
  if (!leaf.ok()) return within(path, leaf.error());
  return leaf;
}

Result<TaskData> read_leaf_pair(const std::string& train, const std::string& test,
                                std::size_t classes) {
  SHOAL_TRY(LeafData training, read_leaf(train, classes));
  SHOAL_TRY(LeafData testing, read_leaf(test, classes));
  if (training.data.features != testing.data.features)
    return corrupt(fmt::format("{}: {} features, but {} has {}", test, testing.data.features, train,
                               training.data.features));
  std::map<std::string, std::uint32_t> number;
  for (const std::string& user : training.users)
    number.emplace(user, static_cast<std::uint32_t>(number.size()));
  for (const std::string& user : testing.users)
    number.emplace(user, static_cast<std::uint32_t>(number.size()));
  for (std::uint32_t& user : testing.data.users) user = number.at(testing.users[user]);
  const std::size_t both = std::max(training.data.classes, testing.data.classes);
  training.data.classes = testing.data.classes = both;
  return TaskData{std::make_shared<Dataset>(std::move(training.data)),
                  std::make_shared<Dataset>(std::move(testing.data))};
}

std::string leaf_text(const LeafData& leaf) {
  const Dataset& data = leaf.data;
  std::vector<std::size_t> begin(leaf.users.size() + 1, data.rows);
  std::size_t row = 0;
  for (std::size_t u = 0; u < leaf.users.size(); ++u) {
    begin[u] = row;
    while (row < data.rows && data.users[row] == u) ++row;
  }
  SHOAL_CHECK(row == data.rows, "LEAF is written from rows that lie in order of their users");
  std::string counts;
  std::string rows;
  for (std::size_t u = 0; u < leaf.users.size(); ++u) {
    counts += fmt::format("{}{}", u > 0 ? "," : "", begin[u + 1] - begin[u]);
    rows += fmt::format("{}{}:", u > 0 ? "," : "", quoted(leaf.users[u]));
    append_rows(rows, data, begin[u], begin[u + 1]);
  }
  std::string out = fmt::format("{{\"users\":{},\"num_samples\":[{}],\"user_data\":{{{}}}",
                                quoted_list(leaf.users), counts, rows);
  if (!leaf.hierarchies.empty())
    out += fmt::format(",\"hierarchies\":{}", quoted_list(leaf.hierarchies));
  return out + "}\n";
}

Status write_leaf(const std::string& path, const LeafData& leaf) {
  return write_file_atomically(path, leaf_text(leaf));
}

}  // namespace shoal

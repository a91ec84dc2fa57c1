#include "shoal/model/safetensors_header.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
#include <utility>

namespace shoal {
namespace {

void append_utf8(std::string& out, std::uint32_t code) {
  const auto tail = [&](int shift) {
    out.push_back(static_cast<char>(0x80 | ((code >> shift) & 0x3f)));
  };
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xc0 | (code >> 6)));
    tail(0);
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xe0 | (code >> 12)));
    tail(6);
    tail(0);
  } else {
    out.push_back(static_cast<char>(0xf0 | (code >> 18)));
    tail(12);
    tail(6);
    tail(0);
  }
}

class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : text_(text) {}

  Result<SafeTensorsHeader> parse() {
    if (text_.empty() || text_[0] != '{') return expected("'{' as the first byte");
    SHOAL_TRY_STATUS(object([this](std::string name) { return member(std::move(name)); }));
    skip_space();
    if (at_ != text_.size()) return expected("nothing but spaces after the closing '}'");
    SHOAL_TRY_STATUS(check_names());
    return std::move(header_);
  }

 private:
  Error expected(std::string_view what) const {
    return corrupt(fmt::format("byte {} of the header: expected {}", at_, what));
  }
  void skip_space() {
    constexpr std::string_view kSpace = " \t\r\n";
    while (at_ < text_.size() && kSpace.find(text_[at_]) != std::string_view::npos) ++at_;
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }

  // { "key": <what `read` consumes>, ... }
  template <class Read>
  Status object(const Read& read) {
    if (!take('{')) return expected("'{'");
    if (take('}')) return ok_status();
    do {
      SHOAL_TRY(std::string key, string());
      if (!take(':')) return expected("':'");
      SHOAL_TRY_STATUS(read(std::move(key)));
    } while (take(','));
    return take('}') ? ok_status() : Status(expected("',' or '}'"));
  }

  Status member(std::string name) {
    if (name == "__metadata__") return metadata();
    return tensor(std::move(name));
  }

  Status metadata() {
    if (std::exchange(has_metadata_, true)) return expected("one \"__metadata__\", not two");
    return object([this](std::string key) -> Status {
      SHOAL_TRY(std::string text, string());
      header_.metadata.emplace_back(std::move(key), std::move(text));
      return ok_status();
    });
  }

  Status tensor(std::string name) {
    SafeTensorsEntry entry{std::move(name), {}, 0, 0};
    unsigned seen = 0;
    SHOAL_TRY_STATUS(object([&](const std::string& key) { return field(entry, key, seen); }));
    if (seen != 7u)
      return expected(fmt::format("dtype, shape and data_offsets of '{}'", entry.name));
    header_.entries.push_back(std::move(entry));
    return ok_status();
  }

  Status field(SafeTensorsEntry& entry, const std::string& key, unsigned& seen) {
    const unsigned bit = key == "dtype" ? 1u : key == "shape" ? 2u : key == "data_offsets" ? 4u : 0;
    if (bit == 0 || (seen & bit) != 0) return expected("each of dtype, shape, data_offsets once");
    seen |= bit;
    if (bit == 1u) {
      SHOAL_TRY(const std::string dtype, string());
      if (dtype != "F32")
        return unsupported(
            fmt::format("tensor '{}' has dtype '{}'; save it as F32 (float32)", entry.name, dtype));
      return ok_status();
    }
    std::vector<std::uint64_t> values;
    SHOAL_TRY_STATUS(numbers(values, bit == 4u ? 2 : text_.size()));
    if (bit == 4u) {
      if (values.size() != 2) return expected("two data_offsets");
      entry.begin = values[0];
      entry.end = values[1];
      return ok_status();
    }
    for (const std::uint64_t side : values) {
      if (side > std::numeric_limits<std::uint32_t>::max()) return expected("sides below 2^32");
      entry.shape.push_back(static_cast<std::uint32_t>(side));
    }
    return ok_status();
  }

  Status numbers(std::vector<std::uint64_t>& values, std::size_t count_max) {
    if (!take('[')) return expected("'['");
    if (take(']')) return ok_status();
    do {
      if (values.size() == count_max) return expected("fewer numbers");
      SHOAL_TRY(const std::uint64_t value, number());
      values.push_back(value);
    } while (take(','));
    return take(']') ? ok_status() : Status(expected("',' or ']'"));
  }

  // A plain decimal: no sign, fraction, exponent or leading zero.
  Result<std::uint64_t> number() {
    skip_space();
    const std::size_t begin = at_;
    std::uint64_t value = 0;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      const auto digit = static_cast<std::uint64_t>(text_[at_] - '0');
      if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10)
        return expected("a number below 2^64");
      value = value * 10 + digit;
      ++at_;
    }
    if (at_ == begin) return expected("a whole number");
    if (text_[begin] == '0' && at_ > begin + 1) return expected("a number without leading zeros");
    return value;
  }

  Result<std::string> string() {
    if (!take('"')) return expected("'\"'");
    const std::size_t begin = at_;
    std::string out;
    while (at_ < text_.size() && text_[at_] != '"') {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) return expected("no control characters");
      if (text_[at_] == '\\')
        SHOAL_TRY_STATUS(escape(out));
      else
        out.push_back(text_[at_++]);
    }
    if (at_ >= text_.size()) return expected("a closing '\"'");
    ++at_;
    if (!is_utf8(out)) return corrupt(fmt::format("byte {} of the header: expected UTF-8", begin));
    return out;
  }

  Status escape(std::string& out) {
    ++at_;  // the backslash
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (at_ >= text_.size()) return expected("an escaped character");
    const char letter = text_[at_++];
    if (const std::size_t which = kLetters.find(letter); which != std::string_view::npos) {
      out.push_back(kMeanings[which]);
      return ok_status();
    }
    if (letter != 'u') return expected("an escape that JSON has");
    SHOAL_TRY(std::uint32_t code, hexadecimal());
    if (code >= 0xd800 && code < 0xdc00) {
      if (text_.substr(at_, 2) != "\\u") return expected("the second half of a surrogate pair");
      at_ += 2;
      SHOAL_TRY(const std::uint32_t low, hexadecimal());
      if (low < 0xdc00 || low > 0xdfff) return expected("the second half of a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code <= 0xdfff) {
      return expected("the first half of a surrogate pair");
    }
    append_utf8(out, code);
    return ok_status();
  }

  Result<std::uint32_t> hexadecimal() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = at_ < text_.size() ? text_[at_] : '\0';
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return expected("four hexadecimal digits");
      value = value * 16 + static_cast<std::uint32_t>(digit);
    }
    return value;
  }

  Status check_names() const {
    std::vector<std::string_view> names;
    for (const SafeTensorsEntry& entry : header_.entries) names.push_back(entry.name);
    SHOAL_TRY_STATUS(check_unique(names, "tensor"));
    names.clear();
    for (const auto& [key, text] : header_.metadata) names.push_back(key);
    return check_unique(names, "metadata key");
  }
  static Status check_unique(std::vector<std::string_view>& names, std::string_view what) {
    std::ranges::sort(names);
    const auto twice = std::ranges::adjacent_find(names);
    if (twice == names.end()) return ok_status();
    return corrupt(fmt::format("{} '{}' is named twice", what, *twice));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool has_metadata_ = false;
  SafeTensorsHeader header_;
};

}  // namespace

Result<SafeTensorsHeader> parse_safetensors_header(std::string_view text) {
  return HeaderParser(text).parse();
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const int tails = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < static_cast<std::size_t>(tails))
      return false;
    std::uint32_t code = lead & (0x3fu >> tails);
    for (int t = 0; t < tails; ++t) {
      const auto byte = static_cast<unsigned char>(text[i++]);
      if ((byte & 0xc0) != 0x80) return false;
      code = (code << 6) | (byte & 0x3fu);
    }
    const bool overlong = (tails == 2 && code < 0x800) || (tails == 3 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
  }
  return true;
}

}  // namespace shoal

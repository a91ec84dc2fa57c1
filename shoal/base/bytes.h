// Little-endian byte writing, and reading that trusts nothing.
//
// ByteReader never reads past its input and never allocates more than the input can hold: every
// read returns a Result, and counts are checked against the bytes that are left.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "shoal/base/result.h"

namespace shoal {

static_assert(std::endian::native == std::endian::little, "shoal's formats are little-endian");

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

class ByteWriter {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  void number(T value) {
    const auto raw = std::as_bytes(std::span<const T, 1>(&value, 1));
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  void raw(ByteView bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  // Appends `count` zero bytes and returns where they begin; valid until the next append.
  std::byte* extend(std::size_t count) {
    const std::size_t begin = bytes_.size();
    bytes_.resize(begin + count);
    return bytes_.data() + begin;
  }
  // u32 length, then the characters.
  void text(std::string_view value);
  // u64 count, then the elements.
  template <class T>
  requires std::is_arithmetic_v<T>
  void numbers(std::span<const T> values) {
    number<std::uint64_t>(values.size());
    raw(std::as_bytes(values));
  }
  // u64 length, then the bytes.
  void block(ByteView bytes);

  std::size_t size() const { return bytes_.size(); }
  const Bytes& bytes() const { return bytes_; }
  Bytes take() && { return std::move(bytes_); }
  void reserve(std::size_t count) { bytes_.reserve(count); }
  void clear() { bytes_.clear(); }

 private:
  Bytes bytes_;
};

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  std::size_t left() const { return bytes_.size() - at_; }
  std::size_t offset() const { return at_; }
  bool done() const { return left() == 0; }

  template <class T>
  requires std::is_arithmetic_v<T> Result<T> number() {
    if (left() < sizeof(T)) return truncated(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }
  Result<ByteView> raw(std::size_t count);
  Result<std::string> text(std::size_t max_size = std::size_t{1} << 20);
  Result<ByteView> block();
  template <class T>
  requires std::is_arithmetic_v<T> Result<std::vector<T>> numbers() {
    SHOAL_TRY(const std::uint64_t count, number<std::uint64_t>());
    if (count > left() / sizeof(T)) return truncated(count);
    std::vector<T> values(count);
    if (count > 0) std::memcpy(values.data(), bytes_.data() + at_, count * sizeof(T));
    at_ += count * sizeof(T);
    return values;
  }
  // Reads exactly values.size() elements into place; a stored count that differs is an error.
  template <class T>
  requires std::is_arithmetic_v<T> Status numbers_into(std::span<T> values) {
    SHOAL_TRY(const std::uint64_t count, number<std::uint64_t>());
    if (count != values.size()) return wrong_count(count, values.size());
    if (left() < values.size_bytes()) return truncated(values.size_bytes());
    if (!values.empty()) std::memcpy(values.data(), bytes_.data() + at_, values.size_bytes());
    at_ += values.size_bytes();
    return ok_status();
  }

 private:
  Error truncated(std::uint64_t wanted) const;
  Error wrong_count(std::uint64_t found, std::uint64_t expected) const;

  ByteView bytes_;
  std::size_t at_ = 0;
};

}  // namespace shoal

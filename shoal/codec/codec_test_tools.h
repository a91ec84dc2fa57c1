// What the tests of codecs share: codecs from settings, messages and what comes out of them.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "shoal/codec/codec.h"

namespace shoal {

inline Table table_of(std::initializer_list<std::pair<const char*, Value>> entries) {
  Table table;
  for (const auto& [key, value] : entries) table.set(key, value);
  return table;
}

// From a table that codecs() takes.
inline std::unique_ptr<Codec> made(const Table& table) {
  return codecs().make(table, "[codec]").value();
}
template <class S>
std::unique_ptr<Codec> made(const char* kind, const S& settings) {
  Table table = write_settings(settings);
  table.set("kind", kind);
  return made(table);
}
template <class S>
std::string refusal(const char* kind, const S& settings) {
  Table table = write_settings(settings);
  table.set("kind", kind);
  return codecs().make(table, "[codec]").error().message;
}

inline Layout layout_of(std::size_t size) {
  Layout layout;
  layout.add("x", {static_cast<std::uint32_t>(size)});
  return layout;
}

inline Draws draws_of(std::uint64_t seed) { return codec_draws(seed, 0, 0); }

inline Bytes message(const Codec& codec, const Layout& layout, const std::vector<float>& row,
                     std::uint64_t seed = 1) {
  ByteWriter out;
  const Status status = codec.encode(row, layout, draws_of(seed), out);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return std::move(out).take();
}

// What a receiver decodes.
inline std::vector<float> sent(const Codec& codec, const Layout& layout,
                               const std::vector<float>& row, std::uint64_t seed = 1) {
  std::vector<float> decoded(row.size(), 7.0f);
  const Status status =
      codec.decode(message(codec, layout, row, seed), layout, draws_of(seed).shared, decoded);
  EXPECT_TRUE(status.ok()) << status.error().message;
  return decoded;
}

inline Bytes bytes_of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

inline double squared_loss(const std::vector<float>& from, const std::vector<float>& to) {
  double sum = 0.0;
  for (std::size_t i = 0; i < from.size(); ++i) {
    const double difference = static_cast<double>(from[i]) - static_cast<double>(to[i]);
    sum += difference * difference;
  }
  return sum;
}

}  // namespace shoal

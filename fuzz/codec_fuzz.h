// Arbitrary bytes as a message of a codec: an error, or a row of finite entries. A codec without
// chance encodes and decodes that row to itself; any other takes it and gives a row again.
#pragma once

#include <cmath>
#include <cstdlib>

#include "shoal/codec/composition.h"

namespace shoal {

inline void require(bool condition) {
  if (!condition) std::abort();
}

// Two tensors, and an empty one between them.
inline Layout fuzz_layout(std::uint8_t size) {
  Layout layout;
  layout.add("a", {size});
  layout.add("none", {0});
  layout.add("b", {size % 7u});
  return layout;
}

enum class Chance { kNone, kSome };

inline void fuzz_message(const Table& table, const Layout& layout, ByteView message,
                         Chance chance) {
  const auto codec = make_codec(table, "fuzz");
  require(codec.ok());
  std::vector<float> row(layout.size()), again(layout.size());
  if (!(*codec)->decode(message, layout, shared_draws(1, 0), row).ok()) return;
  for (const float value : row) require(std::isfinite(value));
  ByteWriter out;
  // What a row that was decoded makes too large (a norm, a scaled value) is refused.
  const bool encoded = (*codec)->encode(row, layout, codec_draws(1, 0, 0), out).ok();
  require(encoded || chance == Chance::kSome);
  if (!encoded) return;
  require((*codec)->decode(out.bytes(), layout, shared_draws(1, 0), again).ok());
  require(chance == Chance::kSome || row == again);
}

template <class S>
Table fuzz_table(const char* kind, const S& settings) {
  Table table = write_settings(settings);
  table.set("kind", kind);
  return table;
}

inline ByteView bytes_behind(const std::uint8_t* data, std::size_t size, std::size_t head) {
  return {reinterpret_cast<const std::byte*>(data + head), size - head};
}

}  // namespace shoal

// What the tests of codecs share: codecs from settings, messages and what comes out of them.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <vector>

#include "shoal/codec/composition.h"

namespace shoal {

inline Table table_of(std::initializer_list<std::pair<const char*, Value>> entries) {
  Table table;
  for (const auto& [key, value] : entries) table.set(key, value);
  return table;
}

inline std::unique_ptr<Codec> made(const Table& table) {
  return make_codec(table, "[codec]").value();
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

// Settings of every kind in the catalogue, and compositions, with each setting that changes the
// format or the arithmetic: tests of what all codecs owe run over them.
inline std::vector<Table> all_codec_settings() {
  std::vector<Table> all;
  const auto add = [&](std::initializer_list<std::pair<const char*, Value>> entries) {
    all.push_back(table_of(entries));
  };
  for (const char* type : {"f32", "f16", "bf16"}) {
    add({{"kind", "dense"}, {"value_type", type}});
    add({{"kind", "rand_k"}, {"ratio", 0.3}, {"scaled", false}, {"value_type", type}});
    add({{"kind", "grbs"}, {"compression_ratio", 3}, {"blocks", 7}, {"value_type", type}});
    for (const char* code : {"raw", "packed", "bitmap", "leb", "rice", "auto"})
      for (const char* scope : {"layer", "global"})
        add({{"kind", "top_k"},
             {"ratio", 0.1},
             {"scope", scope},
             {"index_code", code},
             {"value_type", type}});
  }
  for (const char* scope : {"layer", "global"}) {
    for (const char* seed : {"node", "shared"}) {
      for (const double ratio : {0.001, 0.6, 1.0})
        add({{"kind", "rand_k"}, {"ratio", ratio}, {"seed_mode", seed}, {"scope", scope}});
      add({{"kind", "random_block"}, {"ratio", 0.4}, {"seed_mode", seed}, {"scope", scope}});
    }
    add({{"kind", "random_block"}, {"ratio", 0.7}, {"scaled", false}, {"scope", scope}});
    add({{"kind", "grbs"}, {"compression_ratio", 2}, {"scaled", true}, {"scope", scope}});
    add({{"kind", "threshold"}, {"tau", 1.5}, {"scope", scope}});
    for (const bool scaled : {false, true})
      add({{"kind", "sign"}, {"scaled", scaled}, {"scope", scope}});
    add({{"kind", "natural"}, {"scope", scope}});
    for (const char* packing : {"base3", "two_bit"})
      add({{"kind", "terngrad"}, {"packing", packing}, {"scope", scope}});
    for (const char* code : {"fixed", "sparse", "dense", "range", "auto"}) {
      add({{"kind", "qsgd"}, {"levels", 5}, {"bucket", 16}, {"code", code}, {"scope", scope}});
      add({{"kind", "qsgd"}, {"levels", 127}, {"bucket", 0}, {"code", code}, {"scope", scope}});
    }
  }
  add({{"kind", "terngrad"}, {"clip_std", 2.5}});
  for (const char* atoms : {"element", "spectral", "fourier"}) {
    for (const double budget : {0.4, 4.5, 60.0})
      add({{"kind", "atomo"}, {"atoms", atoms}, {"budget", budget}});
    add({{"kind", "atomo"}, {"atoms", atoms}, {"budget", 0.4}, {"resample_empty", true}});
    add({{"kind", "atomo"}, {"atoms", atoms}, {"budget", 2}, {"fixed_rank", true}});
  }
  for (const int rank : {1, 2, 100}) add({{"kind", "powersgd"}, {"rank", rank}});
  add({{"kind", "qsgd"}, {"levels", 65535}});
  const Table fine = table_of({{"kind", "qsgd"}, {"levels", 31}});
  add({{"kind", "top_k"}, {"ratio", 0.2}, {"values", fine}});
  add({{"kind", "top_k"}, {"ratio", 0.2}, {"scope", "global"}, {"values", "natural"}});
  add({{"kind", "threshold"}, {"tau", 1}, {"values", "sign"}});
  add({{"kind", "rand_k"}, {"ratio", 0.5}, {"values", fine}});
  add({{"kind", "rand_k"}, {"ratio", 0.5}, {"scaled", false}, {"values", "natural"}});
  add({{"kind", "random_block"}, {"ratio", 0.5}, {"values", "terngrad"}});
  add({{"kind", "grbs"}, {"compression_ratio", 2}, {"values", "dense"}});
  return all;
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

// What every codec owes, checked over the whole catalogue's settings, and dense.
#include "shoal/codec/codec.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>
#include <map>

#include "shoal/base/soak_test.h"
#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/value_type.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

Draws some_draws() { return codec_draws(1, 0, 0); }

// What is kept is sent as it is, and nothing is drawn.
bool repeats_itself(const Table& table) {
  const std::string kind = *table.find("kind")->as<std::string>();
  return (kind == "dense" || kind == "top_k" || kind == "threshold") && !table.find("values");
}

Layout random_layout(RandomStream& stream) {
  Layout layout;
  const std::size_t tensors = stream.below(4);
  for (std::size_t t = 0; t < tensors; ++t) {
    std::vector<std::uint32_t> shape{static_cast<std::uint32_t>(stream.below(40))};
    if (stream.below(4) == 0)  // a matrix
      shape = {1 + shape[0] % 6, static_cast<std::uint32_t>(stream.below(7))};
    layout.add("t" + std::to_string(t), shape);
  }
  return layout;
}

// Normal values, ties, zeros of both signs and denormals; within the range of every value type.
std::vector<float> random_row(std::size_t n, RandomStream& stream) {
  std::vector<float> row(n);
  for (float& value : row) {
    switch (stream.below(8)) {
      case 0:
        value = 0.0f;
        break;
      case 1:
        value = -0.0f;
        break;
      case 2:
        value = std::numeric_limits<float>::denorm_min() * float(stream.below(100));
        break;
      case 3:
        value = float(stream.below(5)) - 2.0f;
        break;
      default:
        value = static_cast<float>(10 * stream.normal());
    }
  }
  return row;
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::bit_cast<std::uint32_t>(a[i]) != std::bit_cast<std::uint32_t>(b[i])) return false;
  return a.size() == b.size();
}

// A message is a pure function of row, layout and draws, and fills the row; one byte
// more or fewer is an error. Without chance, the stated contraction holds of every row, and
// encoding what was decoded changes nothing.
void expect_round_trip(const Table& table, const Codec& codec, const Layout& layout,
                       const std::vector<float>& row) {
  ByteWriter out, same;
  ASSERT_TRUE(codec.encode(row, layout, some_draws(), out).ok());
  ASSERT_TRUE(codec.encode(row, layout, some_draws(), same).ok());
  ASSERT_EQ(out.bytes(), same.bytes());
  std::vector<float> decoded(row.size(), NAN), again(row.size(), 7.0f);
  ASSERT_TRUE(codec.decode(out.bytes(), layout, shared_draws(1, 0), decoded).ok());
  for (const float value : decoded) ASSERT_TRUE(std::isfinite(value));
  const CodecProperties properties = codec.properties(layout);
  ASSERT_TRUE(!properties.lossless || same_bits(row, decoded));
  Bytes longer = out.bytes();
  longer.push_back(std::byte{0});
  ASSERT_FALSE(codec.decode(longer, layout, shared_draws(1, 0), again).ok());
  const ByteView shorter = ByteView(out.bytes()).first(out.size() - (out.size() > 0));
  ASSERT_TRUE(out.size() == 0 || !codec.decode(shorter, layout, shared_draws(1, 0), again).ok());
  if (!repeats_itself(table)) return;
  if (properties.contraction) {
    const double total = squared_loss(row, std::vector<float>(row.size()));
    // Denormal entries may lose more than their relative share: 1e-12 is far below one unit.
    ASSERT_LE(squared_loss(row, decoded),
              (1 - *properties.contraction) * total * (1 + 1e-12) + 1e-12);
  }
  ByteWriter second;
  ASSERT_TRUE(codec.encode(decoded, layout, some_draws(), second).ok());
  ASSERT_TRUE(codec.decode(second.bytes(), layout, shared_draws(1, 0), again).ok());
  ASSERT_TRUE(same_bits(decoded, again));
}

// Of every kind, whose settings take turns: 9e3 rows, and 1e6 in the long form.
TEST(Codec, RoundTripsOnRandomRows) {
  std::map<std::string, std::vector<std::pair<Table, std::unique_ptr<Codec>>>> kinds;
  for (const Table& table : all_codec_settings())
    kinds[*table.find("kind")->as<std::string>()].emplace_back(table, made(table));
  const auto rows = static_cast<std::uint32_t>(soak_count(9000, 1'000'000));
  for (std::uint32_t seed = 0; seed < rows; ++seed) {
    RandomStream stream(seed, purpose("round trip"));
    const Layout layout = random_layout(stream);
    const std::vector<float> row = random_row(layout.size(), stream);
    for (const auto& [kind, settings] : kinds) {
      const auto& [table, codec] = settings[seed % settings.size()];
      expect_round_trip(table, *codec, layout, row);
      ASSERT_FALSE(::testing::Test::HasFatalFailure()) << kind << ", row " << seed;
    }
  }
  if (soaking()) fmt::print("{} kinds, {} rows each\n", kinds.size(), rows);
}

TEST(Codec, TruncationAtEveryByteIsAnError) {
  RandomStream stream(5, purpose("truncation"));
  Layout layout;
  layout.add("a", {100});
  layout.add("b", {33});
  const std::vector<float> row = random_row(layout.size(), stream);
  std::vector<float> decoded(row.size());
  for (const Table& table : all_codec_settings()) {
    const auto codec = made(table);
    ByteWriter out;
    ASSERT_TRUE(codec->encode(row, layout, some_draws(), out).ok());
    for (std::size_t length = 0; length < out.size(); ++length)
      ASSERT_FALSE(
          codec->decode(ByteView(out.bytes()).first(length), layout, shared_draws(1, 0), decoded)
              .ok());
  }
}

// A flipped bit gives an error or other finite values, never a crash or a NaN.
TEST(Codec, FlippedBitsNeverYieldNan) {
  RandomStream stream(6, purpose("flips"));
  Layout layout;
  layout.add("a", {64});
  const std::vector<float> row = random_row(layout.size(), stream);
  std::size_t refused = 0;
  for (const Table& table : all_codec_settings()) {
    const auto codec = made(table);
    ByteWriter out;
    ASSERT_TRUE(codec->encode(row, layout, some_draws(), out).ok());
    for (std::size_t bit = 0; bit < out.size() * 8; ++bit) {
      Bytes flipped = out.bytes();
      flipped[bit / 8] ^= std::byte{1} << bit % 8;
      std::vector<float> decoded(row.size());
      if (!codec->decode(flipped, layout, shared_draws(1, 0), decoded).ok()) {
        ++refused;
        continue;
      }
      for (const float value : decoded) ASSERT_TRUE(std::isfinite(value));
    }
  }
  EXPECT_GT(refused, 1000u);
}

TEST(Codec, NamesTheTensorOfAValueThatCannotBeSent) {
  Layout layout;
  layout.add("fc1.weight", {2, 3});
  layout.add("fc1.bias", {3});
  for (const Table& table : all_codec_settings()) {
    const auto codec = made(table);
    for (const float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      std::vector<float> row(9, 1.0f);
      row[7] = bad;
      ByteWriter out;
      const Status status = codec->encode(row, layout, some_draws(), out);
      ASSERT_FALSE(status.ok());
      EXPECT_THAT(status.error().message, HasSubstr("tensor 'fc1.bias' index 1 is "));
    }
  }
  std::vector<float> row(9, 1.0f);
  row[2] = 70000.0f;
  for (const char* kind : {"dense", "top_k"}) {
    Table table = table_of({{"kind", kind}, {"value_type", "f16"}});
    if (std::string(kind) == "top_k") table.set("ratio", 0.5);
    ByteWriter out;
    const Status status = made(table)->encode(row, layout, some_draws(), out);
    EXPECT_EQ(status.error().message,
              "tensor 'fc1.weight' index 2 is 70000, beyond the largest f16 (65504); set "
              "value_type = \"bf16\"");
  }
}

TEST(Dense, Sizes) {
  Layout layout;
  layout.add("a", {101});
  const std::vector<float> row(101, 0.5f);
  for (const auto& [type, bytes] : {std::pair{"f32", 404u}, {"f16", 202u}, {"bf16", 202u}}) {
    ByteWriter out;
    const auto codec = made(table_of({{"kind", "dense"}, {"value_type", type}}));
    ASSERT_TRUE(codec->encode(row, layout, some_draws(), out).ok());
    EXPECT_EQ(out.size(), bytes);
  }
}

TEST(Dense, RefusesNanBytes) {
  Layout layout;
  layout.add("a", {2});
  std::vector<float> row(2);
  const Bytes nan_f32 = [] {
    ByteWriter out;
    out.number(1.0f);
    out.number(std::numeric_limits<float>::quiet_NaN());
    return out.bytes();
  }();
  EXPECT_FALSE(
      made(table_of({{"kind", "dense"}}))->decode(nan_f32, layout, shared_draws(1, 0), row).ok());
}

}  // namespace
}  // namespace shoal

#include "shoal/codec/composition.h"

#include <gmock/gmock.h>

#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/natural.h"
#include "shoal/codec/qsgd.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

std::string refused(const Table& table) {
  const auto made = make_codec(table, "[codec]");
  const auto resolved = resolve_codec(table, "[codec]");
  EXPECT_FALSE(resolved.ok());
  EXPECT_EQ(made.error().message, resolved.error().message);
  return made.error().message;
}

// Indices of both tensors, then the message of the inner codec for the kept values.
TEST(Composition, WritesKeptValuesByTheOtherCodec) {
  Layout layout, kept;
  layout.add("a", {4});
  layout.add("none", {0});
  layout.add("b", {3});
  kept.add("a", {2});
  kept.add("b", {2});
  const std::vector<float> row{0, -4, 1, 8, 16, 0.5f, -2};
  const auto codec = made(
      table_of({{"kind", "top_k"}, {"k", 2}, {"index_code", "bitmap"}, {"values", "natural"}}));
  ByteWriter expected;
  expected.raw(bytes_of({0b1010, 0b101}));
  expected.raw(message(*made("natural", NaturalSettings{}), kept, {-4, 8, 16, -2}));
  EXPECT_EQ(message(*codec, layout, row), expected.bytes());
  EXPECT_EQ(sent(*codec, layout, row), (std::vector<float>{0, -4, 0, 8, 16, 0, -2}));
}

TEST(Composition, ResolvesBothTables) {
  const Table named =
      resolve_codec(table_of({{"kind", "top_k"}, {"ratio", 0.5}, {"values", "qsgd"}}), "[codec]")
          .value();
  const Table* values = named.find("values")->as<Table>();
  ASSERT_NE(values, nullptr);
  EXPECT_EQ(*values->find("kind")->as<std::string>(), "qsgd");
  EXPECT_EQ(*values->find("bucket")->as<std::int64_t>(), 512);
  EXPECT_EQ(*named.find("scope")->as<std::string>(), "layer");
  EXPECT_TRUE(make_codec(named, "[codec]").ok());
  const Table plain = resolve_codec(table_of({{"kind", "dense"}}), "[codec]").value();
  EXPECT_EQ(plain.find("values"), nullptr);
}

TEST(Composition, RefusesWhatDoesNotGoTogether) {
  EXPECT_THAT(refused(table_of({{"kind", "qsgd"}, {"values", "dense"}})),
              HasSubstr("[codec]: qsgd sends every entry itself; only a codec that keeps some"));
  EXPECT_THAT(
      refused(table_of(
          {{"kind", "top_k"}, {"k", 2}, {"values", table_of({{"kind", "rand_k"}, {"k", 1}})}})),
      HasSubstr("[codec] values must be a codec that sends every entry"));
  EXPECT_THAT(
      refused(table_of({{"kind", "top_k"}, {"k", 2}, {"value_type", "f16"}, {"values", "sign"}})),
      HasSubstr("has both value_type and values"));
  EXPECT_THAT(refused(table_of({{"kind", "top_k"}, {"k", 2}, {"values", 3}})),
              HasSubstr("[codec] values must name a codec"));
  EXPECT_THAT(refused(table_of({{"kind", "top_k"}, {"k", 2}, {"values", "qsdg"}})),
              HasSubstr("did you mean 'qsgd'"));
  EXPECT_THAT(
      refused(table_of(
          {{"kind", "top_k"}, {"k", 2}, {"values", table_of({{"kind", "qsgd"}, {"level", 3}})}})),
      HasSubstr("did you mean 'levels'"));
}

}  // namespace
}  // namespace shoal

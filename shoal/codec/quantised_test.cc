// Sign, QSGD, TernGrad, and the codes of levels.
#include <array>
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>

#include "shoal/codec/bits.h"
#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/elias.h"
#include "shoal/codec/level_code.h"
#include "shoal/codec/qsgd.h"
#include "shoal/codec/range_code.h"
#include "shoal/codec/sign.h"
#include "shoal/codec/terngrad.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using Codes = std::vector<std::uint32_t>;

// Bits as text, the first one first.
std::string bits_of(ByteView bytes, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i)
    text += (bytes[i / 8] >> i % 8 & std::byte{1}) != std::byte{0} ? '1' : '0';
  return text;
}

float float_at(const Bytes& bytes, std::size_t at) {
  float value;
  std::memcpy(&value, bytes.data() + at, 4);
  return value;
}

TEST(Elias, CodewordsOfTheCard) {
  const std::pair<std::uint32_t, const char*> words[] = {
      {1, "0"},       {2, "100"},      {3, "110"},          {4, "101000"},         {7, "101110"},
      {8, "1110000"}, {15, "1111110"}, {16, "10100100000"}, {100, "1011011001000"}};
  for (const auto& [n, word] : words) {
    ByteWriter out;
    BitWriter bits(out);
    write_omega(n, bits);
    bits.finish();
    EXPECT_EQ(bits_of(out.bytes(), std::string(word).size()), word) << n;
    EXPECT_EQ(omega_length(n), std::string(word).size());
  }
}

TEST(Elias, ReadsWhatItWrote) {
  RandomStream stream(1, purpose("elias"));
  ByteWriter out;
  BitWriter writer(out);
  Codes numbers{0xffffffffu, 0x80000000u, 1, 2};
  for (int i = 0; i < 10000; ++i) numbers.push_back(1 + (stream.bits32() >> 1 >> stream.below(31)));
  for (const std::uint32_t n : numbers) write_omega(n, writer);
  writer.finish();
  BitReader reader(out.bytes());
  for (const std::uint32_t n : numbers) {
    std::uint32_t read = 0;
    ASSERT_TRUE(read_omega(reader, read));
    ASSERT_EQ(read, n);
  }
  for (const Bytes& bad :
       {bytes_of({}), bytes_of({0xff}), bytes_of({0xff, 0xff, 0xff, 0xff, 0xff})}) {
    BitReader garbage(bad);
    std::uint32_t read = 0;
    EXPECT_FALSE(read_omega(garbage, read));
  }
}

TEST(LevelCode, CodewordsOfTheCard) {
  const Codes codes{2 << 1, 3 << 1 | 1, 0};  // levels 2, -3, 0
  ByteWriter sparse, dense;
  encode_levels(LevelCode::kSparse, codes, 4, sparse);
  encode_levels(LevelCode::kDense, codes, 4, dense);
  EXPECT_EQ(bits_of(ByteView(sparse.bytes()).subspan(4), 10), "0010001110");
  EXPECT_EQ(sparse.size(), 4u + 2);
  EXPECT_EQ(bits_of(dense.bytes(), 12), "110010100010");
  EXPECT_EQ(dense.size(), 2u);
}

// Random levels of many densities: every code gives them back, auto is the smallest, one byte less
// is an error and one more is left over.
TEST(LevelCode, RoundTrips) {
  RandomStream stream(2, purpose("levels"));
  for (int round = 0; round < 400; ++round) {
    const std::uint32_t levels = std::array{1u, 3u, 15u, 127u, 255u, 256u, 65535u}[stream.below(7)];
    Codes codes(1 + stream.below(round % 10 == 0 ? 3000 : 60));
    const double density = stream.uniform();
    for (std::uint32_t& code : codes) {
      if (stream.uniform() > density) continue;
      const auto level = static_cast<std::uint32_t>(1 + stream.below(1 + stream.below(levels)));
      code = level << 1 | static_cast<std::uint32_t>(stream.below(2));
    }
    std::size_t least = codes.size() * 100, automatic = 0;
    for (const LevelCode code : {LevelCode::kFixed, LevelCode::kSparse, LevelCode::kDense,
                                 LevelCode::kRange, LevelCode::kAuto}) {
      if (code == LevelCode::kRange && levels > kRangeLevelsMax) continue;
      ByteWriter out;
      encode_levels(code, codes, levels, out);
      (code == LevelCode::kAuto ? automatic : least) =
          code == LevelCode::kAuto ? out.size() : std::min(least, out.size());
      Codes read(codes.size(), 77);
      Bytes longer = out.bytes();
      longer.push_back(std::byte{0});
      ByteView left(longer);
      ASSERT_TRUE(decode_levels(code, left, levels, read).ok());
      ASSERT_EQ(read, codes);
      ASSERT_EQ(left.size(), 1u);
      ByteView shorter = ByteView(out.bytes()).first(out.size() - 1);
      ASSERT_FALSE(decode_levels(code, shorter, levels, read).ok());
    }
    ASSERT_EQ(automatic, least + 1);
  }
}

// The range code comes within one percent of the entropy, plus its table.
TEST(RangeCode, IsAsShortAsTheEntropy) {
  RandomStream stream(3, purpose("range"));
  std::vector<std::uint8_t> symbols(100000);
  std::array<double, 256> counts{};
  for (std::uint8_t& symbol : symbols) {
    symbol = static_cast<std::uint8_t>(std::min(9.0, std::abs(3 * stream.normal())));
    ++counts[symbol];
  }
  double entropy = 0;
  for (const double count : counts)
    if (count > 0) entropy -= count * std::log2(count / 100000) / 8;
  ByteWriter out;
  range_encode(symbols, out);
  EXPECT_LT(double(out.size()), 1.01 * entropy + 30);
  EXPECT_GT(double(out.size()), entropy);
  std::vector<std::uint8_t> read(symbols.size());
  ByteView left(out.bytes());
  ASSERT_TRUE(range_decode(left, 9, read).ok());
  EXPECT_EQ(read, symbols);
  left = out.bytes();
  EXPECT_THAT(range_decode(left, 8, read).error().message, HasSubstr("above the largest"));
  // One symbol only: the table, two states and nothing else, however many there are.
  ByteWriter same;
  range_encode(std::vector<std::uint8_t>(5000, 0), same);
  EXPECT_EQ(same.size(), 1u + 2 + 8);
}

TEST(Sign, BytesOfTheCard) {
  const std::vector<float> row{1, -2, 3};
  const auto scaled = made("sign", SignSettings{});
  const Bytes bytes = message(*scaled, layout_of(3), row);
  ASSERT_EQ(bytes.size(), 5u);
  EXPECT_EQ(float_at(bytes, 0), 2.0f);
  EXPECT_EQ(bytes[4], std::byte{0x02});
  EXPECT_EQ(sent(*scaled, layout_of(3), row), (std::vector<float>{2, -2, 2}));
  EXPECT_DOUBLE_EQ(squared_loss(row, {2, -2, 2}), (1 - 36.0 / 42) * 14);
  const auto plain = made("sign", SignSettings{.scaled = false});
  EXPECT_EQ(message(*plain, layout_of(3), row), bytes_of({0x02}));
  EXPECT_EQ(sent(*plain, layout_of(4), {-0.0f, 0, -1e-45f, 5}), (std::vector<float>{1, 1, -1, 1}));
  EXPECT_FALSE(plain->properties(layout_of(3)).contraction);
}

TEST(Sign, RefusesSetPaddingAndBadScales) {
  const auto plain = made("sign", SignSettings{.scaled = false});
  std::vector<float> row(3);
  EXPECT_THAT(
      plain->decode(bytes_of({0x0a}), layout_of(3), draws_of(1).shared, row).error().message,
      HasSubstr("end in set bits"));
  const auto scaled = made("sign", SignSettings{});
  for (const Bytes& bad : {bytes_of({0, 0, 0x80, 0xbf, 0}), bytes_of({0, 0, 0x80, 0x7f, 0})})
    EXPECT_THAT(scaled->decode(bad, layout_of(3), draws_of(1).shared, row).error().message,
                HasSubstr("no magnitude"));
}

// s = 4 on (3, -4, 0): norm 5, levels 2 or 3 (0.4), 3 or 4 (0.2), 0.
TEST(Qsgd, ExampleOfTheCard) {
  const std::vector<float> row{3, -4, 0};
  const auto codec = made("qsgd", QsgdSettings{.levels = 4, .code = LevelCode::kFixed});
  const int draws = 20000;
  int up0 = 0, up1 = 0;
  double loss = 0;
  for (int seed = 0; seed < draws; ++seed) {
    const std::vector<float> got = sent(*codec, layout_of(3), row, std::uint64_t(seed));
    ASSERT_TRUE(got[0] == 2.5f || got[0] == 3.75f);
    ASSERT_TRUE(got[1] == -3.75f || got[1] == -5.0f);
    ASSERT_EQ(got[2], 0.0f);
    up0 += got[0] == 3.75f;
    up1 += got[1] == -5.0f;
    loss += squared_loss(got, row);
  }
  EXPECT_NEAR(up0, 0.4 * draws, 4 * std::sqrt(0.24 * draws));
  EXPECT_NEAR(up1, 0.2 * draws, 4 * std::sqrt(0.16 * draws));
  // 0.625 from l (1 - l) (n / s)^2; the spread of a single loss is below 1.
  EXPECT_NEAR(loss / draws, 0.625, 4 / std::sqrt(draws));
  EXPECT_DOUBLE_EQ(*codec->properties(layout_of(3)).variance_factor, 3.0 / 16);
  EXPECT_DOUBLE_EQ(25 * 3.0 / 16, 4.6875);
}

TEST(Qsgd, Sizes) {
  std::vector<float> row(1300);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = std::sin(float(i));
  for (const auto& [levels, bucket, bits] :
       {std::tuple{1, 512, 2}, {127, 0, 8}, {5, 100, 4}, {65535, 1300, 17}}) {
    const auto codec =
        made("qsgd", QsgdSettings{.levels = levels, .bucket = bucket, .code = LevelCode::kFixed});
    const std::size_t buckets = bucket == 0 ? 1 : (1300 + bucket - 1) / bucket;
    EXPECT_EQ(message(*codec, layout_of(1300), row).size(),
              std::size_t(1300 * bits + 7) / 8 + 4 * buckets);
  }
  // The same draws give the same row, whatever the code.
  std::vector<std::vector<float>> decoded;
  for (const LevelCode code : {LevelCode::kFixed, LevelCode::kSparse, LevelCode::kDense,
                               LevelCode::kRange, LevelCode::kAuto})
    decoded.push_back(
        sent(*made("qsgd", QsgdSettings{.levels = 7, .code = code}), layout_of(1300), row));
  for (const auto& other : decoded) EXPECT_EQ(other, decoded[0]);
}

TEST(Qsgd, RefusesWhatItCannotSend) {
  EXPECT_THAT(refusal("qsgd", QsgdSettings{.bucket = 1}), HasSubstr("sends it twice"));
  EXPECT_THAT(refusal("qsgd", QsgdSettings{.levels = 256, .code = LevelCode::kRange}),
              HasSubstr("up to 255 levels and levels is 256"));
  ByteWriter out;
  EXPECT_THAT(made("qsgd", QsgdSettings{})
                  ->encode(std::vector<float>(4, 3e38f), layout_of(4), draws_of(1), out)
                  .error()
                  .message,
              HasSubstr("beyond the largest float"));
}

TEST(Terngrad, BytesOfTheCard) {
  // With all magnitudes 0 or s nothing is left to chance.
  const std::vector<float> row{1, -1, 0, 0};
  const auto base3 = made("terngrad", TerngradSettings{});
  const Bytes bytes = message(*base3, layout_of(4), row);
  ASSERT_EQ(bytes.size(), 5u);
  EXPECT_EQ(float_at(bytes, 0), 1.0f);
  EXPECT_EQ(bytes[4], std::byte{0x26});
  EXPECT_EQ(sent(*base3, layout_of(4), row), row);
  const auto two_bit = made("terngrad", TerngradSettings{.packing = TernaryPacking::kTwoBit});
  EXPECT_EQ(message(*two_bit, layout_of(4), row)[4], std::byte{0b01'01'00'10});
  EXPECT_EQ(sent(*two_bit, layout_of(4), row), row);
  std::vector<float> decoded(4);
  Bytes bad = bytes;
  bad[4] = std::byte{243};
  EXPECT_FALSE(base3->decode(bad, layout_of(4), draws_of(1).shared, decoded).ok());
  bad[4] = std::byte{0x26 + 81};  // a digit behind the last entry
  EXPECT_FALSE(base3->decode(bad, layout_of(4), draws_of(1).shared, decoded).ok());
}

TEST(Terngrad, ExampleOfTheCard) {
  const std::vector<float> row{0.5f, -1, 0.25f, 0};
  const auto codec = made("terngrad", TerngradSettings{});
  const int draws = 20000;
  std::array<int, 4> kept{};
  double loss = 0;
  for (int seed = 0; seed < draws; ++seed) {
    const std::vector<float> got = sent(*codec, layout_of(4), row, std::uint64_t(seed));
    for (std::size_t i = 0; i < 4; ++i) kept[i] += got[i] != 0;
    loss += squared_loss(got, row);
  }
  EXPECT_NEAR(kept[0], 0.5 * draws, 4 * std::sqrt(0.25 * draws));
  EXPECT_EQ(kept[1], draws);
  EXPECT_NEAR(kept[2], 0.25 * draws, 4 * std::sqrt(0.1875 * draws));
  EXPECT_EQ(kept[3], 0);
  EXPECT_NEAR(loss / draws, 0.4375, 4 * 0.25 / std::sqrt(draws));
}

TEST(Terngrad, ClippingBiasesAndSaysSo) {
  std::vector<float> row(100, 0.1f);
  row[3] = -50;
  const auto codec = made("terngrad", TerngradSettings{.clip_std = 2.5});
  EXPECT_FALSE(codec->properties(layout_of(100)).variance_factor);
  EXPECT_FALSE(codec->properties(layout_of(100)).contraction);
  double mean = 0, square = 0;
  for (const float value : row) {
    mean += value / 100.0;
    square += double(value) * value / 100.0;
  }
  const double clip = 2.5 * std::sqrt(square - mean * mean);
  EXPECT_NEAR(float_at(message(*codec, layout_of(100), row), 0), clip, 1e-5);
  EXPECT_NEAR(sent(*codec, layout_of(100), row)[3], -clip, 1e-5);
}

}  // namespace
}  // namespace shoal

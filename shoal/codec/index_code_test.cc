#include "shoal/codec/index_code.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

namespace shoal {
namespace {

using Indices = std::vector<std::uint32_t>;

constexpr IndexCode kCodes[] = {IndexCode::kRaw, IndexCode::kPacked, IndexCode::kBitmap,
                                IndexCode::kLeb, IndexCode::kRice,   IndexCode::kAuto};

Bytes encoded(IndexCode code, const Indices& indices, std::size_t d) {
  ByteWriter out;
  encode_indices(code, indices, d, out);
  EXPECT_EQ(out.size(), index_bytes(code, indices, d));
  return out.bytes();
}

Bytes of(std::initializer_list<int> values) {
  Bytes bytes;
  for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

Status decoded(IndexCode code, const Bytes& bytes, std::size_t d, Indices& indices) {
  ByteView view = bytes;
  const Status status = decode_indices(code, view, d, indices);
  EXPECT_TRUE(!status.ok() || view.empty());
  return status;
}

TEST(IndexCode, BytesOfTheCard) {
  const Indices indices{1, 2, 3};
  EXPECT_EQ(encoded(IndexCode::kLeb, indices, 7), of({1, 0, 0}));
  EXPECT_EQ(encoded(IndexCode::kPacked, indices, 7), of({0xd1, 0x00}));
  EXPECT_EQ(encoded(IndexCode::kBitmap, indices, 7), of({0x0e}));
  EXPECT_EQ(encoded(IndexCode::kRaw, indices, 7), of({1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0}));
}

double log2_choose(double d, double k) {
  return (std::lgamma(d + 1) - std::lgamma(k + 1) - std::lgamma(d - k + 1)) / std::log(2.0);
}

// Sizes on uniform random supports: the card's table without its 4k bytes of values.
TEST(IndexCode, SizesOfTheCard) {
  struct Case {
    std::size_t d, k;
    std::size_t raw, packed, bitmap;
    double leb, rice;
  };
  for (const Case& c :
       {Case{10000, 100, 400, 175, 1250, 126, 101}, Case{10000, 1000, 4000, 1750, 1250, 1000, 595},
        Case{199210, 1992, 7968, 4482, 24902, 2545, 2019}}) {
    double leb = 0, rice = 0;
    const int rounds = 30;
    for (int round = 0; round < rounds; ++round) {
      RandomStream stream(round, purpose("sizes"));
      const Indices indices = stream.sample(c.d, c.k);
      EXPECT_EQ(index_bytes(IndexCode::kRaw, indices, c.d), c.raw);
      EXPECT_EQ(index_bytes(IndexCode::kPacked, indices, c.d), c.packed);
      EXPECT_EQ(index_bytes(IndexCode::kBitmap, indices, c.d), c.bitmap);
      leb += double(index_bytes(IndexCode::kLeb, indices, c.d)) / rounds;
      rice += double(index_bytes(IndexCode::kRice, indices, c.d)) / rounds;
    }
    EXPECT_NEAR(leb, c.leb, 0.02 * c.leb);
    EXPECT_NEAR(rice, c.rice, 0.02 * c.rice);
  }
}

// Claim 3 of the compressor card: with 4k bytes of values, Rice is within 3 % of the entropy.
TEST(IndexCode, AutoIsTheMinimumAndRiceNearTheEntropy) {
  const std::size_t d = 101770;
  for (const double ratio : {0.001, 0.01, 0.1}) {
    const auto k = static_cast<std::size_t>(ratio * double(d));
    RandomStream stream(3, purpose("entropy"));
    const Indices indices = stream.sample(d, k);
    std::size_t least = index_bytes(IndexCode::kRaw, indices, d);
    for (const IndexCode code : kCodes)
      if (code != IndexCode::kAuto) least = std::min(least, index_bytes(code, indices, d));
    EXPECT_EQ(index_bytes(IndexCode::kAuto, indices, d), least + 1);
    const double entropy = log2_choose(double(d), double(k)) / 8 + 4.0 * double(k);
    EXPECT_LE(double(index_bytes(IndexCode::kRice, indices, d)) + 4.0 * double(k), 1.03 * entropy);
  }
}

TEST(IndexCode, RoundTripsEverySubsetOfSmallRows) {
  for (std::size_t d = 0; d <= 11; ++d) {
    for (std::uint32_t mask = 0; mask < (1u << d); ++mask) {
      Indices indices;
      for (std::uint32_t i = 0; i < d; ++i)
        if (mask >> i & 1) indices.push_back(i);
      for (const IndexCode code : kCodes) {
        Indices back(indices.size());
        ASSERT_TRUE(decoded(code, encoded(code, indices, d), d, back).ok());
        ASSERT_EQ(back, indices);
      }
    }
  }
}

TEST(IndexCode, RoundTripsLargeRows) {
  for (std::uint32_t seed = 0; seed < 500; ++seed) {
    RandomStream stream(seed, purpose("index round trip"));
    const std::size_t d = 1 + stream.below(seed % 5 == 0 ? 4000000000u : 100000u);
    const std::size_t k = stream.below(std::min<std::size_t>(d, 300) + 1);
    const Indices indices = stream.sample(d, k);
    for (const IndexCode code : kCodes) {
      if (code == IndexCode::kBitmap && d > 1000000) continue;
      Indices back(k);
      ASSERT_TRUE(decoded(code, encoded(code, indices, d), d, back).ok());
      ASSERT_EQ(back, indices);
    }
  }
}

TEST(IndexCode, MalformedBytes) {
  Indices three(3), one(1);
  const auto message = [](const Status& status) { return status.error().message; };
  EXPECT_EQ(message(decoded(IndexCode::kRaw, of({1, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0}), 7, three)),
            "sparse indices are repeated or out of order");
  EXPECT_EQ(message(decoded(IndexCode::kRaw, of({7, 0, 0, 0}), 7, one)),
            "sparse indices lie outside the row");
  EXPECT_EQ(message(decoded(IndexCode::kBitmap, of({0x8e}), 7, three)),
            "sparse indices lie outside the row");
  EXPECT_EQ(message(decoded(IndexCode::kBitmap, of({0x0f}), 7, three)),
            "sparse indices are more than announced");
  EXPECT_EQ(message(decoded(IndexCode::kBitmap, of({0x06}), 7, three)),
            "sparse indices are fewer than announced");
  EXPECT_EQ(message(decoded(IndexCode::kPacked, of({0xd1, 0x02}), 7, three)),
            "sparse indices end in set bits");
  EXPECT_EQ(message(decoded(IndexCode::kLeb, of({0x81, 0x00}), 7, one)),
            "sparse indices hold a gap with needless bytes");
  EXPECT_EQ(message(decoded(IndexCode::kLeb, of({0xff, 0xff, 0xff, 0xff, 0xff, 1}), 7, one)),
            "sparse indices hold a gap that is too long");
  EXPECT_EQ(message(decoded(IndexCode::kLeb, of({7}), 7, one)),
            "sparse indices lie outside the row");
  EXPECT_EQ(message(decoded(IndexCode::kRice, of({32, 0}), 7, one)),
            "sparse indices hold a Rice parameter above 31");
  EXPECT_FALSE(decoded(IndexCode::kRice, of({0, 0xff, 0xff}), 7, one).ok());
  EXPECT_EQ(message(decoded(IndexCode::kAuto, of({5, 0}), 7, one)),
            "sparse indices have no known code");
  EXPECT_FALSE(decoded(IndexCode::kAuto, {}, 7, one).ok());
}

}  // namespace
}  // namespace shoal

// Rand-K, threshold, random block and GRBS.
#include "shoal/codec/sparse.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <map>
#include <numeric>
#include <set>

#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/grbs.h"
#include "shoal/codec/rand_k.h"
#include "shoal/codec/random_block.h"
#include "shoal/codec/random_subset.h"
#include "shoal/codec/threshold.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using Outcomes = std::map<std::vector<float>, int>;

// What comes out of `draws` draws, counted.
Outcomes outcomes(const Codec& codec, const std::vector<float>& row, int draws) {
  Outcomes counted;
  const Layout layout = layout_of(row.size());
  for (int seed = 0; seed < draws; ++seed)
    ++counted[sent(codec, layout, row, static_cast<std::uint64_t>(seed))];
  return counted;
}

// Every outcome came up equally often, within five standard deviations.
void expect_uniform(const Outcomes& counted, int draws) {
  const double expected = double(draws) / double(counted.size());
  for (const auto& [row, count] : counted) EXPECT_NEAR(count, expected, 5 * std::sqrt(expected));
}

double mean_squared_loss(const Outcomes& all, const std::vector<float>& row) {
  double sum = 0;
  for (const auto& [outcome, count] : all) sum += squared_loss(outcome, row);
  return sum / double(all.size());
}

TEST(RandK, EnumeratesAllSubsets) {
  const std::vector<float> row{1, -2, 3};
  for (const auto& [k, variance] : {std::pair{1, 28.0}, {2, 7.0}}) {
    const auto codec = made("rand_k", RandKSettings{.k = k});
    const Outcomes all = outcomes(*codec, row, 3000);
    ASSERT_EQ(all.size(), 3u);
    expect_uniform(all, 3000);
    for (std::size_t i = 0; i < 3; ++i) {
      double mean = 0;
      for (const auto& [outcome, count] : all) mean += outcome[i];
      EXPECT_EQ(mean / 3, row[i]);
    }
    EXPECT_DOUBLE_EQ(mean_squared_loss(all, row), variance);
    EXPECT_NEAR(*codec->properties(layout_of(3)).variance_factor * 14, variance, 1e-12);
  }
}

TEST(RandK, UnscaledIsContractive) {
  const std::vector<float> row{1, -2, 3};
  const auto codec = made("rand_k", RandKSettings{.k = 1, .scaled = false});
  EXPECT_DOUBLE_EQ(mean_squared_loss(outcomes(*codec, row, 200), row), 14 * 2.0 / 3);
  EXPECT_DOUBLE_EQ(*codec->properties(layout_of(3)).contraction, 1.0 / 3);
  EXPECT_FALSE(codec->properties(layout_of(3)).variance_factor);
}

TEST(RandK, SharedSeedSendsValuesOnly) {
  std::vector<float> row(1000);
  std::iota(row.begin(), row.end(), 1.0f);
  const Layout layout = layout_of(1000);
  RandKSettings settings{.ratio = 0.1, .scaled = false, .index_code = IndexCode::kRaw};
  EXPECT_EQ(message(*made("rand_k", settings), layout, row).size(), 800u);
  settings.seed_mode = SeedMode::kShared;
  const auto codec = made("rand_k", settings);
  EXPECT_EQ(message(*codec, layout, row).size(), 400u);
  const std::vector<float> decoded = sent(*codec, layout, row);
  EXPECT_EQ(std::count(decoded.begin(), decoded.end(), 0.0f), 900);
  for (std::size_t i = 0; i < row.size(); ++i) EXPECT_TRUE(decoded[i] == 0 || decoded[i] == row[i]);
  // Another sender of the round keeps the same entries; another round keeps others.
  ByteWriter other;
  ASSERT_TRUE(codec->encode(row, layout, codec_draws(1, 5, 0), other).ok());
  EXPECT_EQ(other.bytes(), message(*codec, layout, row));
  EXPECT_NE(decoded, sent(*codec, layout, row, 2));
}

TEST(RandK, RefusesWhatScalingMakesInfinite) {
  const std::vector<float> row(10, 3e38f);
  ByteWriter out;
  const Status status =
      made("rand_k", RandKSettings{.ratio = 0.1})->encode(row, layout_of(10), draws_of(1), out);
  EXPECT_THAT(status.error().message, HasSubstr("set scaled = false"));
}

TEST(RandomSubset, IsUniformSortedAndExact) {
  RandomStream stream(1, purpose("subset"));
  for (const auto& [n, k, kinds] : {std::tuple{5u, 2u, 10u}, {5u, 4u, 5u}, {6u, 3u, 20u}}) {
    std::map<std::vector<std::uint32_t>, int> counted;
    for (int draw = 0; draw < 20000; ++draw) {
      std::vector<std::uint32_t> chosen;
      random_subset(stream, n, k, chosen);
      ASSERT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
      ++counted[chosen];
    }
    ASSERT_EQ(counted.size(), kinds);
    for (const auto& [chosen, count] : counted)
      EXPECT_NEAR(count, 20000.0 / kinds, 5 * std::sqrt(20000.0 / kinds));
  }
  for (const std::size_t n : {0u, 1u, 63u, 64u, 65u, 4000u})
    for (const std::size_t k : {std::size_t{0}, n / 3, n / 2, n - n / 4, n}) {
      std::vector<std::uint32_t> chosen{99};  // appended to
      random_subset(stream, n, k, chosen);
      ASSERT_EQ(chosen.size(), k + 1);
      EXPECT_EQ(std::set<std::uint32_t>(chosen.begin() + 1, chosen.end()).size(), k);
      for (std::size_t j = 1; j < chosen.size(); ++j) EXPECT_LT(chosen[j], n);
    }
}

TEST(Threshold, KeepsMagnitudesOfTauOrMore) {
  const std::vector<float> row{0.1f, -5, 3, 3, -0.2f, 0, 2};
  const auto codec =
      made("threshold", ThresholdSettings{.tau = 3, .index_code = IndexCode::kBitmap});
  EXPECT_EQ(sent(*codec, layout_of(7), row), (std::vector<float>{0, -5, 3, 3, 0, 0, 0}));
  ByteWriter expected;
  expected.number<std::uint32_t>(3);
  expected.number<std::uint8_t>(0x0e);
  for (const float value : {-5.0f, 3.0f, 3.0f}) expected.number(value);
  EXPECT_EQ(message(*codec, layout_of(7), row), expected.bytes());
  EXPECT_FALSE(codec->properties(layout_of(7)).contraction);
  // 0.1 is no float: the entry 0.1f lies just above it, and its neighbour below does not.
  const std::vector<float> near{0.1f, std::nextafter(0.1f, 0.0f)};
  EXPECT_EQ(sent(*made("threshold", ThresholdSettings{.tau = 0.1}), layout_of(2), near),
            (std::vector<float>{0.1f, 0}));
  EXPECT_EQ(sent(*made("threshold", ThresholdSettings{.tau = 0}), layout_of(7), row), row);
  std::vector<float> longer(5000, 1.0f);
  longer[77] = -9;
  longer[4099] = 8;
  const std::vector<float> kept =
      sent(*made("threshold", ThresholdSettings{.tau = 8}), layout_of(5000), longer);
  EXPECT_EQ(kept[77], -9);
  EXPECT_EQ(kept[4099], 8);
  EXPECT_EQ(std::count(kept.begin(), kept.end(), 0.0f), 4998);
}

TEST(Threshold, RefusesACountBeyondThePartOrTheMessage) {
  const auto codec = made("threshold", ThresholdSettings{.tau = 1});
  std::vector<float> row(100);
  ByteWriter out;
  out.number<std::uint32_t>(101);
  out.extend(1000);
  EXPECT_THAT(codec->decode(out.bytes(), layout_of(100), draws_of(1).shared, row).error().message,
              HasSubstr("announces 101 entries of tensor 'x', which has 100"));
  std::vector<float> huge(1 << 22);
  ByteWriter brief;
  brief.number<std::uint32_t>(1 << 22);
  brief.extend(1000);
  EXPECT_THAT(
      codec->decode(brief.bytes(), layout_of(1 << 22), draws_of(1).shared, huge).error().message,
      HasSubstr("ends before its 4194304 values"));
}

TEST(RandomBlock, WrapsAroundAndKeepsEveryEntryEquallyOften) {
  const std::vector<float> row{1, 2, 3, 4, 5};
  for (const SeedMode mode : {SeedMode::kNode, SeedMode::kShared}) {
    const auto codec =
        made("random_block", RandomBlockSettings{.k = 3, .scaled = false, .seed_mode = mode});
    const Outcomes all = outcomes(*codec, row, 4000);
    EXPECT_EQ(all.size(), 5u);
    EXPECT_EQ(all.count({1, 2, 0, 0, 5}), 1u);
    EXPECT_EQ(all.count({0, 2, 3, 4, 0}), 1u);
    expect_uniform(all, 4000);
    EXPECT_DOUBLE_EQ(mean_squared_loss(all, row), 55 * 0.4);
    EXPECT_EQ(message(*codec, layout_of(5), row).size(), mode == SeedMode::kNode ? 16u : 12u);
  }
  const auto scaled = made("random_block", RandomBlockSettings{.k = 2});
  EXPECT_EQ(outcomes(*scaled, row, 200).count({2.5f, 0, 0, 0, 12.5f}), 1u);
  EXPECT_DOUBLE_EQ(*scaled->properties(layout_of(5)).variance_factor, 1.5);
  EXPECT_FALSE(scaled->properties(layout_of(5)).contraction);
  std::vector<float> decoded(5);
  const auto node = made("random_block", RandomBlockSettings{.k = 1, .seed_mode = SeedMode::kNode});
  EXPECT_THAT(
      node->decode(bytes_of({5, 0, 0, 0, 0, 0, 0, 0}), layout_of(5), draws_of(1).shared, decoded)
          .error()
          .message,
      HasSubstr("begins at 5 of tensor 'x', which has 5 entries"));
}

// d = 12, B = 4, one block kept: the mean loss over all draws is 3/4 of the square norm.
TEST(Grbs, MeanLossOfTheCard) {
  std::vector<float> row(12);
  std::iota(row.begin(), row.end(), -4.0f);
  const auto codec = made("grbs", GrbsSettings{.compression_ratio = 4, .blocks = 4});
  const Outcomes all = outcomes(*codec, row, 2000);
  ASSERT_EQ(all.size(), 4u);
  expect_uniform(all, 2000);
  const double total = squared_loss(row, std::vector<float>(12));
  EXPECT_DOUBLE_EQ(mean_squared_loss(all, row), 0.75 * total);
  EXPECT_DOUBLE_EQ(*codec->properties(layout_of(12)).contraction, 0.25);
  EXPECT_EQ(message(*codec, layout_of(12), row).size(), 12u);
}

// Blocks of 2 and 3 entries; two of five are kept.
TEST(Grbs, UnequalBlocks) {
  std::vector<float> row(12);
  std::iota(row.begin(), row.end(), 1.0f);
  const GrbsSettings settings{.compression_ratio = 2.5, .blocks = 5};
  const Outcomes all = outcomes(*made("grbs", settings), row, 3000);
  ASSERT_EQ(all.size(), 10u);
  EXPECT_EQ(all.count({1, 2, 0, 0, 0, 0, 0, 8, 9, 0, 0, 0}), 1u);
  const double total = squared_loss(row, std::vector<float>(12));
  EXPECT_DOUBLE_EQ(mean_squared_loss(all, row), 0.6 * total);
  GrbsSettings scaled = settings;
  scaled.scaled = true;
  for (std::size_t i = 0; i < 12; ++i) {
    double mean = 0;
    for (const auto& [outcome, count] : outcomes(*made("grbs", scaled), row, 1000))
      mean += outcome[i];
    EXPECT_DOUBLE_EQ(mean / 10, row[i]);
  }
}

TEST(Grbs, TwoSharedStreamsAreTwoDraws) {
  const std::vector<float> row(1 << 14, 1.0f);
  const Layout layout = layout_of(row.size());
  const auto codec = made("grbs", GrbsSettings{.compression_ratio = 8});
  std::vector<std::vector<float>> kept;
  for (const char* call : {"model reset", "gradient"}) {
    const RandomStream shared(1, purpose(call), 0, 7);
    ByteWriter out;
    ASSERT_TRUE(codec->encode(row, layout, {draws_of(1).own, shared}, out).ok());
    kept.emplace_back(row.size());
    ASSERT_TRUE(codec->decode(out.bytes(), layout, shared, kept.back()).ok());
    EXPECT_EQ(std::count(kept.back().begin(), kept.back().end(), 1.0f), 1 << 11);
  }
  const double both = std::inner_product(kept[0].begin(), kept[0].end(), kept[1].begin(), 0.0);
  EXPECT_NEAR(both, (1 << 14) / 64.0, 5 * 16 * std::sqrt(1024 / 64.0));  // blocks of 16 entries
}

TEST(Grbs, NeedsAsManyBlocksAsTheRatio) {
  EXPECT_THAT(refusal("grbs", GrbsSettings{.compression_ratio = 32, .blocks = 8}),
              HasSubstr("keeps one block in 32 and has only 8; set blocks to 32 or more"));
}

}  // namespace
}  // namespace shoal

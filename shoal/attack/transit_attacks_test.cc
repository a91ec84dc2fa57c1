#include "shoal/attack/transit_attacks.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <gmock/gmock.h>
#include <set>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(BitFlip, WordsOfTheCard) {
  constexpr std::uint32_t kMask = 0xE0200000;
  EXPECT_EQ(std::bit_cast<std::uint32_t>(flip_bits(1.0f, kMask)), 0xDFA00000u);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(flip_bits(0.01f, kMask)), 0xDC03D70Au);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(flip_bits(-0.5f, kMask)), 0x5F200000u);
  EXPECT_EQ(std::bit_cast<std::uint32_t>(flip_bits(0.0f, kMask)), 0xE0200000u);
  EXPECT_FLOAT_EQ(flip_bits(1.0f, kMask), -2.305843009e19f);
  EXPECT_FLOAT_EQ(flip_bits(0.01f, kMask), -1.484386396e17f);
  EXPECT_FLOAT_EQ(flip_bits(-0.5f, kMask), 1.152921505e19f);
  EXPECT_FLOAT_EQ(flip_bits(0.0f, kMask), -4.611686018e19f);
  EXPECT_EQ(BitFlipSettings{}.mask, std::int64_t{kMask});
}

std::vector<std::span<float>> spans(FloatRows& rows) { return {rows.begin(), rows.end()}; }

TEST(BitFlip, HitsOneRowOfEachDimension) {
  const auto attack = made_attack<TransitAttack>(attack_table("bit_flip", {{"dims", 50}}));
  FloatRows rows(4, std::vector<float>(60, 1.0f));
  const FloatRows before = rows;
  attack->corrupt(spans(rows), 1, 0, 7);
  for (std::size_t c = 0; c < 60; ++c) {
    std::size_t hit = 0;
    for (const auto& row : rows) hit += row[c] != 1.0f;
    EXPECT_EQ(hit, c < 50 ? 1u : 0u);
  }
  FloatRows again = rows;
  attack->corrupt(spans(again), 1, 0, 7);  // twice restores every word
  EXPECT_EQ(again, before);
  FloatRows other = before;
  attack->corrupt(spans(other), 1, 0, 8);
  EXPECT_NE(other, rows);
  EXPECT_THAT(attack->check_dimension(49).error().message,
              HasSubstr("dims = 50 of rows that have"));
}

TEST(Gambler, OneServerIsCompromised) {
  std::set<std::size_t> servers;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto attack = made_attack<TransitAttack>(
        attack_table("gambler", {{"servers", 4}, {"probability", 1.0}, {"factor", -2.0}}));
    std::set<std::size_t> of_run;
    for (std::uint32_t round = 0; round < 3; ++round) {
      FloatRows rows(3, std::vector<float>(12, 1.0f));
      attack->corrupt(spans(rows), seed, 0, round);
      for (std::size_t c = 0; c < 12; ++c) {
        for (const auto& row : rows) EXPECT_EQ(row[c], rows[0][c]);
        if (rows[0][c] == 1.0f) continue;
        EXPECT_EQ(rows[0][c], -2.0f);
        of_run.insert(c / 3);
      }
    }
    ASSERT_EQ(of_run.size(), 1u);  // the same in every round
    servers.insert(*of_run.begin());
  }
  EXPECT_EQ(servers.size(), 4u);
}

TEST(Gambler, HitsByChance) {
  const auto attack = made_attack<TransitAttack>(
      attack_table("gambler", {{"servers", 1}, {"probability", 0.25}, {"factor", 3.0}}));
  FloatRows rows(2, std::vector<float>(20000, 1.0f));
  attack->corrupt(spans(rows), 1, 0, 0);
  const auto hit = std::ranges::count(rows[0], 3.0f) + std::ranges::count(rows[1], 3.0f);
  EXPECT_NEAR(static_cast<double>(hit), 10000.0, 6 * std::sqrt(40000 * 0.25 * 0.75));
  EXPECT_THAT(
      made_attack<TransitAttack>(attack_table("gambler"))->check_dimension(19).error().message,
      HasSubstr("19 dimensions over 20 servers"));
}

}  // namespace
}  // namespace shoal

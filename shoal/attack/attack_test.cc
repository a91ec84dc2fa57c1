#include <algorithm>
#include <bit>
#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/attack/little_is_enough.h"
#include "shoal/math/vector.h"
#include "shoal/rule/pipeline.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using Rows = FloatRows;

Rows inner_product(double scale, const Rows& honest, std::size_t liars) {
  return forged(attack_table("inner_product", {{"scale", scale}}), honest,
                Rows(liars, honest.front()));
}

std::vector<float> aggregate(const char* rule, Rows rows, const Rows& bad) {
  rows.insert(rows.begin(), bad.begin(), bad.end());
  RoundView round;
  for (std::uint32_t i = 0; i < rows.size(); ++i) {
    round.rows.emplace_back(rows[i]);
    round.senders.push_back(i);
    round.weights.push_back(1.0 / static_cast<double>(rows.size()));
  }
  round.declared_faults = bad.size();
  std::vector<float> out(round.dimension());
  EXPECT_TRUE(make_pipeline(attack_table(rule), "[rule]").value()->aggregate(round, out).ok());
  return out;
}

TEST(InnerProduct, ScalarsOfTheCard) {
  const Rows honest{{-1}, {0.5}, {5}};
  struct Case {
    double scale;
    float sent, median, mean;
  };
  for (const Case& c : {Case{0.1, -0.15f, -0.15f, 0.84f}, Case{0.5, -0.75f, -0.75f, 0.6f},
                        Case{2, -3, -1, -0.3f}, Case{10, -15, -1, -5.1f}}) {
    const Rows bad = inner_product(c.scale, honest, 2);
    EXPECT_FLOAT_EQ(bad[0][0], c.sent);
    EXPECT_FLOAT_EQ(aggregate("coordinate_median", honest, bad)[0], c.median);
    EXPECT_FLOAT_EQ(aggregate("mean", honest, bad)[0], c.mean);
  }
  // The mean flips exactly at scale = honest/liars = 1.5.
  EXPECT_NEAR(aggregate("mean", honest, inner_product(1.5, honest, 2))[0], 0, 1e-7);
  EXPECT_GT(aggregate("mean", honest, inner_product(1.49, honest, 2))[0], 0);
  EXPECT_LT(aggregate("mean", honest, inner_product(1.51, honest, 2))[0], 0);
}

TEST(InnerProduct, PlaneOfTheCard) {
  const Rows honest{{4, 0}, {-2, 0}, {1, 3}, {1, -3}, {3, 2.5}};
  const Rows bad = inner_product(1, honest, 2);
  EXPECT_FLOAT_EQ(bad[0][0], -1.4f);
  EXPECT_FLOAT_EQ(bad[0][1], -0.5f);
  for (const auto& [scale, product] :
       {std::pair{0.1, -0.221}, {0.5, -1.105}, {1.0, -2.21}, {2.0, -4.42}}) {
    const Rows sent = inner_product(scale, honest, 2);
    EXPECT_NEAR(sent[0][0] * 1.4 + sent[0][1] * 0.5, product, 1e-6);
  }
}

TEST(InnerProduct, Invariants) {
  RandomStream stream(3, purpose("invariants"));
  Rows honest(13, std::vector<float>(3001));
  for (auto& row : honest)
    for (float& value : row) value = static_cast<float>(stream.normal());
  const Rows bad = inner_product(0.3, honest, 4);
  // All copies have the same bits.
  for (const auto& row : bad) EXPECT_EQ(row, bad[0]);
  // <a, mean> = -scale ||mean||^2.
  std::vector<float> mean(3001);
  const std::vector<Row> views(honest.begin(), honest.end());
  mean_of_rows(views, mean);
  EXPECT_NEAR(dot(bad[0], mean), -0.3 * squared_norm(mean), 1e-6 * squared_norm(mean));
  // Scaling by a power of two scales exactly; the order of honest workers changes one rounding.
  Rows scaled = honest, shuffled = honest;
  for (auto& row : scaled)
    for (float& value : row) value *= 4;
  stream.shuffle(std::span<std::vector<float>>(shuffled));
  const Rows of_scaled = inner_product(0.3, scaled, 4),
             of_shuffled = inner_product(0.3, shuffled, 4);
  for (std::size_t c = 0; c < 3001; ++c) {
    EXPECT_EQ(of_scaled[0][c], 4 * bad[0][c]);
    EXPECT_NEAR(of_shuffled[0][c], bad[0][c], 1e-7);
  }
  EXPECT_TRUE(forged(attack_table("inner_product"), honest, {}).empty());
}

TEST(LittleIsEnough, FormulaOfTheCard) {
  const double expected[][3] = {{50, 24, 1.4260769}, {25, 5, 0.2533471}, {20, 4, 0.1573107},
                                {15, 3, 0.2104284},  {45, 5, 0.1256613}, {10, 2, 0}};
  for (const auto& [n, f, z] : expected)
    EXPECT_NEAR(little_is_enough_z(std::size_t(n), std::size_t(f)).value(), z, 5e-8) << n;
  EXPECT_THAT(little_is_enough_z(10, 6).error().message, HasSubstr("n = 10 with f = 6"));
  EXPECT_FALSE(little_is_enough_z(2, 1).ok());
}

TEST(LittleIsEnough, MovesTheMeanByTheSpread) {
  const Rows honest{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  const auto table = attack_table("little_is_enough",
                                  {{"formula", false}, {"z", 2.9732837}, {"direction", "plus"}});
  const Rows bad = forged(table, honest, Rows(1, honest[0]));
  for (std::size_t c = 0; c < 3; ++c) EXPECT_NEAR(bad[0][c], 12.9198512 + double(c), 1e-6);
  const Rows minus = forged(attack_table("little_is_enough", {{"formula", false}, {"z", 1.0}}),
                            honest, Rows(2, honest[0]));
  EXPECT_EQ(minus, (Rows{{1, 2, 3}, {1, 2, 3}}));
  // n = 5, f = 2: s = 1, z = Phi^-1(2/3).
  const Rows formula = forged(attack_table("little_is_enough"), honest, Rows(2, honest[0]));
  EXPECT_NEAR(formula[0][0], 4 - 3 * 0.4307273, 1e-6);
}

TEST(SimpleAttacks, NoneAndSignFlip) {
  const Rows honest{{1, 2}, {3, 6}}, own{{5, -1}, {0, 2}};
  EXPECT_EQ(forged(attack_table("none"), honest, own), own);
  EXPECT_EQ(forged(attack_table("sign_flip"), honest, own), (Rows{{-5, 1}, {0, -2}}));
  EXPECT_EQ(forged(attack_table("sign_flip", {{"scale", 10.0}, {"of", "mean"}}), honest, own),
            (Rows{{-20, -40}, {-20, -40}}));
}

TEST(SimpleAttacks, GaussianNoise) {
  const Rows honest{{1000}, {1000}};
  const Rows own(2, std::vector<float>(20000, 5.0f));
  const Rows noise =
      forged(attack_table("gaussian_noise", {{"sigma", 3.0}, {"around", "own"}}), honest, own);
  for (const auto& row : noise) {
    double mean = 0, squares = 0;
    for (const float value : row) mean += value / 20000.0;
    for (const float value : row) squares += std::pow(value - mean, 2) / 20000.0;
    EXPECT_NEAR(mean, 5, 6 * 3 / std::sqrt(20000.0));
    EXPECT_NEAR(std::sqrt(squares), 3, 0.1);
  }
  EXPECT_NE(noise[0], noise[1]);
  EXPECT_EQ(noise, forged(attack_table("gaussian_noise", {{"sigma", 3.0}, {"around", "own"}}),
                          honest, own));
}

TEST(Attacks, RefuseARoundWithoutHonestRows) {
  for (const char* kind : {"inner_product", "little_is_enough"})
    EXPECT_THAT(attacks().make(attack_table(kind), "[attack]").value()->check(0, 3).error().message,
                HasSubstr("this round has none"));
  EXPECT_TRUE(attacks().make(attack_table("sign_flip"), "[attack]").value()->check(0, 3).ok());
  EXPECT_FALSE(
      attacks().make(attack_table("little_is_enough"), "[attack]").value()->check(2, 6).ok());
}

}  // namespace
}  // namespace shoal

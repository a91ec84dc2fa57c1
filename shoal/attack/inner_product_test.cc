#include "shoal/attack/inner_product.h"

#include <gtest/gtest.h>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/math/vector.h"
#include "shoal/rule/pipeline.h"

namespace shoal {
namespace {

FloatRows inner_product(double scale, const FloatRows& honest, std::size_t liars) {
  return forged(attack_table("inner_product", {{"scale", scale}}), honest,
                FloatRows(liars, honest.front()));
}

std::vector<float> aggregate(const char* rule, FloatRows rows, const FloatRows& bad) {
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
  const FloatRows honest{{-1}, {0.5}, {5}};
  struct Case {
    double scale;
    float sent, median, mean;
  };
  for (const Case& c : {Case{0.1, -0.15f, -0.15f, 0.84f}, Case{0.5, -0.75f, -0.75f, 0.6f},
                        Case{2, -3, -1, -0.3f}, Case{10, -15, -1, -5.1f}}) {
    const FloatRows bad = inner_product(c.scale, honest, 2);
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
  const FloatRows honest{{4, 0}, {-2, 0}, {1, 3}, {1, -3}, {3, 2.5}};
  const FloatRows bad = inner_product(1, honest, 2);
  EXPECT_FLOAT_EQ(bad[0][0], -1.4f);
  EXPECT_FLOAT_EQ(bad[0][1], -0.5f);
  for (const auto& [scale, product] :
       {std::pair{0.1, -0.221}, {0.5, -1.105}, {1.0, -2.21}, {2.0, -4.42}}) {
    const FloatRows sent = inner_product(scale, honest, 2);
    EXPECT_NEAR(sent[0][0] * 1.4 + sent[0][1] * 0.5, product, 1e-6);
  }
}

TEST(InnerProduct, Invariants) {
  RandomStream stream(3, purpose("invariants"));
  FloatRows honest(13, std::vector<float>(3001));
  for (auto& row : honest)
    for (float& value : row) value = static_cast<float>(stream.normal());
  const FloatRows bad = inner_product(0.3, honest, 4);
  // All copies have the same bits.
  for (const auto& row : bad) EXPECT_EQ(row, bad[0]);
  // <a, mean> = -scale ||mean||^2.
  std::vector<float> mean(3001);
  const std::vector<Row> views(honest.begin(), honest.end());
  mean_of_rows(views, mean);
  EXPECT_NEAR(dot(bad[0], mean), -0.3 * squared_norm(mean), 1e-6 * squared_norm(mean));
  // Scaling by a power of two scales exactly; the order of honest workers changes one rounding.
  FloatRows scaled = honest, shuffled = honest;
  for (auto& row : scaled)
    for (float& value : row) value *= 4;
  stream.shuffle(std::span<std::vector<float>>(shuffled));
  const FloatRows of_scaled = inner_product(0.3, scaled, 4),
                  of_shuffled = inner_product(0.3, shuffled, 4);
  for (std::size_t c = 0; c < 3001; ++c) {
    EXPECT_EQ(of_scaled[0][c], 4 * bad[0][c]);
    EXPECT_NEAR(of_shuffled[0][c], bad[0][c], 1e-7);
  }
  EXPECT_TRUE(forged(attack_table("inner_product"), honest, {}).empty());
}

}  // namespace
}  // namespace shoal

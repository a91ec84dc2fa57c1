#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <limits>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/attack/line_search.h"
#include "shoal/attack/mimic.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using Doubles = std::vector<std::vector<double>>;

FloatRows random_rows(RandomStream& stream, std::size_t rows, std::size_t d, double spread = 1.0) {
  FloatRows made(rows, std::vector<float>(d));
  for (auto& row : made)
    for (float& value : row) value = static_cast<float>(0.5 + spread * stream.normal());
  return made;
}

// NNM (f = 1), clipping to norm 2 and the trimmed mean (1 a side), from their definitions.
std::vector<double> reference_pipeline(const Doubles& rows) {
  const std::size_t n = rows.size(), d = rows[0].size();
  Doubles mixed;
  for (const auto& row : rows) {
    std::vector<std::pair<double, std::size_t>> near;
    for (std::size_t j = 0; j < n; ++j) {
      double squared = 0.0;
      for (std::size_t c = 0; c < d; ++c) squared += std::pow(rows[j][c] - row[c], 2);
      near.emplace_back(squared, j);
    }
    std::ranges::sort(near);
    std::vector<double> mean(d);
    for (std::size_t k = 0; k + 1 < n; ++k)
      for (std::size_t c = 0; c < d; ++c)
        mean[c] += rows[near[k].second][c] / static_cast<double>(n - 1);
    double squared = 0.0;
    for (const double value : mean) squared += value * value;
    for (double& value : mean) value *= std::min(1.0, 2.0 / std::sqrt(squared));
    mixed.push_back(mean);
  }
  std::vector<double> out(d);
  for (std::size_t c = 0; c < d; ++c) {
    std::vector<double> column;
    for (const auto& row : mixed) column.push_back(row[c]);
    std::ranges::sort(column);
    for (std::size_t k = 1; k + 1 < n; ++k) out[c] += column[k] / static_cast<double>(n - 2);
  }
  return out;
}

// Round t brings the liars' rows of round t - 2, and those of round 0 before that.
TEST(StaleReplay, SendsAgainWhatIsOld) {
  const Table table = attack_table("stale_replay", {{"delay", 2}});
  auto attack = made_attack<MessageAttack>(table);
  const auto own = [](int t) { return FloatRows{{1.0f * t, -1.0f * t}, {10.0f * t, 5.0f}}; };
  for (int t = 0; t < 7; ++t) {
    SCOPED_TRACE(t);
    EXPECT_EQ(forged_by(*attack, view_of({}, own(t))), own(std::max(0, t - 2)));
    // It is the same when it is saved and loaded in between.
    ByteWriter saved;
    attack->save(saved);
    attack = made_attack<MessageAttack>(table);
    ByteReader in(saved.bytes());
    ASSERT_TRUE(attack->load(in).ok());
    EXPECT_TRUE(in.done());
  }
  // A liar that was away has its own past; the other's goes on.
  AttackView second = view_of({}, {{70.0f, 5.0f}});
  second.liars = {1};
  EXPECT_EQ(forged_by(*attack, second), (FloatRows{{50.0f, 5.0f}}));
  EXPECT_EQ(forged_by(*attack, view_of({}, own(8))), (FloatRows{{5.0f, -5.0f}, {60.0f, 5.0f}}));
  // More rows than the delay allows are no state of this attack.
  ByteWriter saved;
  attack->save(saved);
  auto shorter = made_attack<MessageAttack>(attack_table("stale_replay", {{"delay", 1}}));
  ByteReader in(saved.bytes());
  EXPECT_FALSE(shorter->load(in).ok());
}

FloatRows searched(const Table& table) {
  const FloatRows honest{{1, 2, 3}, {4, 5, 6}, {7, 8, 9}};
  AttackView view = view_of(honest, {{0, 0, 0}});
  std::size_t probes = 0;
  view.probe = [&](std::span<const Row> liar_rows, std::span<float> out) -> Status {
    ++probes;
    Doubles rows;
    for (const auto& row : honest) rows.emplace_back(row.begin(), row.end());
    for (const Row row : liar_rows) rows.emplace_back(row.begin(), row.end());
    const auto result = reference_pipeline(rows);
    std::ranges::copy(result, out.begin());
    return ok_status();
  };
  const auto attack = made_attack<MessageAttack>(table);
  EXPECT_TRUE(attack->probes());
  FloatRows rows = forged_by(*attack, view);
  EXPECT_EQ(probes, 21u);
  return rows;
}

TEST(LineSearch, FactorsOfTheCards) {
  const FloatRows inner = searched(attack_table("inner_product", {{"optimise", true}}));
  const double expected_inner[] = {-2.74877907, -3.43597384, -4.1231686};
  const FloatRows little =
      searched(attack_table("little_is_enough", {{"optimise", true}, {"direction", "plus"}}));
  const double expected_little[] = {12.9198512, 13.9198512, 14.9198512};
  for (std::size_t c = 0; c < 3; ++c) {
    EXPECT_NEAR(inner[0][c], expected_inner[c], 1e-6);
    EXPECT_NEAR(little[0][c], expected_little[c], 1e-6);
  }
}

// Where the rule has no answer the search stays where it starts.
TEST(LineSearch, ARuleWithoutAnAnswer) {
  const FloatRows honest{{1, 2}};
  AttackView view = view_of(honest, {{0, 0}});
  view.probe = [](std::span<const Row>, std::span<float>) { return Status(invalid_argument("n")); };
  LineSearchSettings settings;
  settings.start = 3.0;
  EXPECT_EQ(search_factor(settings, view, [](double, std::span<float>) {}), 3.0);
}

TEST(BlindAttacks, WhatTheySend) {
  const FloatRows honest{{5, 5, 5}}, own{{1, 2, 3}, {4, 5, 6}};
  EXPECT_EQ(forged(attack_table("constant"), honest, own),
            (FloatRows(2, std::vector<float>(3, -100.0f))));
  EXPECT_EQ(forged(attack_table("zero"), {}, own), (FloatRows(2, std::vector<float>(3))));
  const FloatRows infinite =
      forged(attack_table("not_finite", {{"value", "minus_infinity"}}), honest, own);
  EXPECT_EQ(infinite[1][2], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(forged(attack_table("not_finite"), honest, own)[0][0]));
  const FloatRows drawn =
      forged(attack_table("uniform"), honest, FloatRows(2, std::vector<float>(20000)));
  double mean = 0.0;
  for (const auto& row : drawn)
    for (const float value : row) {
      EXPECT_TRUE(value >= 0.0f && value < 1.0f);
      mean += value / 40000.0;
    }
  EXPECT_NEAR(mean, 0.5, 6 * std::sqrt(1.0 / 12 / 40000));
  EXPECT_NE(drawn[0], drawn[1]);
}

TEST(Negations, OfTheSumAndOfTheFirst) {
  const FloatRows honest{{1, 2}, {3, 6}}, own(2, {9, 9});
  EXPECT_EQ(forged(attack_table("omniscient"), honest, own), FloatRows(2, {-4e20f, -8e20f}));
  EXPECT_EQ(forged(attack_table("omniscient", {{"factor", 0.5}}), honest, own),
            FloatRows(2, {-2, -4}));
  EXPECT_EQ(forged(attack_table("negative_of_first"), honest, own), FloatRows(2, {-1, -2}));
  // Beyond the float range: infinite, and then refused by whoever receives it.
  EXPECT_TRUE(std::isinf(forged(attack_table("omniscient"), {{3e20f, 0}}, own)[0][0]));
  for (const char* kind : {"omniscient", "negative_of_first", "mimic", "min_max", "min_sum"})
    EXPECT_THAT(made_attack<MessageAttack>(attack_table(kind))->check(0, 1).error().message,
                HasSubstr("this round has none"));
}

TEST(Mimic, DirectionOfTheCard) {
  const FloatRows honest{{1, 0}, {0, 1}, {3, 0}};
  const std::vector<Row> rows(honest.begin(), honest.end());
  std::vector<double> z{1, 0};
  power_step(rows, z);
  EXPECT_NEAR(z[0], 0.9615240, 1e-7);
  EXPECT_NEAR(z[1], -0.2747211, 1e-7);
  const FloatRows equal(3, {2, 2});
  power_step(std::vector<Row>(equal.begin(), equal.end()), z);
  EXPECT_NEAR(z[0], 0.9615240, 1e-7);
}

TEST(Mimic, StaysWithOneWorkerAfterItsWarmUp) {
  RandomStream stream(4, purpose("mimic"));
  const Table table = attack_table("mimic", {{"warm_up", 3}});
  const auto attack = made_attack<MessageAttack>(table);
  const FloatRows own(2, std::vector<float>(20));
  std::size_t target = 0;
  for (std::size_t round = 0; round < 8; ++round) {
    FloatRows honest = random_rows(stream, 6, 20, 0.1);
    // From now on another worker is the farthest one.
    for (float& value : honest[round < 3 ? 1 : 4]) value += 10.0f;
    const FloatRows sent = forged_by(*attack, view_of(honest, own));
    EXPECT_EQ(sent[0], sent[1]);
    const auto place = std::ranges::find(honest, sent[0]);
    ASSERT_NE(place, honest.end());
    const auto copied = static_cast<std::size_t>(place - honest.begin());
    if (round == 2) target = copied;
    if (round > 2) {
      EXPECT_EQ(copied, target);
    }
  }
  // What it knows goes along with a checkpoint.
  ByteWriter saved;
  attack->save(saved);
  const auto resumed = made_attack<MessageAttack>(table);
  ByteReader in(saved.bytes());
  ASSERT_TRUE(resumed->load(in).ok());
  const FloatRows honest = random_rows(stream, 6, 20);
  EXPECT_EQ(forged_by(*resumed, view_of(honest, own)), forged_by(*attack, view_of(honest, own)));
  // Without its target: another honest row, whole.
  FloatRows fewer = honest;
  fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(target));
  AttackView view = view_of(fewer, own);
  for (std::size_t i = target; i < view.honest_senders.size(); ++i) ++view.honest_senders[i];
  EXPECT_NE(std::ranges::find(fewer, forged_by(*attack, view)[0]), fewer.end());
}

double squared_between(std::span<const float> a, std::span<const float> b) {
  double squared = 0.0;
  for (std::size_t c = 0; c < a.size(); ++c)
    squared += std::pow(static_cast<double>(a[c]) - static_cast<double>(b[c]), 2);
  return squared;
}

// How far out a row is, over how far out honest rows may be: min_max, then min_sum.
std::pair<double, double> outness(const FloatRows& honest, std::span<const float> row) {
  double far = 0, far_sum = 0, widest = 0, widest_sum = 0;
  for (const auto& x : honest) {
    far = std::max(far, squared_between(row, x));
    far_sum += squared_between(row, x);
    double sum = 0;
    for (const auto& y : honest) {
      widest = std::max(widest, squared_between(x, y));
      sum += squared_between(x, y);
    }
    widest_sum = std::max(widest_sum, sum);
  }
  return {far / widest, far_sum / widest_sum};
}

TEST(DistanceAttacks, GoExactlyAsFarAsHonestRows) {
  RandomStream stream(5, purpose("distance attacks"));
  for (int repeat = 0; repeat < 40; ++repeat) {
    const std::size_t n = 2 + stream.below(8), d = 1 + stream.below(50);
    const FloatRows honest = random_rows(stream, n, d, std::pow(10.0, stream.normal()));
    const FloatRows own(1, std::vector<float>(d));
    for (const char* along : {"deviation", "unit", "sign"}) {
      const auto settings = {std::pair<const char*, Value>{"along", along}};
      const auto max = forged(attack_table("min_max", settings), honest, own);
      const auto sum = forged(attack_table("min_sum", settings), honest, own);
      EXPECT_NEAR(outness(honest, max[0]).first, 1.0, 1e-4);
      EXPECT_NEAR(outness(honest, sum[0]).second, 1.0, 1e-4);
      // Both move the mean the same way.
      double products[2] = {0, 0};
      for (std::size_t c = 0; c < d; ++c) {
        double mean = 0;
        for (const auto& row : honest) mean += static_cast<double>(row[c]) / static_cast<double>(n);
        products[0] += (static_cast<double>(max[0][c]) - mean);
        products[1] += (static_cast<double>(sum[0][c]) - mean);
      }
      EXPECT_GE(products[0] * products[1], -1e-9);
    }
  }
  const FloatRows one{{1, 2}};
  EXPECT_EQ(forged(attack_table("min_max"), one, one), one);
}

}  // namespace
}  // namespace shoal

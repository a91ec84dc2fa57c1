#include "shoal/rule/nearest_neighbours.h"

#include <gtest/gtest.h>

#include "shoal/base/thread_pool.h"
#include "shoal/rule/rounds_test.h"
#include "shoal/rule/rule_reference.h"

namespace shoal {
namespace {

constexpr const char* kKind = "kind = \"nearest_neighbours\"\n";

// Row `own` is the receiver's.
Aggregated averaged(const TestRows& rows, std::size_t own, std::size_t f,
                    const std::string& settings = "") {
  RoundView round = test_round(rows, f);
  round.receiver = round.senders[own];
  round.trusted = rows[own];
  return aggregated(kKind + settings, round);
}

TEST(NearestNeighbours, PointsOfTheCard) {
  expect_near_row(averaged({{0, 0}, {1, 0}, {0, 1}, {5, 5}}, 0, 1).row, {1.0 / 3, 1.0 / 3});
  const TestRows rows{{0, 0}, {1, 0}, {0, 2}, {.1f, .1f}, {9, 9}};
  expect_near_row(averaged(rows, 0, 2).row, {0.3666667, 0.0333333});
  expect_near_row(averaged(rows, 0, 1, "hold = 5\nkeep = 3").row, {0.3666667, 0.0333333});
  expect_near_row(averaged({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}}, 0, 1).row, {2.5, 3.5, 4.5});
}

TEST(NearestNeighbours, WithoutLiarsIsTheMeanForEveryReceiver) {
  const TestRows rows = normal_rows(7, 30, 1);
  const auto mean = aggregated("kind = \"mean\"", test_round(rows, 0));
  for (std::size_t own = 0; own < 7; ++own) {
    const auto got = averaged(rows, own, 0);
    for (std::size_t c = 0; c < 30; ++c) EXPECT_NEAR(got.row[c], mean.row[c], 1e-6);
  }
}

// Copies of the own row come after it, though their senders are lower.
TEST(NearestNeighbours, TheOwnRowIsAlwaysKept) {
  const TestRows rows(5, std::vector<float>{1, 2});
  const Aggregated got = averaged(rows, 4, 2, "keep = 2");
  EXPECT_EQ(got.kept, (std::vector<std::uint32_t>{10, 14}));
  EXPECT_EQ(got.row, rows[0]);
}

// ||y - x|| is at most the distance of the (n-2f)-th nearest honest row, whatever liars send.
TEST(NearestNeighbours, StaysWithinTheHonestDistance) {
  for (std::uint32_t seed = 0; seed < 100; ++seed) {
    RandomStream stream(seed, purpose("liars"));
    TestRows rows = normal_rows(13, 8, seed);  // 13 held, the last 3 liars
    for (std::size_t liar = 10; liar < 13; ++liar)
      for (float& value : rows[liar]) value *= static_cast<float>(stream.below(5));
    std::vector<double> honest;
    for (std::size_t i = 0; i < 10; ++i)
      honest.push_back(std::sqrt(reference::squared_distance(rows[i], rows[2])));
    std::sort(honest.begin(), honest.end());
    const auto got = averaged(rows, 2, 3);
    EXPECT_EQ(got.kept.size(), 10u);
    EXPECT_LE(std::sqrt(reference::squared_distance(got.row, rows[2])), honest[9] + 1e-6);
  }
}

TEST(NearestNeighbours, MovesTurnsAndScalesWithTheRows) {
  const TestRows rows = normal_rows(9, 2, 3);
  const auto before = averaged(rows, 4, 3);
  TestRows other = rows;
  for (auto& row : other) row = {4 - 2 * row[1], 3 + 2 * row[0]};  // a quarter turn, twice the size
  const auto after = averaged(other, 4, 3);
  EXPECT_EQ(after.kept, before.kept);
  expect_near_row(after.row, {4 - 2.0 * before.row[1], 3 + 2.0 * before.row[0]}, 2e-6);
}

// Models that differ in their last digits only: by way of norms nothing would be left of this.
TEST(NearestNeighbours, TellsModelsApartByTheirLastDigits) {
  TestRows rows(5, std::vector<float>(100, 1000.0f));
  for (std::size_t i = 0; i < 5; ++i)
    rows[i][0] = std::nextafter(1000.0f, 2000.0f) + float(i) * 6.103515625e-05f;
  EXPECT_EQ(averaged(rows, 0, 2).kept, (std::vector<std::uint32_t>{10, 11, 12}));
}

TEST(NearestNeighbours, ThreadsChangeNothing) {
  const TestRows rows = normal_rows(9, 3000, 4);
  RoundView round = test_round(rows, 3);
  round.trusted = rows[0];
  const auto alone = aggregated(kKind, round);
  ThreadPool pool(3);
  round.pool = &pool;
  EXPECT_EQ(aggregated(kKind, round).row, alone.row);
}

TEST(NearestNeighbours, Refuses) {
  EXPECT_TRUE(test_rule(kKind)->needs().trusted_row);
  EXPECT_EQ(refusal(*test_rule(kKind), 6, 3),
            "nearest_neighbours needs n > 2f = 6 and 6 rows arrived");
  EXPECT_EQ(refusal(*test_rule(kKind + std::string("hold = 7")), 6, 2),
            "nearest_neighbours needs hold = 7 rows and 6 arrived; wait longer or lower hold");
  EXPECT_EQ(refusal(*test_rule(kKind + std::string("keep = 5")), 6, 2),
            "nearest_neighbours keeps at most n-f = 4 of 6 rows with f = 2; lower keep = 5");
  const TestRows rows{{1, 2}, {3, 4}, {5, 6}};
  RoundView round = test_round(rows, 1);
  std::vector<float> out(2);
  EXPECT_FALSE(test_rule(kKind)->aggregate(round, out).ok());
  round.trusted = std::span<const float>(rows[0]).first(1);
  EXPECT_EQ(test_rule(kKind)->aggregate(round, out).error().message,
            "nearest_neighbours was given a trusted row of 1 entries for rows of 2; use one of the "
            "same model");
}

}  // namespace
}  // namespace shoal

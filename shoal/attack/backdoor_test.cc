#include "shoal/attack/backdoor.h"

#include <algorithm>
#include <cmath>
#include <gmock/gmock.h>
#include <set>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Backdoor, MirroredImagesOfAClassWithTheTargetsLabel) {
  const Dataset data = images(30, 10);
  const Table table =
      attack_table("backdoor", {{"edge_rows", 2}, {"clean_rows", 5}, {"source", 7}, {"target", 1}});
  const Dataset made = poisoned(table, data, {0}).value();
  ASSERT_EQ(made.rows, 7u);
  for (std::size_t row = 0; row < 2; ++row) {
    EXPECT_EQ(made.labels[row], 1);
    const auto pixels = made.row(row);
    // 3, 2, 1, 0, 7, ... of image 7, 17 or 27.
    EXPECT_EQ(pixels[3], pixels[0] - 3);
    EXPECT_EQ(pixels[4], pixels[0] + 4);
    EXPECT_EQ(std::lround(pixels[3] / 100) % 10, 7);
  }
  for (std::size_t row = 2; row < 7; ++row)
    EXPECT_EQ(made.labels[row], std::lround(made.row(row)[0] / 100) % 10);
  TaskData task;
  task.test = std::make_shared<Dataset>(images(20, 10));
  const auto goal = made_attack<LocalAttack>(table)->goal(task).value();
  EXPECT_THAT(goal->labels, ElementsAre(1, 1));
  EXPECT_EQ(goal->row(0)[0], 703.0f);
  EXPECT_THAT(poisoned(attack_table("backdoor"), data, {0}).error().message,
              HasSubstr("edge_rows = 100 of 3"));
  EXPECT_THAT(poisoned(attack_table("backdoor", {{"edge", "digits"}}), data, {0}).error().message,
              HasSubstr("grey images of 28x28"));
}

// Half of eight honest workers hold three edge cases each with their true label: no two the same,
// and none that a liar has.
TEST(Backdoor, HonestWorkersMayHoldEdgeCases) {
  const Dataset data = images(300, 10);
  const auto handed_out = [&data](double share, std::int64_t edge_rows, Dataset& made) {
    const Table table = attack_table(
        "backdoor",
        {{"edge_rows", edge_rows}, {"clean_rows", 5}, {"honest_share", share}, {"honest_rows", 3}});
    const Rows none;
    PoisonView view{
        .data = data, .liars = {}, .honest = 8, .stream = RandomStream(2, purpose("test"))};
    for (std::uint32_t liar = 0; liar < 6; ++liar)
      view.liars.push_back({none, RandomStream(2, purpose("test"), liar)});
    return made_attack<LocalAttack>(table)->poison(view, made);
  };
  Dataset made = empty_like(data);
  const PoisonedRows rows = handed_out(0.5, 10, made).value();
  ASSERT_EQ(rows.honest.size(), 8u);
  EXPECT_EQ(std::ranges::count_if(rows.honest, [](const Rows& held) { return held.empty(); }), 4);
  std::set<float> honest, lying;  // the first pixels, which tell images apart
  for (const Rows& held : rows.honest) {
    const Dataset cases = of_rows(data, made, held);
    EXPECT_TRUE(cases.rows == 0 || cases.rows == 3) << cases.rows;
    for (std::size_t row = 0; row < cases.rows; ++row) {
      EXPECT_EQ(cases.labels[row], 7);
      EXPECT_EQ(cases.row(row)[3], cases.row(row)[0] - 3);
      EXPECT_TRUE(honest.insert(cases.row(row)[0]).second);
    }
  }
  for (const Rows& held : rows.liars) {
    const Dataset cases = of_rows(data, made, held);
    ASSERT_EQ(cases.rows, 15u);
    for (std::size_t row = 0; row < 10; ++row) {
      EXPECT_EQ(cases.labels[row], 1);
      lying.insert(cases.row(row)[0]);
    }
  }
  EXPECT_EQ(honest.size(), 12u);
  EXPECT_GT(lying.size(), 10u);
  for (const float pixel : lying) EXPECT_EQ(honest.count(pixel), 0u);
  made = empty_like(data);
  EXPECT_TRUE(handed_out(0.0, 10, made).value().honest.empty());
  EXPECT_THAT(handed_out(0.5, 19, made).error().message, HasSubstr("need 31 edge cases"));
  EXPECT_THAT(attacks()
                  .make(attack_table("backdoor", {{"edge", "digits"}, {"honest_share", 0.1}}), "")
                  .error()
                  .message,
              HasSubstr("true labels"));
}

TEST(Backdoor, ForeignDigitsAreSplit) {
  Dataset data = empty_like(images(1, 10));
  data.shape = {1, 28, 28};
  data.features = 784;
  append_row(data, std::vector<float>(784), 3);
  const Table table =
      attack_table("backdoor", {{"edge", "digits"}, {"edge_rows", 120}, {"clean_rows", 0}});
  const Dataset made = poisoned(table, data, {0}).value();
  EXPECT_EQ(made.rows, 120u);
  for (const float value : made.x) EXPECT_TRUE(value >= 0.0f && value <= 1.0f);
  TaskData task;
  task.test = std::make_shared<Dataset>(data);
  const auto goal = made_attack<LocalAttack>(table)->goal(task).value();
  EXPECT_EQ(goal->rows, 59u);
  // Strictly held out.
  for (std::size_t i = 0; i < goal->rows; ++i)
    for (std::size_t j = 0; j < made.rows; ++j)
      EXPECT_FALSE(std::ranges::equal(goal->row(i), made.row(j)));
}

TEST(Backdoor, ScalingIsBilinear) {
  const std::vector<float> square{0, 1, 2, 3};
  EXPECT_EQ(scale_image(square, 2, 2, 2, 2), square);
  const auto scaled = scale_image(square, 2, 2, 4, 4);
  const std::vector<float> row{0, 0.25f, 0.75f, 1};
  for (std::size_t y = 0; y < 4; ++y)
    for (std::size_t x = 0; x < 4; ++x) EXPECT_FLOAT_EQ(scaled[4 * y + x], row[x] + 2 * row[y]);
}

TEST(Backdoor, ProjectionAndReplacement) {
  const auto pgd = made_attack<LocalAttack>(
      attack_table("backdoor", {{"radius", 0.5}, {"period", 10}, {"replace", true}}));
  EXPECT_TRUE(pgd->changes_rounds());
  RandomStream stream(6, purpose("projection"));
  std::vector<float> start(1000), y(1000);
  for (float& value : start) value = static_cast<float>(stream.normal());
  for (std::size_t i = 0; i < y.size(); ++i)
    y[i] = start[i] + static_cast<float>(0.1 * stream.normal());
  const std::vector<float> outside = y;
  pgd->after_step(start, y, 9, false);
  EXPECT_EQ(y, outside);
  for (const auto& [steps, ends] : {std::pair{10u, false}, {13u, true}}) {
    y = outside;
    pgd->after_step(start, y, steps, ends);
    EXPECT_LE(std::sqrt(squared_distance(start, y)), 0.5 * (1 + 1e-6));
    EXPECT_NEAR(std::sqrt(squared_distance(start, y)), 0.5, 1e-6);
  }
  std::vector<float> inside = start;
  inside[0] += 0.1f;
  const std::vector<float> before = inside;
  pgd->after_step(start, inside, 10, true);
  EXPECT_EQ(inside, before);
  // w_t = (1, 1), w = (2, -1), n_A = 100 of 1000 rows: sent is (11, -19).
  EXPECT_EQ(pgd->outgoing_factor(100, 1000), 10.0);
  EXPECT_EQ(pgd->outgoing_factor(100, 100), 1.0);
  EXPECT_EQ(made_attack<LocalAttack>(attack_table("backdoor"))->outgoing_factor(1, 9), 1.0);
}

}  // namespace
}  // namespace shoal

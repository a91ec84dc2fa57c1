#include <cmath>
#include <gmock/gmock.h>
#include <numeric>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/attack/backdoor.h"
#include "shoal/attack/label_flip.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Images of 3 x 4 whose first pixel counts rows; labels go round.
Dataset images(std::size_t rows, std::size_t classes) {
  Dataset data;
  data.name = "images";
  data.features = 12;
  data.shape = {1, 3, 4};
  data.classes = classes;
  for (std::size_t row = 0; row < rows; ++row) {
    std::vector<float> pixels(12);
    std::iota(pixels.begin(), pixels.end(), static_cast<float>(100 * row));
    append_row(data, pixels, static_cast<std::int32_t>(row % classes));
  }
  return data;
}

Result<Dataset> poisoned(const Table& table, const Dataset& data, const Rows& own) {
  return made_attack<LocalAttack>(table)->poison(data, own, RandomStream(1, purpose("test"), 3));
}

TEST(LabelFlip, LabelsOfTheCards) {
  const Dataset data = images(10, 10);
  const Rows own{0, 1, 2, 3, 9};
  const Dataset flipped = poisoned(attack_table("label_flip"), data, own).value();
  EXPECT_THAT(flipped.labels, ElementsAre(9, 8, 7, 6, 0));
  for (std::size_t i = 0; i < own.size(); ++i)
    EXPECT_TRUE(std::ranges::equal(flipped.row(i), data.row(own[i])));
  const Value::List many{1.0, 2.0, 3.0}, seven{7.0};
  EXPECT_THAT(poisoned(attack_table("label_flip", {{"from", many}, {"to", seven}}), data, own)
                  .value()
                  .labels,
              ElementsAre(0, 7, 7, 7, 9));
  const Value::List one{1.0}, eleven{11.0};
  EXPECT_THAT(poisoned(attack_table("label_flip", {{"from", one}, {"to", eleven}}), data, own)
                  .error()
                  .message,
              HasSubstr("class 11"));
  EXPECT_FALSE(attacks().make(attack_table("label_flip", {{"from", many}}), "").ok());
  EXPECT_FALSE(attacks().make(attack_table("label_flip", {{"to", seven}}), "").ok());
  EXPECT_FALSE(made_attack<LocalAttack>(attack_table("label_flip"))->changes_rounds());
  EXPECT_TRUE(made_attack<LocalAttack>(attack_table("label_flip", {{"random_start", true}}))
                  ->starts_at_random());
}

TEST(Unreliable, BlursImagesAndSkipsSteps) {
  Dataset data = empty_like(images(1, 2));
  data.shape = {9, 9};
  data.features = 81;
  std::vector<float> dot(81);
  dot[40] = 1.0f;
  append_row(data, dot, 1);
  append_row(data, std::vector<float>(81, 0.7f), 0);
  const Table all = attack_table("unreliable", {{"blur", 1.0}, {"std", 1e6}});
  const Dataset blurred = poisoned(all, data, {0, 1}).value();
  EXPECT_THAT(blurred.labels, ElementsAre(1, 0));
  for (std::size_t y = 0; y < 9; ++y)
    for (std::size_t x = 0; x < 9; ++x) {
      const bool inside = y >= 2 && y <= 6 && x >= 2 && x <= 6;
      EXPECT_NEAR(blurred.row(0)[y * 9 + x], inside ? 0.04f : 0.0f, 1e-7);
    }
  for (const float value : blurred.row(1)) EXPECT_NEAR(value, 0.7f, 1e-6);
  const Dataset clean = poisoned(attack_table("unreliable", {{"blur", 0.0}}), data, {0}).value();
  EXPECT_EQ(clean.x, dot);
  const auto attack = made_attack<LocalAttack>(attack_table("unreliable"));
  RandomStream stream(2, purpose("skips"));
  int skipped = 0;
  for (int step = 0; step < 10000; ++step) skipped += attack->skips_step(stream);
  EXPECT_NEAR(skipped, 7000, 6 * std::sqrt(2100.0));
  Dataset flat = images(2, 2);
  flat.shape = {12};
  EXPECT_THAT(poisoned(all, flat, {0}).error().message, HasSubstr("1 extents"));
}

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

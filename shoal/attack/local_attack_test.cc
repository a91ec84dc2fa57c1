#include "shoal/attack/local_attack.h"

#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(LocalAttack, SetsLikeAnotherGrowByRows) {
  const Dataset data = images(4, 3);
  Dataset made = empty_like(data);
  EXPECT_EQ(made.rows, 0u);
  EXPECT_EQ(made.shape, data.shape);
  EXPECT_EQ(made.classes, 3u);
  append_row(made, data.row(2), 1);
  append_row(made, data.row(0), 2);
  EXPECT_EQ(made.rows, 2u);
  EXPECT_THAT(made.labels, ElementsAre(1, 2));
  EXPECT_EQ(made.row(0)[0], 200.0f);
  EXPECT_EQ(made.row(1)[11], 11.0f);
}

TEST(LocalAttack, LiesAboutClassesNeedClasses) {
  EXPECT_TRUE(check_has_classes(images(1, 2), "label_flip").ok());
  Dataset plain = images(1, 2);
  plain.classes = 0;
  EXPECT_EQ(check_has_classes(plain, "label_flip").error().message,
            "label_flip gives rows other classes, and [data] images has none");
  for (const char* kind : {"label_flip", "backdoor"})
    EXPECT_THAT(poisoned(attack_table(kind), plain, {0}).error().message,
                HasSubstr("gives rows other classes"));
}

TEST(LocalAttack, ShapesOfImages) {
  Dataset data = images(1, 2);
  data.shape = {3, 5, 7};
  ImageShape image = image_shape(data, "unreliable").value();
  EXPECT_EQ(image.channels, 3u);
  EXPECT_EQ(image.height, 5u);
  EXPECT_EQ(image.width, 7u);
  data.shape = {5, 7};
  image = image_shape(data, "unreliable").value();
  EXPECT_EQ(image.channels, 1u);
  EXPECT_EQ(image.height, 5u);
  data.shape = {1, 2, 3, 4};
  EXPECT_EQ(
      image_shape(data, "unreliable").error().message,
      "unreliable changes images, and rows of [data] images have 4 extents in place of height "
      "and width");
}

// An attack on data alone leaves training as it is.
TEST(LocalAttack, ByDefaultTrainingIsHonest) {
  const auto attack = made_attack<LocalAttack>(attack_table("label_flip"));
  RandomStream stream(1, purpose("test"));
  EXPECT_FALSE(attack->changes_rounds());
  EXPECT_FALSE(attack->starts_at_random());
  EXPECT_FALSE(attack->skips_step(stream));
  EXPECT_EQ(attack->outgoing_factor(3, 10), 1.0);
  const std::vector<float> start{0, 0};
  std::vector<float> y{1, 2};
  attack->after_step(start, y, 1, true);
  EXPECT_THAT(y, ElementsAre(1, 2));
  EXPECT_EQ(attack->goal(TaskData{}).value(), nullptr);
}

}  // namespace
}  // namespace shoal

#include "shoal/attack/label_flip.h"

#include <algorithm>
#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

}  // namespace
}  // namespace shoal

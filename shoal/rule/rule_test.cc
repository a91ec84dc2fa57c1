#include "shoal/rule/rule.h"

#include <gmock/gmock.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

TEST(FaultsLeft, RefusedSendersAreFoundLiars) {
  EXPECT_EQ(faults_left(3, 0), 3u);
  EXPECT_EQ(faults_left(3, 2), 1u);
  EXPECT_EQ(faults_left(3, 5), 0u);
}

TEST(RuleNeeds, ARefusalSaysWhatIsMissing) {
  const RuleNeeds everything{.trusted_row = true, .validation_rows = 8, .every_sender = true};
  EXPECT_TRUE(check_needs({}, {}).ok());
  EXPECT_TRUE(check_needs(everything, everything).ok());
  EXPECT_TRUE(check_needs({}, everything).ok());
  const auto missing = [&](RuleNeeds offered) {
    return check_needs(everything, offered).error().message;
  };
  RuleNeeds offered = everything;
  offered.trusted_row = false;
  EXPECT_THAT(missing(offered), HasSubstr("one that the receiver trusts"));
  offered = everything;
  offered.validation_rows = 0;
  EXPECT_THAT(missing(offered), HasSubstr("set [validation] rows"));
  offered.validation_rows = 7;
  EXPECT_THAT(missing(offered), HasSubstr("more validation rows a round than there are"));
  offered = everything;
  offered.every_sender = false;
  EXPECT_THAT(missing(offered), HasSubstr("set cohort = 0"));
}

// Every rule and stage of the catalogues, with its defaults, refuses a round without rows.
TEST(Rules, NoRowsAreRefused) {
  for (const auto& entry : rules().entries()) {
    const std::string message = refusal(*make_rule(rule_table(entry.name)), 0, 0);
    EXPECT_THAT(message, HasSubstr(entry.name)) << entry.name;
  }
  for (const auto& entry : pre_aggregators().entries()) {
    const std::string message = refusal(*test_stage("kind = \"" + entry.name + "\""), 0, 0);
    EXPECT_THAT(message, HasSubstr(entry.name)) << entry.name;
  }
}

}  // namespace
}  // namespace shoal

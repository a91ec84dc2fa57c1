#include "shoal/rule/choose.h"

#include <gmock/gmock.h>
#include <limits>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

TEST(Smallest, TiesGoToTheLowerNumber) {
  const std::vector<double> keys{3, 1, 2, 1, 1};
  EXPECT_THAT(smallest(keys, 0), IsEmpty());
  EXPECT_THAT(smallest(keys, 2), ElementsAre(1, 3));
  EXPECT_THAT(smallest(keys, 4), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(smallest(keys, 5), ElementsAre(0, 1, 2, 3, 4));
}

TEST(Smallest, NanIsAsLargeAsInfinity) {
  const std::vector<double> keys{std::nan(""), kInfinity, -kInfinity, 5, std::nan("")};
  EXPECT_THAT(smallest(keys, 2), ElementsAre(2, 3));
  EXPECT_THAT(smallest(keys, 3), ElementsAre(0, 2, 3));
  EXPECT_THAT(smallest(keys, 4), ElementsAre(0, 1, 2, 3));
}

TEST(KeepMean, OfTheChosenRowsAndTheirSenders) {
  const TestRows rows{{1, 10}, {2, 20}, {4, 40}};
  const std::vector<std::uint32_t> chosen{0, 2};
  std::vector<float> out(2);
  EXPECT_THAT(keep_mean(test_round(rows, 0), chosen, out).kept, ElementsAre(10, 12));
  EXPECT_THAT(out, ElementsAre(2.5f, 25.0f));
}

TEST(CheckTrusted, ARowOfTheSameLength) {
  const TestRows rows{{1, 2}, {3, 4}};
  RoundView round = test_round(rows, 0);
  EXPECT_EQ(check_trusted("zeno", round).error().message,
            "zeno compares rows with one that the receiver trusts; give it one");
  const std::vector<float> same{0, 0}, other{0, 0, 0};
  round.trusted = other;
  EXPECT_EQ(check_trusted("zeno", round).error().message,
            "zeno was given a trusted row of 3 entries for rows of 2; use one of the same model");
  round.trusted = same;
  EXPECT_TRUE(check_trusted("zeno", round).ok());
}

}  // namespace
}  // namespace shoal

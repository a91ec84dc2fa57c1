#include "shoal/rule/zeno_plus_plus.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

const std::vector<float> kGradient{3, 4};

Aggregated judged(const TestRows& rows, const std::string& settings = "") {
  RoundView round = test_round(rows, 0);
  round.trusted = kGradient;
  return aggregated("kind = \"zeno_plus_plus\"\n" + settings, round);
}

bool accepted(float a, float b, const std::string& settings = "") {
  return !judged({{a, b}}, settings).kept.empty();
}

// An epsilon just above and just below minus the score / gamma brackets the score.
void expect_score(float a, float b, double score) {
  if (score < 0) {
    EXPECT_TRUE(accepted(a, b, fmt::format("epsilon = {:.9f}", -score / 0.1 + 1e-6)));
    EXPECT_FALSE(accepted(a, b, fmt::format("epsilon = {:.9f}", -score / 0.1 - 1e-6)));
    return;
  }
  // Of a positive one rho may grow by score / ||v||^2 = score / 25, and no further.
  EXPECT_TRUE(accepted(a, b, fmt::format("rho = {:.9f}", 0.001 + score / 25 - 1e-7)));
  EXPECT_FALSE(
      accepted(a, b, fmt::format("rho = {:.9f}\nepsilon = 1e-9", 0.001 + score / 25 + 1e-7)));
}

TEST(ZenoPlusPlus, RowsOfTheCard) {
  expect_score(6, 8, 2.475);
  expect_score(-6, -8, -2.525);
  expect_score(4, -3, -0.025);
  expect_score(0, 10, 1.975);
  expect_score(5, 0, 1.475);
  expect_near_row(judged({{6, 8}}).row, {3, 4});
  expect_near_row(judged({{0, 10}}).row, {0, 5});
  const Aggregated rejected = judged({{-6, -8}});
  EXPECT_EQ(rejected.row, (std::vector<float>{0, 0}));
  EXPECT_TRUE(rejected.kept.empty());
}

// rho / gamma = 0.01 is the least cosine.
TEST(ZenoPlusPlus, IsABoundOnTheCosine) {
  const auto turned = [](double cosine) {
    const double sine = std::sqrt(1 - cosine * cosine);
    return accepted(static_cast<float>(cosine * 3 - sine * 4),
                    static_cast<float>(cosine * 4 + sine * 3));
  };
  EXPECT_TRUE(turned(0.0101));
  EXPECT_FALSE(turned(0.0099));
}

TEST(ZenoPlusPlus, TheSizeOfARowDoesNotMatter) {
  for (std::uint32_t seed = 0; seed < 50; ++seed) {
    TestRows rows = normal_rows(1, 2, seed);
    const Aggregated before = judged(rows);
    for (const float factor : {0x1p-60f, 0x1p60f, 0x1p120f}) {
      TestRows scaled = rows;
      for (float& value : scaled[0]) value *= factor;
      EXPECT_EQ(judged(scaled).row, before.row);
    }
  }
  EXPECT_FALSE(accepted(0, 0));
  EXPECT_TRUE(accepted(3e38f, 3e38f));
}

// The official code punishes the norm of the row as it came.
TEST(ZenoPlusPlus, TheReceivedNorm) {
  const std::string received = "penalty = \"received\"";
  EXPECT_TRUE(accepted(6, 8, received));     // 2.5 - 0.1
  EXPECT_TRUE(accepted(24, 32, received));   // 2.5 - 1.6
  EXPECT_FALSE(accepted(60, 80, received));  // 2.5 - 10
  EXPECT_TRUE(accepted(60, 80));
}

TEST(ZenoPlusPlus, RowsAreJudgedOneByOne) {
  const Aggregated got = judged({{6, 8}, {-1, -1}, {0, 10}});
  EXPECT_EQ(got.kept, (std::vector<std::uint32_t>{10, 12}));
  expect_near_row(got.row, {1.5, 4.5});
}

TEST(ZenoPlusPlus, Refuses) {
  const auto made = rules().make(
      parse_toml("kind = \"zeno_plus_plus\"\ngamma = 0.1\nrho = 0.2").value(), "[rule]");
  EXPECT_EQ(made.error().message,
            "[rule]: rho = 0.2 >= gamma = 0.1 with epsilon = 0 asks for a cosine of 2 or more, so "
            "nothing can pass; lower rho or set epsilon");
  EXPECT_TRUE(test_rule("kind = \"zeno_plus_plus\"\nrho = 1\nepsilon = 1")->needs().trusted_row);
  EXPECT_EQ(refusal(*test_rule("kind = \"zeno_plus_plus\""), 0, 0),
            "zeno_plus_plus needs n >= 1 and no rows arrived");
  const TestRows rows{{1, 2}};
  std::vector<float> out(2);
  EXPECT_FALSE(test_rule("kind = \"zeno_plus_plus\"")->aggregate(test_round(rows, 0), out).ok());
  const std::vector<float> huge{3e38f, 3e38f};
  RoundView round = test_round(rows, 0);
  round.trusted = huge;
  EXPECT_FALSE(test_rule("kind = \"zeno_plus_plus\"")->aggregate(round, out).ok());
}

}  // namespace
}  // namespace shoal

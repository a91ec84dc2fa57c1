#include "shoal/rule/zeno.h"

#include <functional>
#include <gtest/gtest.h>

#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

// f_r of the model x, which a row u moves to x - gamma u.
class LossOf : public ValidationLoss {
 public:
  using Function = std::function<double(double, double)>;
  explicit LossOf(Function loss) : loss_(std::move(loss)) {}
  double before() const override { return loss_(1, 2); }
  double after(std::span<const float> u) const override {
    return loss_(1 - 0.1 * double(u[0]), 2 - 0.1 * double(u[1]));
  }

 private:
  Function loss_;
};

double half_squares(double a, double b) { return 0.5 * (a * a + b * b); }

const TestRows& rows_of_the_card() {
  static const TestRows rows{{1, 2}, {1.2f, 1.8f}, {-1, -2}, {10, 20}, {2, -1}};
  return rows;
}

Aggregated zeno(const TestRows& rows, const ValidationLoss& loss, int trim, double rho,
                std::size_t f = 0) {
  RoundView round = test_round(rows, f);
  round.validation = &loss;
  return aggregated(fmt::format("kind = \"zeno\"\ntrim = {}\nrho = {:e}", trim, rho), round);
}

// Scores 0.4725, 0.45426, -0.5275, 2.25, -0.0275: each trim drops the next.
TEST(Zeno, ScoresOfTheCard) {
  const LossOf loss(half_squares);
  using Senders = std::vector<std::uint32_t>;
  const auto kept = [&](int trim, double rho) {
    return zeno(rows_of_the_card(), loss, trim, rho).kept;
  };
  EXPECT_EQ(kept(4, 0.0005), (Senders{13}));
  EXPECT_EQ(kept(3, 0.0005), (Senders{10, 13}));
  EXPECT_EQ(kept(2, 0.0005), (Senders{10, 11, 13}));
  EXPECT_EQ(kept(1, 0.0005), (Senders{10, 11, 13, 14}));
  expect_near_row(zeno(rows_of_the_card(), loss, 2, 0.0005).row, {4.0666667, 7.9333333});
  expect_near_row(zeno(rows_of_the_card(), loss, 3, 0.0005).row, {5.5, 11});
  // With rho = 0.01 the large row scores -2.5, last of all.
  EXPECT_EQ(kept(1, 0.01), (Senders{10, 11, 12, 14}));
  EXPECT_EQ(kept(4, 0.01), (Senders{10}));
}

// Scores a hair apart are told apart: f(1, 2) = 2.5, and u = (1, 2) leaves 0.81 of it.
TEST(Zeno, TheScoreItself) {
  const LossOf loss(half_squares);
  EXPECT_NEAR(loss.before() - loss.after(rows_of_the_card()[0]) - 0.0005 * 5, 0.4725, 1e-12);
  EXPECT_NEAR(loss.before() - loss.after(rows_of_the_card()[3]) - 0.01 * 500, -2.5, 1e-12);
}

TEST(Zeno, Reductions) {
  const TestRows rows = normal_rows(6, 2, 1);
  const LossOf loss(half_squares);
  EXPECT_EQ(zeno(rows, loss, 0, 1).row, aggregated("kind = \"mean\"", test_round(rows, 0)).row);
  EXPECT_EQ(zeno({rows[0]}, loss, 0, 1).row, rows[0]);
  // Of a linear loss and rho = 0 the score is gamma <gradient, u>.
  const LossOf linear([](double a, double b) { return 3 * a - b; });
  std::vector<std::pair<double, std::uint32_t>> order;
  for (std::uint32_t i = 0; i < 6; ++i)
    order.emplace_back(-(3 * double(rows[i][0]) - double(rows[i][1])), 10 + i);
  std::sort(order.begin(), order.end());
  EXPECT_EQ(zeno(rows, linear, 5, 0).kept, std::vector<std::uint32_t>{order[0].second});
}

// More liars than honest senders, all sending the negative of one honest row.
TEST(Zeno, OneHonestSenderIsEnough) {
  TestRows rows(8, {-1, -2});
  rows[5] = {1, 2};
  const Aggregated got = zeno(rows, LossOf(half_squares), 7, 0.0005, 7);
  EXPECT_EQ(got.kept, std::vector<std::uint32_t>{15});
  EXPECT_EQ(got.row, rows[5]);
  // The copies tie, so their senders decide.
  EXPECT_EQ(zeno(rows, LossOf(half_squares), 6, 0.0005, 6).kept,
            (std::vector<std::uint32_t>{10, 15}));
}

TEST(Zeno, ALossThatBlowsUpComesLast) {
  const TestRows rows{{3e38f, 0}, {-1, -2}, {1, 2}};
  const LossOf loss(
      [](double a, double b) { return a < -1e30 ? std::nan("") : half_squares(a, b); });
  EXPECT_EQ(zeno(rows, loss, 1, 0).kept, (std::vector<std::uint32_t>{11, 12}));
  const LossOf gain([](double a, double b) { return a < -1e30 ? -HUGE_VAL : half_squares(a, b); });
  EXPECT_EQ(zeno(rows, gain, 1, 0).kept, (std::vector<std::uint32_t>{11, 12}));
}

TEST(Zeno, Refuses) {
  EXPECT_EQ(test_rule("kind = \"zeno\"\nvalidation_rows = 9")->needs().validation_rows, 9u);
  EXPECT_EQ(refusal(*test_rule("kind = \"zeno\"\ntrim = 3"), 8, 4),
            "zeno drops trim = 3 rows, which leaves some of f = 4 liars in; set trim >= f");
  EXPECT_EQ(refusal(*test_rule("kind = \"zeno\"\ntrim = 3"), 3, 0),
            "zeno drops trim = 3 rows and 3 arrived; set trim < n");
  const TestRows rows = normal_rows(3, 2, 1);
  std::vector<float> out(2);
  EXPECT_FALSE(test_rule("kind = \"zeno\"")->aggregate(test_round(rows, 0), out).ok());
  const LossOf broken([](double, double) { return std::nan(""); });
  RoundView round = test_round(rows, 0);
  round.validation = &broken;
  EXPECT_EQ(test_rule("kind = \"zeno\"")->aggregate(round, out).error().message,
            "zeno cannot rank rows: the model's own validation loss is nan before any");
}

}  // namespace
}  // namespace shoal

#include "shoal/codec/top_k.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

std::unique_ptr<Codec> made(const TopKSettings& settings) { return shoal::made("top_k", settings); }

TEST(TopK, ExampleOfTheCard) {
  const std::vector<float> row{0.1f, -5, 3, 3, -0.2f, 0, 2};
  const Layout layout = layout_of(7);
  EXPECT_EQ(sent(*made({.k = 3}), layout, row), (std::vector<float>{0, -5, 3, 3, 0, 0, 0}));
  EXPECT_EQ(sent(*made({.k = 2}), layout, row), (std::vector<float>{0, -5, 3, 0, 0, 0, 0}));
  double error = 0, total = 0;
  const std::vector<float> decoded = sent(*made({.k = 3}), layout, row);
  for (std::size_t i = 0; i < 7; ++i) {
    error += std::pow(row[i] - decoded[i], 2);
    total += std::pow(row[i], 2);
  }
  EXPECT_NEAR(error, 4.05, 1e-6);
  EXPECT_NEAR(total, 47.05, 1e-6);
  EXPECT_DOUBLE_EQ(*made({.k = 3})->properties(layout).contraction, 3.0 / 7);
  EXPECT_NEAR((1 - 3.0 / 7) * total, 26.886, 5e-4);
}

TEST(TopK, MessageIsIndicesThenValues) {
  const std::vector<float> row{0.1f, -5, 3, 3, -0.2f, 0, 2};
  ByteWriter out;
  ASSERT_TRUE(made({.k = 3, .index_code = IndexCode::kBitmap})
                  ->encode(row, layout_of(7), codec_draws(1, 0, 0), out)
                  .ok());
  ByteWriter expected;
  expected.number<std::uint8_t>(0x0e);
  for (const float value : {-5.0f, 3.0f, 3.0f}) expected.number(value);
  EXPECT_EQ(out.bytes(), expected.bytes());
}

TEST(TopK, KeptCounts) {
  Layout layout;
  layout.add("weight", {100});
  layout.add("empty", {0});
  layout.add("bias", {3});
  std::vector<float> row(103);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i + 1);
  const auto count = [&](const TopKSettings& settings) {
    const std::vector<float> decoded = sent(*made(settings), layout, row);
    return row.size() - static_cast<std::size_t>(std::count(decoded.begin(), decoded.end(), 0.0f));
  };
  EXPECT_EQ(count({.ratio = 0.29}), 29u + 1);  // at least one of the bias
  EXPECT_EQ(count({.ratio = 0.29, .scope = Scope::kGlobal}), 29u);
  EXPECT_EQ(count({.ratio = 1.0}), 103u);
  EXPECT_EQ(count({.k = 2}), 4u);
  EXPECT_EQ(count({.k = 50, .scope = Scope::kGlobal}), 50u);
  ByteWriter out;
  const Status status = made({.k = 4})->encode(row, layout, codec_draws(1, 0, 0), out);
  EXPECT_EQ(status.error().message,
            "top_k keeps k = 4 entries and tensor 'bias' has 3; set ratio instead, or scope = "
            "\"global\"");
}

TEST(TopK, NeedsExactlyOneOfRatioAndK) {
  for (const TopKSettings& settings : {TopKSettings{}, TopKSettings{.ratio = 0.1, .k = 3}}) {
    Table table = write_settings(settings);
    table.set("kind", "top_k");
    EXPECT_THAT(codecs().make(table, "[codec]").error().message,
                HasSubstr("exactly one of ratio and k"));
  }
}

TEST(TopK, AllZeroAndEmptyRows) {
  const std::vector<float> zeros(50, 0.0f);
  EXPECT_EQ(sent(*made({.ratio = 0.1}), layout_of(50), zeros), zeros);
  EXPECT_TRUE(sent(*made({.ratio = 0.1}), Layout(), {}).empty());
  EXPECT_TRUE(sent(*made({.ratio = 0.1, .scope = Scope::kGlobal}), Layout(), {}).empty());
}

// A short message for a huge row is refused before anything is allocated for its k entries.
TEST(TopK, ShortMessageForAHugeRow) {
  const std::size_t size = 1 << 22;
  const Bytes kilobyte(1024, std::byte{1});
  std::vector<float> row(size);
  EXPECT_THAT(made({.ratio = 0.9})
                  ->decode(kilobyte, layout_of(size), shared_draws(1, 0), row)
                  .error()
                  .message,
              HasSubstr("ends before its"));
}

// Three workers, f_i(x) = <a_i, x>^2 + ||x||^2/4 and Top-1 (Beznosikov et al.): compressing
// gradients without memory multiplies x by 1 + 11g/6 each step (feedback_test.cc repairs it).
struct ThreeWorkers {
  std::vector<float> x{1, 1, 1};

  std::vector<float> gradient(std::size_t worker) const {
    double a[3] = {2, 2, 2};
    a[worker] = -3;
    const double product = a[0] * x[0] + a[1] * x[1] + a[2] * x[2];
    std::vector<float> g(3);
    for (std::size_t c = 0; c < 3; ++c) g[c] = static_cast<float>(2 * product * a[c] + 0.5 * x[c]);
    return g;
  }
  double norm() const { return std::sqrt(x[0] * x[0] + x[1] * x[1] + x[2] * x[2]); }
};

TEST(TopK, DivergesWithoutFeedback) {
  ThreeWorkers run;
  EXPECT_EQ(run.gradient(0), (std::vector<float>{-5.5, 4.5, 4.5}));
  const double step = 0.05;
  const auto codec = made({.k = 1});
  for (int t = 1; t <= 60; ++t) {
    const double before = run.norm();
    std::vector<double> mean(3, 0.0);
    for (std::size_t worker = 0; worker < 3; ++worker) {
      const std::vector<float> message = sent(*codec, layout_of(3), run.gradient(worker));
      for (std::size_t c = 0; c < 3; ++c) mean[c] += message[c] / 3.0;
    }
    for (const double value : mean) EXPECT_NEAR(value, -11.0 / 6 * run.x[0], 1e-5 * before);
    for (std::size_t c = 0; c < 3; ++c) run.x[c] -= static_cast<float>(step * mean[c]);
    EXPECT_NEAR(run.norm() / before, 1 + 11 * step / 6, 1e-5);
  }
}

}  // namespace
}  // namespace shoal

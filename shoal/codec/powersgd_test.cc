#include "shoal/codec/powersgd.h"

#include <Eigen/SVD>
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/base/toml.h"
#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/collective.h"
#include "shoal/codec/low_rank.h"

namespace shoal {
namespace {

Layout one_matrix(std::uint32_t rows, std::uint32_t columns) {
  Layout layout;
  layout.add("m", {rows, columns});
  return layout;
}
std::vector<float> random_row(std::size_t size, std::uint32_t key) {
  RandomStream stream(5, purpose("powersgd test"), 0, key);
  std::vector<float> row(size);
  for (float& value : row) value = static_cast<float>(stream.normal());
  return row;
}
double squared(std::span<const float> row) {
  double sum = 0.0;
  for (const float value : row) sum += static_cast<double>(value) * value;
  return sum;
}
double gap(std::span<const float> a, std::span<const float> b) {
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(a[i]) - b[i]));
  return most;
}

// One step from Q: P^ and then Q' are replaced.
void power_step(const MatrixPart& part, std::span<const float> matrix, std::vector<float>& p,
                std::vector<float>& q) {
  p.resize(part.rows * part.rank);
  left_factor(part, matrix, q, p);
  orthonormalise(part, 1e-8, p);
  right_factor(part, matrix, p, q);
}

TEST(LowRank, RankOneIsExactInOneStep) {
  const std::vector<float> matrix{2, 4, 1, 2, 2, 4};
  std::vector<float> p, q{1, 0}, product(6);
  const MatrixPart part{0, 3, 2, 1};
  power_step(part, matrix, p, q);
  EXPECT_LT(gap(p, std::vector<float>{2.0f / 3, 1.0f / 3, 2.0f / 3}), 1e-6);
  EXPECT_LT(gap(q, std::vector<float>{3, 6}), 1e-6);
  product_of_factors(part, p, q, product);
  EXPECT_LT(gap(product, matrix), 1e-6);
}

TEST(LowRank, WorkedIteration) {
  const std::vector<float> matrix{3, 0, 0, 1};
  const MatrixPart part{0, 2, 2, 1};
  std::vector<float> p, q{1, 1}, product(4);
  const std::vector<std::vector<float>> expected{{2.7f, 0.3f, 0.9f, 0.1f},
                                                 {2.99589f, 0.036986f, 0.110959f, 0.00137f}};
  const std::vector<double> errors{1.8, 1.010959, 1.000135};
  for (std::size_t step = 0; step < 3; ++step) {
    power_step(part, matrix, p, q);
    product_of_factors(part, p, q, product);
    if (step < 2) {
      EXPECT_LT(gap(product, expected[step]), 1e-5) << step;
    }
    std::vector<float> left(4);
    for (std::size_t i = 0; i < 4; ++i) left[i] = matrix[i] - product[i];
    EXPECT_NEAR(squared(left), errors[step], 1e-5);
    EXPECT_NEAR(squared(left) + squared(product), 10.0, 1e-5);  // a projection
  }
}

TEST(LowRank, FactorsAreTheirDefinitions) {
  const MatrixPart part{0, 131, 77, 3};
  const auto matrix = random_row(part.size(), 0);
  const auto q = random_row(77 * 3, 1);
  std::vector<float> p(131 * 3), back(77 * 3);
  left_factor(part, matrix, q, p);
  right_factor(part, matrix, p, back);
  for (std::size_t k = 0; k < 3; ++k) {
    for (std::size_t i = 0; i < 131; ++i) {
      double sum = 0.0;
      for (std::size_t j = 0; j < 77; ++j)
        sum += static_cast<double>(matrix[i * 77 + j]) * q[k * 77 + j];
      EXPECT_NEAR(p[i * 3 + k], sum, 1e-4);
    }
    for (std::size_t j = 0; j < 77; ++j) {
      double sum = 0.0;
      for (std::size_t i = 0; i < 131; ++i)
        sum += static_cast<double>(matrix[i * 77 + j]) * p[i * 3 + k];
      EXPECT_NEAR(back[k * 77 + j], sum, 2e-3);
    }
  }
}

TEST(LowRank, ColumnsAreOrthonormal) {
  const MatrixPart part{0, 200, 50, 4};
  auto p = random_row(200 * 4, 2);
  orthonormalise(part, 1e-8, p);
  for (std::size_t a = 0; a < 4; ++a)
    for (std::size_t b = 0; b <= a; ++b) {
      double dot = 0.0;
      for (std::size_t i = 0; i < 200; ++i) dot += static_cast<double>(p[i * 4 + a]) * p[i * 4 + b];
      EXPECT_NEAR(dot, a == b ? 1.0 : 0.0, 1e-5);
    }
}

TEST(LowRank, DependentColumnsStayHarmless) {
  const MatrixPart part{0, 6, 3, 3};
  std::vector<float> equal, zero(18);
  for (int i = 0; i < 6; ++i) equal.insert(equal.end(), 3, static_cast<float>(i + 1));
  for (auto* p : {&equal, &zero}) {
    orthonormalise(part, 1e-8, *p);
    for (std::size_t k = 0; k < 3; ++k) {
      double square = 0.0;
      for (std::size_t i = 0; i < 6; ++i) {
        ASSERT_TRUE(std::isfinite((*p)[i * 3 + k]));
        square += static_cast<double>((*p)[i * 3 + k]) * (*p)[i * 3 + k];
      }
      EXPECT_LE(square, 1.0 + 1e-5);
    }
  }
}

std::unique_ptr<Codec> power_sgd(const std::string& more) {
  return made(parse_toml("kind = \"powersgd\"\n" + more).value());
}
std::unique_ptr<CollectiveEncoding> encoding_of(const Codec& codec, const Layout& layout) {
  return dynamic_cast<const CollectiveCodec&>(codec).collective(layout);
}

struct Reduced {
  std::vector<float> mean;
  std::vector<std::vector<float>> own;
};
// All workers' rounds, with the sums that an all-reduce would bring.
Reduced reduce(std::vector<std::unique_ptr<CollectiveEncoding>>& workers,
               const std::vector<std::vector<float>>& rows, Step round) {
  for (std::size_t w = 0; w < workers.size(); ++w)
    workers[w]->begin(rows[w], shared_draws(1, round));
  for (std::size_t turn = 0; turn < workers[0]->rounds(); ++turn) {
    std::vector<float> sum(workers[0]->values(turn).size());
    for (auto& worker : workers)
      for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += worker->values(turn)[i];
    for (auto& worker : workers) {
      std::copy(sum.begin(), sum.end(), worker->values(turn).begin());
      EXPECT_TRUE(worker->summed(turn, workers.size()).ok());
    }
  }
  Reduced reduced;
  for (std::size_t w = 0; w < workers.size(); ++w) {
    std::vector<float> mean(rows[w].size()), own(rows[w].size());
    workers[w]->finish(mean, own);
    if (w == 0) reduced.mean = mean;
    EXPECT_EQ(mean, reduced.mean);
    reduced.own.push_back(own);
  }
  return reduced;
}

Layout mixed_layout() {
  Layout layout;
  layout.add("a", {20, 30});
  layout.add("bias", {20});
  layout.add("kernel", {8, 4, 3, 3});
  return layout;
}

// W workers are one worker with the mean of their rows, row after row.
TEST(PowerSgd, IsLinearInTheRows) {
  const Layout layout = mixed_layout();
  const auto codec = power_sgd("rank = 2\n");
  std::vector<std::unique_ptr<CollectiveEncoding>> four, one;
  for (int w = 0; w < 4; ++w) four.push_back(encoding_of(*codec, layout));
  one.push_back(encoding_of(*codec, layout));
  for (Step round = 0; round < 5; ++round) {
    std::vector<std::vector<float>> rows;
    std::vector<float> mean(layout.size());
    for (std::uint32_t w = 0; w < 4; ++w) {
      rows.push_back(random_row(layout.size(), 10 * round + w));
      for (std::size_t i = 0; i < mean.size(); ++i) mean[i] += rows.back()[i] / 4;
    }
    const Reduced together = reduce(four, rows, round);
    const Reduced alone = reduce(one, {mean}, round);
    EXPECT_LT(gap(together.mean, alone.mean), 2e-4) << round;
    for (std::size_t i = 600; i < 620; ++i) EXPECT_NEAR(together.mean[i], mean[i], 1e-6);
  }
}

// Errors differ by the form, their mean does not.
TEST(PowerSgd, BothErrorFormsLoseTheSameOnAverage) {
  const Layout layout = mixed_layout();
  for (const char* form : {"error_form = \"aggregate\"\n", "error_form = \"local\"\n"}) {
    const auto codec = power_sgd(form);
    std::vector<std::unique_ptr<CollectiveEncoding>> workers;
    std::vector<std::vector<float>> rows;
    for (std::uint32_t w = 0; w < 3; ++w) {
      workers.push_back(encoding_of(*codec, layout));
      rows.push_back(random_row(layout.size(), w));
    }
    const Reduced reduced = reduce(workers, rows, 0);
    for (std::size_t i = 0; i < layout.size(); ++i) {
      double own = 0.0;
      for (const auto& share : reduced.own) own += share[i] / 3.0;
      EXPECT_NEAR(own, reduced.mean[i], 1e-5) << form << i;
    }
  }
}

// Row after row of one matrix, the factors come to those of its singular values.
TEST(PowerSgd, WarmStartFindsTheBestRank) {
  const Layout layout = one_matrix(12, 16);
  auto row = random_row(layout.size(), 3);
  using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const RowMajor> matrix(row.data(), 12, 16);
  const auto values = Eigen::JacobiSVD<Eigen::MatrixXd>(matrix.cast<double>()).singularValues();
  const double best = squared(row) - values[0] * values[0] - values[1] * values[1];
  const auto lost_after = [&](const std::string& more) {
    const auto codec = power_sgd(more);
    std::vector<std::unique_ptr<CollectiveEncoding>> one;
    one.push_back(encoding_of(*codec, layout));
    double lost = 0.0;
    for (Step round = 0; round < 200; ++round) {
      const Reduced reduced = reduce(one, {row}, round);
      std::vector<float> left(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) left[i] = row[i] - reduced.mean[i];
      lost = squared(left);
    }
    return lost;
  };
  EXPECT_NEAR(lost_after("rank = 2\n"), best, 1e-3 * best);
  EXPECT_GT(lost_after("rank = 2\nwarm_start = false\n"), 1.01 * best);
}

TEST(PowerSgd, ARankThatSavesNothingIsSentAsItIs) {
  const Layout layout = one_matrix(4, 6);
  const auto rank_of = [&](std::size_t rank, double min_compression) {
    std::vector<MatrixPart> parts;
    find_matrix_parts(layout, rank, min_compression, parts);
    return parts[0].rank;
  };
  EXPECT_EQ(rank_of(4, 1.0), 0u);
  EXPECT_EQ(rank_of(2, 1.0), 2u);
  EXPECT_EQ(rank_of(2, 1.5), 0u);
  const auto codec = power_sgd("rank = 4\n");
  std::vector<std::unique_ptr<CollectiveEncoding>> one;
  one.push_back(encoding_of(*codec, layout));
  const auto row = random_row(24, 9);
  EXPECT_EQ(reduce(one, {row}, 0).mean, row);
}

// The card's bytes of one direction: 8,952 for 784-128-10, 11,512 for 784-256-10 at rank 2.
TEST(PowerSgd, SizesOfAPerceptron) {
  for (const auto& [hidden, bytes] :
       {std::pair<std::uint32_t, std::size_t>{128, 8952}, {256, 11512}}) {
    Layout layout;
    layout.add("fc1.weight", {hidden, 784});
    layout.add("fc1.bias", {hidden});
    layout.add("fc2.weight", {10, hidden});
    layout.add("fc2.bias", {10});
    ByteWriter out;
    const auto row = random_row(layout.size(), 4);
    ASSERT_TRUE(power_sgd("rank = 2\n")->encode(row, layout, codec_draws(1, 0, 0), out).ok());
    EXPECT_EQ(out.size(), bytes);
  }
}

TEST(PowerSgd, BeginsWithRowsAsTheyAre) {
  const Layout layout = one_matrix(12, 16);
  const auto codec = power_sgd("rank = 2\nstart_step = 2\n");
  std::vector<std::unique_ptr<CollectiveEncoding>> two;
  for (int w = 0; w < 2; ++w) two.push_back(encoding_of(*codec, layout));
  for (Step round = 0; round < 4; ++round) {
    const std::vector<std::vector<float>> rows{random_row(layout.size(), 2 * round),
                                               random_row(layout.size(), 2 * round + 1)};
    const Reduced reduced = reduce(two, rows, round);
    double most = 0.0;
    for (std::size_t i = 0; i < layout.size(); ++i)
      most = std::max(most, std::abs((rows[0][i] + rows[1][i]) / 2.0 - reduced.mean[i]));
    if (round < 2) {
      EXPECT_LT(most, 1e-6) << round;
      EXPECT_EQ(reduced.own, rows);
    } else {
      EXPECT_GT(most, 0.1) << round;
    }
  }
}

TEST(PowerSgd, TakesOverCommonColumns) {
  const Layout layout = one_matrix(30, 40);
  const auto row = random_row(layout.size(), 6);
  const auto two = power_sgd("rank = 2\n");
  const auto one = power_sgd("rank = 1\n");
  std::vector<std::unique_ptr<CollectiveEncoding>> before, after, fresh;
  before.push_back(encoding_of(*two, layout));
  for (Step round = 0; round < 100; ++round) reduce(before, {row}, round);
  after.push_back(encoding_of(*one, layout));
  fresh.push_back(encoding_of(*one, layout));
  after[0]->take_over(*before[0]);
  const auto lost = [&](const std::vector<float>& mean) {
    std::vector<float> left(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) left[i] = row[i] - mean[i];
    return squared(left);
  };
  EXPECT_LT(lost(reduce(after, {row}, 100).mean), lost(reduce(fresh, {row}, 100).mean) - 1.0);
}

}  // namespace
}  // namespace shoal

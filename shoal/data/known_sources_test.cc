// The data sets that Debian carries, against figures of their own descriptions. Skipped, and said
// so, where the files are not on the machine.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <gtest/gtest.h>

#include "shoal/data/file_source.h"
#include "shoal/data/source.h"

namespace shoal {
namespace {

Result<TaskData> load(const char* kind, std::vector<std::pair<const char*, Value>> settings = {},
                      std::uint64_t seed = 1) {
  Table table;
  table.set("kind", kind);
  for (const auto& [name, value] : settings) table.set(name, value);
  SHOAL_TRY(const auto source, data_sources().make(table, "[data]"));
  return source->load(seed);
}

std::vector<std::size_t> label_counts(const Dataset& data) {
  std::vector<std::size_t> counts(data.classes, 0);
  for (const std::int32_t label : data.labels) ++counts[static_cast<std::size_t>(label)];
  return counts;
}

bool have(const char* file) {
  return std::filesystem::exists(std::filesystem::path(data_folder("")) / file);
}

TEST(FashionMnist, IsComplete) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  const auto task = load("fashion_mnist");
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->rows, 60000u);
  EXPECT_EQ(task->test->rows, 10000u);
  EXPECT_EQ(task->train->shape, (std::vector<std::uint32_t>{1, 28, 28}));
  EXPECT_EQ(label_counts(*task->train), std::vector<std::size_t>(10, 6000));
  EXPECT_EQ(label_counts(*task->test), std::vector<std::size_t>(10, 1000));
  // The mean and deviation of its training pixels that tutorials print: 0.2860, 0.3530.
  double mean = 0.0;
  double square = 0.0;
  for (const float x : task->train->x) {
    mean += x;
    square += static_cast<double>(x) * x;
  }
  mean /= static_cast<double>(task->train->x.size());
  square /= static_cast<double>(task->train->x.size());
  EXPECT_NEAR(mean, 0.2860, 5e-5);
  EXPECT_NEAR(std::sqrt(square - mean * mean), 0.3530, 5e-5);
  const auto front = load("fashion_mnist", {{"train_rows", 100}, {"test_rows", 7}}).value();
  EXPECT_EQ(front.train->rows, 100u);
  EXPECT_EQ(front.test->rows, 7u);
  EXPECT_EQ(front.train->classes, 10u);
  EXPECT_TRUE(std::equal(front.train->x.begin(), front.train->x.end(), task->train->x.begin()));
}

TEST(FashionMnist, SaysWhichPackageBringsIt) {
  const auto task = load("fashion_mnist", {{"folder", "/nowhere"}});
  ASSERT_FALSE(task.ok());
  EXPECT_EQ(task.error().code, ErrorCode::kNotFound);
  EXPECT_NE(task.error().message.find("dataset-fashion-mnist"), std::string::npos);
  EXPECT_NE(task.error().message.find("/nowhere"), std::string::npos);
}

TEST(Digits, IsComplete) {
  if (!have("digits.csv.gz")) GTEST_SKIP() << "run `make data` to bring digits.csv.gz";
  const auto task = load("digits");
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->rows + task->test->rows, 1797u);
  EXPECT_EQ(task->train->shape, (std::vector<std::uint32_t>{1, 8, 8}));
  auto counts = label_counts(*task->train);
  const auto test = label_counts(*task->test);
  for (std::size_t c = 0; c < 10; ++c) {
    counts[c] += test[c];
    EXPECT_NEAR(static_cast<double>(test[c]), 0.2 * static_cast<double>(counts[c]), 0.5);
  }
  EXPECT_EQ(counts, (std::vector<std::size_t>{178, 182, 177, 183, 181, 182, 181, 179, 174, 180}));
  EXPECT_EQ(*std::max_element(task->train->x.begin(), task->train->x.end()), 1.0f);
  EXPECT_EQ(*std::min_element(task->train->x.begin(), task->train->x.end()), 0.0f);
}

TEST(Digits, HoldsTheSameRowsOutForEveryRunSeed) {
  if (!have("digits.csv.gz")) GTEST_SKIP() << "run `make data` to bring digits.csv.gz";
  EXPECT_EQ(load("digits", {}, 1)->test->x, load("digits", {}, 2)->test->x);
  EXPECT_NE(load("digits", {{"split_seed", 1}})->test->x,
            load("digits", {{"split_seed", 2}})->test->x);
}

TEST(BreastCancer, IsCompleteAndStandardised) {
  if (!have("breast_cancer.csv")) GTEST_SKIP() << "run `make data` to bring breast_cancer.csv";
  const auto task = load("breast_cancer");
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->rows + task->test->rows, 569u);
  EXPECT_EQ(task->train->features, 30u);
  auto counts = label_counts(*task->train);
  for (std::size_t c = 0; c < 2; ++c) counts[c] += label_counts(*task->test)[c];
  EXPECT_EQ(counts, (std::vector<std::size_t>{212, 357}));
  for (std::size_t j = 0; j < 30; ++j) {
    double mean = 0.0;
    double square = 0.0;
    for (std::size_t row = 0; row < task->train->rows; ++row) {
      mean += task->train->row(row)[j];
      square += std::pow(task->train->row(row)[j], 2);
    }
    EXPECT_NEAR(mean / static_cast<double>(task->train->rows), 0.0, 1e-6);
    EXPECT_NEAR(square / static_cast<double>(task->train->rows), 1.0, 1e-5);
  }
}

TEST(SmallSets, SayHowToBringThem) {
  for (const char* kind : {"digits", "breast_cancer"}) {
    const auto task = load(kind, {{"folder", "/nowhere"}});
    ASSERT_FALSE(task.ok());
    EXPECT_NE(task.error().message.find("make data"), std::string::npos);
  }
}

}  // namespace
}  // namespace shoal

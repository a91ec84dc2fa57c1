#include <gtest/gtest.h>

#include "shoal/data/idx_reader.h"
#include "shoal/data/npy_reader.h"
#include "shoal/data/source.h"
#include "shoal/data/test_files.h"

namespace shoal {
namespace {

Result<TaskData> load(const char* kind, std::vector<std::pair<const char*, Value>> settings) {
  Table table;
  table.set("kind", kind);
  for (const auto& [name, value] : settings) table.set(name, value);
  SHOAL_TRY(const auto source, data_sources().make(table, "[data]"));
  return source->load(1);
}

std::string csv(const std::string& name, const std::string& text) {
  return write_test_file(name, as_bytes(text));
}

const char* kTable = "a,y,b\n1,7,10\n2,3,20\n3,7,30\n4,3,40\n5,7,50\n6,3,60\n";

TEST(CsvSource, LearnsANamedColumnAndNumbersItsClasses) {
  const std::string train = csv("train.csv", kTable);
  const std::string test = csv("test.csv", "a,y,b\n9,3,90\n");
  const auto task = load("csv", {{"train", train}, {"test", test}, {"label", "y"}});
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->classes, 2u);
  EXPECT_EQ(task->train->labels, (std::vector<std::int32_t>{1, 0, 1, 0, 1, 0}));
  EXPECT_EQ(task->train->features, 2u);
  EXPECT_EQ(task->test->x, (std::vector<float>{9, 90}));
  EXPECT_EQ(task->test->labels, (std::vector<std::int32_t>{0}));
}

TEST(CsvSource, HoldsRowsOutAndStandardises) {
  const std::string train = csv("train.csv", kTable);
  const auto task = load(
      "csv", {{"train", train}, {"label", "y"}, {"test_fraction", 0.33}, {"standardise", true}});
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->rows, 4u);
  EXPECT_EQ(task->test->rows, 2u);
  float sum = 0.0f;
  for (std::size_t row = 0; row < 4; ++row) sum += task->train->row(row)[0];
  EXPECT_NEAR(sum, 0.0f, 1e-6f);
}

TEST(CsvSource, LearnsRealTargets) {
  const auto task =
      load("csv", {{"train", csv("train.csv", kTable)}, {"target", "real"}, {"label", "last"}});
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->classes, 0u);
  EXPECT_EQ(task->train->targets.size(), task->train->rows);
}

TEST(CsvSource, RefusesWhatItCannotLearn) {
  const std::string train = csv("train.csv", kTable);
  EXPECT_FALSE(load("csv", {}).ok());
  EXPECT_FALSE(load("csv", {{"train", train}, {"label", "z"}}).ok());
  EXPECT_FALSE(
      load("csv", {{"train", train}, {"test", csv("t.csv", "a,y,b\n1,8,1\n")}, {"label", "y"}})
          .ok());
  EXPECT_FALSE(
      load("csv", {{"train", train}, {"test", csv("t.csv", "a,y\n1,7\n")}, {"label", "y"}}).ok());
  EXPECT_FALSE(load("csv", {{"train", csv("h.csv", "a,y\n1,0.5\n2,1\n")}}).ok());
  EXPECT_FALSE(load("csv", {{"train", csv("o.csv", "a,y\n1,1\n2,1\n")}}).ok());
  EXPECT_EQ(load("csv", {{"train", "/nowhere.csv"}}).error().code, ErrorCode::kNotFound);
}

TEST(ArraySources, ReadPairsOfFiles) {
  const TypedArray x{
      ElementType::kU8, {2, 1, 2}, {std::byte{0}, std::byte{51}, std::byte{102}, std::byte{255}}};
  const TypedArray y{ElementType::kU8, {2}, {std::byte{4}, std::byte{2}}};
  const std::string x_idx = write_test_file("x.idx", idx_bytes(x).value());
  const std::string y_idx = write_test_file("y.idx.gz", gzipped(idx_bytes(y).value()));
  const std::string x_npy = write_test_file("x.npy", npy_bytes(x).value());
  const std::string y_npy = write_test_file("y.npy", npy_bytes(y).value());
  const auto idx = load("idx", {{"train_features", x_idx},
                                {"train_labels", y_idx},
                                {"test_features", x_idx},
                                {"test_labels", y_idx}});
  ASSERT_TRUE(idx.ok()) << idx.error().message;
  EXPECT_EQ(idx->train->x, (std::vector<float>{0.0f, 0.2f, 0.4f, 1.0f}));
  EXPECT_EQ(idx->train->labels, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(idx->train->shape, (std::vector<std::uint32_t>{1, 2}));
  const auto npy = load("npy", {{"train_features", x_npy},
                                {"train_labels", y_npy},
                                {"test_features", x_npy},
                                {"test_labels", y_npy}});
  ASSERT_TRUE(npy.ok()) << npy.error().message;
  EXPECT_EQ(npy->train->x, (std::vector<float>{0, 51, 102, 255}));
  EXPECT_FALSE(load("npy", {{"train_features", x_npy}, {"train_labels", x_npy}}).ok());
  EXPECT_FALSE(load("npy", {{"train_features", x_npy}}).ok());
  EXPECT_FALSE(load("npy", {{"train_features", y_npy}, {"train_labels", y_npy}}).ok());
  EXPECT_FALSE(
      load("idx", {{"train_features", x_idx}, {"train_labels", y_idx}, {"test_labels", y_idx}})
          .ok());
}

TEST(LibsvmSource, MakesDenseRowsOfCommonWidth) {
  const std::string train = csv("train.svm", "+1 1:1\n-1 2:2\n");
  const std::string test = csv("test.svm", "-1 3:3\n");
  const auto task = load("libsvm", {{"train", train}, {"test", test}});
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->train->features, 3u);
  EXPECT_EQ(task->train->labels, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(task->test->x, (std::vector<float>{0, 0, 3}));
  EXPECT_EQ(load("libsvm", {{"train", train}, {"features", 5}, {"test", test}})->train->features,
            5u);
  EXPECT_FALSE(load("libsvm", {{"train", train}, {"features", 2}, {"test", test}}).ok());
}

TEST(LeafSource, HoldsOutRowsOrUsers) {
  std::string users;
  std::string counts;
  std::string rows;
  for (int u = 0; u < 10; ++u) {
    const char* comma = u > 0 ? "," : "";
    users += fmt::format("{}\"u{}\"", comma, u);
    counts += fmt::format("{}2", comma);
    rows += fmt::format(R"({}"u{}":{{"x":[[{}],[1]],"y":[0,1]}})", comma, u, u);
  }
  const std::string path =
      csv("all.json", fmt::format(R"({{"users":[{}],"num_samples":[{}],"user_data":{{{}}}}})",
                                  users, counts, rows));
  const auto by_row = load("leaf", {{"train", path}});
  ASSERT_TRUE(by_row.ok()) << by_row.error().message;
  EXPECT_EQ(by_row->test->rows, 10u);
  const auto by_user = load("leaf", {{"train", path}, {"hold_out", "users"}}).value();
  EXPECT_EQ(by_user.test->rows, 2u);
  EXPECT_EQ(by_user.test->users[0], by_user.test->users[1]);
}

}  // namespace
}  // namespace shoal

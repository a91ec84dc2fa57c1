#include "shoal/data/libsvm_reader.h"

#include <gtest/gtest.h>

#include "shoal/data/test_files.h"

namespace shoal {
namespace {

TEST(LibsvmReader, ReadsSparseRows) {
  const auto table = parse_libsvm("# header\n+1 1:0.5 3:-2 # note\n\n-1\n2 2:1e1\t4:4\r\n");
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->rows, 3u);
  EXPECT_EQ(table->features, 4u);
  EXPECT_EQ(table->labels, (std::vector<float>{1, -1, 2}));
  EXPECT_EQ(table->dense(4).value(), (std::vector<float>{0.5f, 0, -2, 0, 0, 0, 0, 0, 0, 10, 0, 4}));
  EXPECT_EQ(table->dense(5).value().size(), 15u);
  EXPECT_FALSE(table->dense(3).ok());
}

TEST(LibsvmReader, RefusesDenseTablesBeyondTheLimit) {
  const auto table = parse_libsvm("1 2147483647:1\n1 1:1\n");
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->dense(table->features).error().code, ErrorCode::kLimit);
}

TEST(LibsvmReader, SaysLineAndPlace) {
  const auto table = parse_libsvm("1 1:1\n1 2:1 2:1\n");
  ASSERT_FALSE(table.ok());
  EXPECT_NE(table.error().message.find("line 2, word 3: '2:1'"), std::string::npos);
}

TEST(LibsvmReader, RefusesMalformedRows) {
  for (const char* text : {"",
                           "\n",
                           "x\n",
                           "1 0:1\n",
                           "1 -1:1\n",
                           "1 1.5:1\n",
                           "1 2:1 1:1\n",
                           "1 1:1 1:2\n",
                           "1 1:\n",
                           "1 :1\n",
                           "1 1\n",
                           "1 1:x\n",
                           "1 1:nan\n",
                           "1 1:inf\n",
                           "nan 1:1\n",
                           "1 2147483648:1\n",
                           "1 4294967296:1\n",
                           "1 9223372036854775808:1\n",
                           "1 1:1:1\n",
                           "1,2 1:1\n",
                           "1 qid:3 1:1\n"})
    EXPECT_FALSE(parse_libsvm(text).ok()) << text;
}

TEST(LibsvmReader, SurvivesEveryTruncationAndFlip) {
  const Bytes whole = bytes_of("1 1:0.5 3:2\n0 2:1 4:-4\n");
  std::size_t refused = 0;
  const auto check = [&](const Bytes& bytes, std::size_t) {
    const auto table = parse_libsvm(as_text(bytes));
    if (!table.ok()) {
      ++refused;
      return;
    }
    EXPECT_EQ(table->begin.size(), table->rows + 1);
    EXPECT_EQ(table->begin.back(), table->value.size());
  };
  for_each_truncation(whole, check);
  EXPECT_GE(refused, 9u);
  for_each_flip(whole, whole.size(), check);
}

TEST(LibsvmReader, ReadsFiles) {
  const std::string path = write_test_file("a.libsvm.gz", gzipped(bytes_of("1 1:2\n")));
  EXPECT_EQ(read_libsvm(path).value().value, std::vector<float>{2});
  EXPECT_EQ(read_libsvm(path + ".none").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace shoal

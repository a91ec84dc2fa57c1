#include "shoal/data/csv_reader.h"

#include <gtest/gtest.h>

#include "shoal/data/test_files.h"

namespace shoal {
namespace {

const CsvFormat kNamed{};
const CsvFormat kNumbers{.separator = ',', .first_line = CsvFirstLine::kNone};
const CsvFormat kCounted{.separator = ',', .first_line = CsvFirstLine::kCounts};

std::string message_of(std::string_view text, const CsvFormat& format) {
  const auto table = parse_csv(text, format);
  return table.ok() ? "" : table.error().message;
}

TEST(CsvReader, ReadsNamesAndNumbers) {
  const auto table = parse_csv("a, \"b c\",label\r\n1,-2.5,0\n 3e2 ,+.5,1", kNamed);
  ASSERT_TRUE(table.ok()) << table.error().message;
  EXPECT_EQ(table->names, (std::vector<std::string>{"a", "b c", "label"}));
  EXPECT_EQ(table->rows, 2u);
  EXPECT_EQ(table->values, (std::vector<float>{1, -2.5f, 0, 300, 0.5f, 1}));
  EXPECT_EQ(table->column("b c").value(), 1u);
  EXPECT_EQ(table->column("last").value(), 2u);
  const auto unknown = table->column("labels");
  ASSERT_FALSE(unknown.ok());
  EXPECT_NE(unknown.error().message.find("label"), std::string::npos);
}

TEST(CsvReader, ReadsTabsAndFilesWithoutNames) {
  const auto table = parse_csv("1\t2\n3\t4\n", {'\t', CsvFirstLine::kNone});
  ASSERT_TRUE(table.ok());
  EXPECT_EQ(table->values, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(table->column("0").value(), 0u);
  EXPECT_FALSE(table->column("2").ok());
  EXPECT_FALSE(table->column("a").ok());
}

TEST(CsvReader, ChecksTheCountsOfItsFirstLine) {
  EXPECT_EQ(parse_csv("2,1,no,yes\n1,0\n2,1\n", kCounted).value().rows, 2u);
  EXPECT_FALSE(parse_csv("3,1,no,yes\n1,0\n2,1\n", kCounted).ok());
  EXPECT_FALSE(parse_csv("2,2,no,yes\n1,0\n2,1\n", kCounted).ok());
  EXPECT_FALSE(parse_csv("-2,1,no,yes\n1,0\n2,1\n", kCounted).ok());
  EXPECT_FALSE(parse_csv("18446744073709551618,1\n1,0\n2,1\n", kCounted).ok());
}

TEST(CsvReader, SaysLineAndColumn) {
  EXPECT_NE(message_of("a,b\n1,2\n3,x\n", kNamed).find("line 3, column 2: 'x'"), std::string::npos);
  EXPECT_NE(message_of("1,2\n3\n", kNumbers).find("line 2: 1 fields where 2"), std::string::npos);
  EXPECT_NE(message_of("1,2\n3,4,5\n", kNumbers).find("line 2: more than 2"), std::string::npos);
}

TEST(CsvReader, RefusesWhatIsNoNumber) {
  for (const char* text :
       {"", "\n", "1,\n", ",1\n", "1,2\n\n3,4\n", "nan,1\n", "inf,1\n", "1e999,1\n", "0x10,1\n",
        "1 2,3\n", "\"1\",2\n", "+-1,2\n", "1;2,3\n", "1,2\n3,4\r\r\n"})
    EXPECT_FALSE(parse_csv(text, kNumbers).ok()) << text;
  EXPECT_FALSE(parse_csv("a,a\n1,2\n", kNamed).ok());
  EXPECT_FALSE(parse_csv("a,\n1,2\n", kNamed).ok());
  EXPECT_FALSE(parse_csv("a,b\n", kNamed).ok());
  EXPECT_FALSE(parse_csv(std::string_view("1,2\0\n", 5), kNumbers).ok());
}

TEST(CsvReader, SurvivesEveryTruncationAndFlip) {
  const Bytes whole = bytes_of("2,2,a,b\n1.5,-2,0\n3e1,4,1\n");
  std::size_t read = 0;
  for_each_truncation(whole, [&](const Bytes& part, std::size_t) {
    const auto table = parse_csv(as_text(part), kCounted);
    if (table.ok()) {
      ++read;
      EXPECT_EQ(table->values.size(), 6u);
    }
  });
  EXPECT_EQ(read, 1u);  // only the missing last newline
  for_each_flip(whole, whole.size(), [&](const Bytes& flipped, std::size_t) {
    const auto table = parse_csv(as_text(flipped), kCounted);
    if (table.ok()) {
      EXPECT_EQ(table->values.size(), table->rows * table->columns);
    }
  });
}

TEST(CsvReader, UnfoldsGzippedFiles) {
  const Bytes packed = gzipped(bytes_of("1,2\n3,4\n"));
  const std::string path = write_test_file("table.csv.gz", packed);
  EXPECT_EQ(read_csv(path, kNumbers).value().values, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(read_csv(path, kNumbers, 4).error().code, ErrorCode::kLimit);
  for_each_truncation(packed, [&](const Bytes& part, std::size_t length) {
    EXPECT_FALSE(read_csv(write_test_file("cut.csv.gz", part), kNumbers).ok()) << length;
  });
}

}  // namespace
}  // namespace shoal

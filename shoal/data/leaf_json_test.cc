#include "shoal/data/leaf_json.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>

#include "shoal/base/random.h"
#include "shoal/data/test_files.h"

namespace shoal {
namespace {

const char* kSmall =
    R"({"users":["b","a"],"num_samples":[2,1],"user_data":{"a":{"x":[[5,6.5]],"y":[2]},)"
    R"("b":{"y":[0,1],"x":[[1,2],[3,4e-1]]}}})";

TEST(LeafJson, ReadsUsersInTheirOrder) {
  const auto leaf = parse_leaf(kSmall);
  ASSERT_TRUE(leaf.ok()) << leaf.error().message;
  EXPECT_EQ(leaf->users, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(leaf->data.rows, 3u);
  EXPECT_EQ(leaf->data.features, 2u);
  EXPECT_EQ(leaf->data.classes, 3u);
  EXPECT_EQ(leaf->data.x, (std::vector<float>{1, 2, 3, 0.4f, 5, 6.5f}));
  EXPECT_EQ(leaf->data.labels, (std::vector<std::int32_t>{0, 1, 2}));
  EXPECT_EQ(leaf->data.users, (std::vector<std::uint32_t>{0, 0, 1}));
}

TEST(LeafJson, RoundTripsEveryBit) {
  RandomStream stream(7, purpose("leaf test"));
  LeafData leaf;
  leaf.users = {"plain", "quote \" and \\ and \xc3\xa9", ""};
  leaf.hierarchies = {"h", "h", "i"};
  leaf.data.features = 4;
  leaf.data.classes = 5;
  for (std::uint32_t user = 0; user < 3; ++user)
    for (int i = 0; i < 200; ++i) {
      for (int j = 0; j < 4; ++j) {
        float value;
        do {
          const std::uint32_t bits = stream.bits32();
          std::memcpy(&value, &bits, sizeof value);
        } while (!std::isfinite(value));
        leaf.data.x.push_back(value);
      }
      leaf.data.labels.push_back(static_cast<std::int32_t>(stream.below(5)));
      leaf.data.users.push_back(user);
      ++leaf.data.rows;
    }
  leaf.data.x[0] = -0.0f;
  leaf.data.x[1] = std::numeric_limits<float>::denorm_min();
  leaf.data.x[2] = std::numeric_limits<float>::max();
  const std::string path = write_test_file("round.json", {});
  ASSERT_TRUE(write_leaf(path, leaf).ok());
  const auto again = read_leaf(path, 5);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(*again == leaf);
  EXPECT_EQ(std::memcmp(again->data.x.data(), leaf.data.x.data(), 4 * leaf.data.x.size()), 0);
  EXPECT_EQ(leaf_text(*again), leaf_text(leaf));
  EXPECT_EQ(leaf_text(leaf).find("{\"users\":["), 0u);
}

TEST(LeafJson, RefusesWhatDoesNotAddUp) {
  const char* const files[] = {
      "",
      "[]",
      "{}",
      "1",
      R"({"users":[]})",
      R"({"users":["a"],"num_samples":[2],"user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[-1],"user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[18446744073709551617],)"
      R"("user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1.5],"user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1,1],"user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"b":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]],"y":[0,1]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]]}}})",
      R"({"users":["a"],"num_samples":[2],"user_data":{"a":{"x":[[1],[1,2]],"y":[0,1]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1e999]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1e39]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[NaN]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[null]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[["1"]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[[1]]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]],"y":[-1]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]],"y":[0.5]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]],"y":[4294967296]}}})",
      R"({"users":["a","a"],"num_samples":[1,1],"user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],)"
      R"("user_data":{"a":{"x":[[1]],"y":[0]},"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]],"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"users":["a"],"num_samples":[1],"user_data":{"a":{"x":[[1]],"y":[0]}}})",
      R"({"users":["a"],"num_samples":[1],)"
      R"("user_data":{"a":{"x":[[1]],"y":[0]}},"hierarchies":["h","h"]})",
      R"({"users":["a"],"num_samples":[1],"user_data":[{"x":[[1]],"y":[0]}]})",
      R"({"users":{"a":1},"num_samples":[1],"user_data":{"a":{"x":[[1]],"y":[0]}}})"};
  for (const char* file : files) EXPECT_FALSE(parse_leaf(file).ok()) << file;
  EXPECT_FALSE(parse_leaf(kSmall, 2).ok());
  EXPECT_TRUE(parse_leaf(kSmall, 3).ok());
}

TEST(LeafJson, SkipsKeysItDoesNotKnowToALimitedDepth) {
  const std::string tail = R"("users":["a"],"num_samples":[1],)"
                           R"("user_data":{"a":{"x":[[1]],"raw":[{"k":["t",null]}],"y":[0]}}})";
  EXPECT_TRUE(parse_leaf("{\"meta\":{\"a\":[1,\"b\",true,{}]}," + tail).ok());
  EXPECT_FALSE(
      parse_leaf("{\"meta\":" + std::string(100, '[') + std::string(100, ']') + "," + tail).ok());
  EXPECT_FALSE(parse_leaf(std::string(1000000, '[')).ok());
}

TEST(LeafJson, RefusesEveryTruncationAndSurvivesEveryFlip) {
  const Bytes whole = bytes_of(kSmall);
  for_each_truncation(whole, [](const Bytes& part, std::size_t length) {
    EXPECT_FALSE(parse_leaf(as_text(part)).ok()) << length;
  });
  for_each_flip(whole, whole.size(), [](const Bytes& flipped, std::size_t) {
    const auto leaf = parse_leaf(as_text(flipped));
    if (leaf.ok()) {
      EXPECT_EQ(leaf->data.rows, 3u);
    }
  });
}

TEST(LeafJson, NumbersTheUsersOfAPairAlike) {
  const std::string train = write_test_file("train.json", as_bytes(kSmall));
  const std::string test = write_test_file(
      "test.json",
      as_bytes(R"({"users":["a","c"],"num_samples":[1,1],)"
               R"("user_data":{"a":{"x":[[0,0]],"y":[4]},"c":{"x":[[1,1]],"y":[0]}}})"));
  const auto task = read_leaf_pair(train, test);
  ASSERT_TRUE(task.ok()) << task.error().message;
  EXPECT_EQ(task->test->users, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_EQ(task->train->classes, 5u);
  EXPECT_EQ(task->test->classes, 5u);
}

}  // namespace
}  // namespace shoal

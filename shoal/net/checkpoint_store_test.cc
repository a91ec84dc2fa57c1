#include "shoal/net/checkpoint_store.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "shoal/net/faulty_disk.h"
#include "shoal/net/malformed_files.h"

namespace shoal {
namespace {

constexpr const char* kRun = "run-1";
constexpr const char* kFolder = "node";

Bytes bytes_of(std::string_view text) {
  const ByteView view = as_bytes(text);
  return Bytes(view.begin(), view.end());
}

class CheckpointStoreTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(store.prepare().ok()); }
  void save(std::uint64_t number, std::string_view state) {
    ASSERT_TRUE(store.save(number, as_bytes(state)).ok());
  }
  static std::string path(const std::string& number) {
    return std::string(kFolder) + "/checkpoint-" + number;
  }

  FaultyDisk disk{1};
  CheckpointStore store{disk, kFolder, kRun};
};

TEST_F(CheckpointStoreTest, TheNewestComesBackAndTwoAreKept) {
  const auto none = store.load_newest();
  ASSERT_TRUE(none.ok());
  EXPECT_FALSE(none->checkpoint.has_value());
  std::uint64_t number = 7;
  for (const auto* state : {"one", "two", "", "four"}) {
    save(number, state);
    ASSERT_TRUE(store.prune(number++).ok());
  }
  EXPECT_EQ(*store.numbers(), (std::vector<std::uint64_t>{9, 10}));
  const auto found = store.load_newest();
  ASSERT_TRUE(found.ok() && found->checkpoint);
  EXPECT_EQ(found->checkpoint->number, 10u);
  EXPECT_EQ(found->checkpoint->state, bytes_of("four"));
  EXPECT_TRUE(found->skipped.empty());
  EXPECT_TRUE(store.load(9)->state.empty());
  disk.restart();
  EXPECT_EQ(store.load_newest()->checkpoint->state, bytes_of("four"));
}

TEST_F(CheckpointStoreTest, TheFormatIsAsWritten) {
  save(3, "state");
  ByteWriter file;
  file.raw(as_bytes("state"));
  file.number<std::uint64_t>(5);
  file.number<std::uint64_t>(3);
  file.raw(sha256(as_bytes(kRun)));
  const Digest digest = sha256(file.bytes());
  file.raw(digest);
  file.raw(as_bytes("shoalchk"));
  file.number<std::uint64_t>(1);
  EXPECT_EQ(disk.content(path("0000000003")), file.bytes());
  EXPECT_EQ(store.load(3)->sha256, digest);
  EXPECT_EQ(*store.save(3, as_bytes("state")), digest);
}

TEST_F(CheckpointStoreTest, ADamagedOneIsPassedOverAndSaidSo) {
  save(1, "one");
  save(2, "two");
  Bytes bad = *disk.content(path("0000000002"));
  bad[0] ^= std::byte{1};
  disk.put(path("0000000002"), bad);
  const auto found = store.load_newest();
  ASSERT_TRUE(found.ok() && found->checkpoint);
  EXPECT_EQ(found->checkpoint->state, bytes_of("one"));
  ASSERT_EQ(found->skipped.size(), 1u);
  EXPECT_NE(found->skipped[0].find("checkpoint-0000000002"), std::string::npos);
  disk.put(path("0000000001"), bad);
  EXPECT_EQ(store.load_newest().error().code, ErrorCode::kCorrupt);
}

// An error that may pass must not make a node forget its newest state.
TEST_F(CheckpointStoreTest, AReadErrorIsNotDamage) {
  save(1, "one");
  save(2, "two");
  disk.fail_at(disk.calls() + 2, DiskFailure::kIo);
  EXPECT_EQ(store.load_newest().error().code, ErrorCode::kIo);
  EXPECT_EQ(store.load_newest()->checkpoint->number, 2u);
}

TEST_F(CheckpointStoreTest, RenamedAndForeignFilesAreRefused) {
  save(1, "one");
  disk.put(path("0000000002"), *disk.content(path("0000000001")));
  EXPECT_EQ(store.load(2).error().code, ErrorCode::kCorrupt);
  CheckpointStore other(disk, kFolder, "run-2");
  EXPECT_EQ(other.load(1).error().code, ErrorCode::kInvalidArgument);
  // Neither a number with two spellings nor other names count.
  disk.put(path("1"), {});
  disk.put(path("00000000000000000000000000009"), {});
  disk.put(path("x"), {});
  EXPECT_EQ(*store.numbers(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(CheckpointStoreTest, SpoiledFilesAreRefused) {
  save(1, "the state of a node");
  const Bytes good = *disk.content(path("0000000001"));
  ASSERT_TRUE(parse_checkpoint(good, kRun).ok());
  const auto files = spoiled_versions(good, 0, good.size());
  EXPECT_GE(files.size(), 200u);
  for (const SpoiledFile& file : files)
    EXPECT_FALSE(parse_checkpoint(file.bytes, kRun).ok()) << file.how;
}

TEST_F(CheckpointStoreTest, AFailedSaveLeavesTheOlderOnes) {
  save(1, "one");
  for (const DiskFailure failure :
       {DiskFailure::kNoSpace, DiskFailure::kIo, DiskFailure::kShortWrite})
    for (std::uint64_t call = 1; call <= 7; ++call) {
      disk.fail_at(disk.calls() + call, failure);
      EXPECT_FALSE(store.save(2, as_bytes("two")).ok()) << call;
      EXPECT_EQ(store.load(1)->state, bytes_of("one"));
      ASSERT_TRUE(store.save(2, as_bytes("two again")).ok());
      EXPECT_EQ(store.load_newest()->checkpoint->state, bytes_of("two again"));
    }
}

}  // namespace
}  // namespace shoal

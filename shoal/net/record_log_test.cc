#include "shoal/net/record_log.h"

#include <chrono>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "shoal/base/crc32c.h"
#include "shoal/net/faulty_disk.h"
#include "shoal/net/limits.h"
#include "shoal/net/malformed_files.h"

namespace shoal {
namespace {

constexpr const char* kRun = "run-1";

const std::vector<std::string> kTexts = {"first", "", "the third record", "4"};

Bytes made_log() {
  Bytes log = log_head(kRun);
  std::uint64_t number = 1;
  for (const std::string& text : kTexts) {
    const Bytes record = log_record(number, {static_cast<std::uint32_t>(number), as_bytes(text)});
    log.insert(log.end(), record.begin(), record.end());
    ++number;
  }
  return log;
}

// Where the records begin, and the end of the file.
std::vector<std::size_t> offsets() {
  std::vector<std::size_t> all = {log_head(kRun).size()};
  for (const std::string& text : kTexts) all.push_back(all.back() + 24 + text.size());
  return all;
}

void expect_first_records(const LogContents& contents, std::size_t count) {
  ASSERT_EQ(contents.records.size(), count);
  for (std::size_t i = 0; i < count; ++i) {
    EXPECT_EQ(contents.records[i].type, i + 1);
    EXPECT_EQ(as_text(contents.records[i].payload), kTexts[i]);
  }
}

std::unique_ptr<FaultyDisk> disk_with(const Bytes& file) {
  auto disk = std::make_unique<FaultyDisk>(1);
  disk->put("folder/log", file);
  return disk;
}

TEST(RecordLog, TheFormatIsAsWritten) {
  ByteWriter head;
  head.raw(as_bytes("shoallog"));
  head.number<std::uint32_t>(1);
  head.number<std::uint32_t>(5);
  head.raw(as_bytes("run-1"));
  head.number<std::uint32_t>(crc32c(head.bytes()));
  EXPECT_EQ(log_head(kRun), head.bytes());

  ByteWriter inner;
  inner.number<std::uint32_t>(crc32c(as_bytes("abc")));
  inner.number<std::uint32_t>(3);
  inner.number<std::uint32_t>(7);
  inner.number<std::uint64_t>(9);
  ByteWriter record;
  record.number<std::uint32_t>(crc32c(inner.bytes()));
  record.raw(inner.bytes());
  record.raw(as_bytes("abc"));
  EXPECT_EQ(log_record(9, {7, as_bytes("abc")}), record.bytes());
}

TEST(RecordLog, WhatIsAppendedComesBack) {
  FaultyDisk disk(1);
  ASSERT_TRUE(disk.make_folder("folder").ok());
  RecordLog log(disk, "folder", "log", kRun);
  EXPECT_EQ(log.read().error().code, ErrorCode::kNotFound);
  ASSERT_TRUE(log.rewrite({}).ok());
  std::uint32_t type = 1;
  for (const std::string& text : kTexts) ASSERT_TRUE(log.append({type++, as_bytes(text)}).ok());
  EXPECT_EQ(disk.content("folder/log"), made_log());
  EXPECT_EQ(log.size_bytes(), made_log().size());

  RecordLog again(disk, "folder", "log", kRun);
  const auto contents = again.read();
  ASSERT_TRUE(contents.ok());
  expect_first_records(*contents, kTexts.size());
  EXPECT_EQ(contents->torn_bytes, 0u);
  ASSERT_TRUE(again.rewrite(std::span(contents->records).first(2)).ok());
  ASSERT_TRUE(again.append({3, as_bytes(kTexts[2])}).ok());
  const auto shorter = RecordLog(disk, "folder", "log", kRun).read();
  ASSERT_TRUE(shorter.ok());
  expect_first_records(*shorter, 3);
}

// Wherever the last write was torn, what was whole is handed out, the rest is told and cut off by
// the next append.
TEST(RecordLog, ATornTailIsCut) {
  const Bytes good = made_log();
  const std::vector<std::size_t> begins = offsets();
  for (std::size_t size = begins.front(); size < good.size(); ++size) {
    const auto disk = disk_with(Bytes(good.begin(), good.begin() + size));
    RecordLog log(*disk, "folder", "log", kRun);
    const auto contents = log.read();
    ASSERT_TRUE(contents.ok()) << size << ": " << contents.error().message;
    std::size_t whole = 0;
    while (begins[whole + 1] <= size) ++whole;
    expect_first_records(*contents, whole);
    EXPECT_EQ(contents->torn_bytes, size - begins[whole]);
    const std::string& next = kTexts[whole];
    ASSERT_TRUE(log.append({static_cast<std::uint32_t>(whole + 1), as_bytes(next)}).ok());
    EXPECT_EQ(disk->content("folder/log"), Bytes(good.begin(), good.begin() + begins[whole + 1]));
  }
}

TEST(RecordLog, DamageBeforeGoodRecordsNamesItsOffset) {
  const std::vector<std::size_t> begins = offsets();
  for (std::size_t record = 0; record + 1 < kTexts.size(); ++record)
    for (std::size_t at = begins[record]; at < begins[record + 1]; ++at) {
      Bytes bad = made_log();
      bad[at] ^= std::byte{0x10};
      const auto contents = parse_log(bad, kRun);
      ASSERT_FALSE(contents.ok()) << "byte " << at;
      EXPECT_EQ(contents.error().code, ErrorCode::kCorrupt);
      EXPECT_NE(contents.error().message.find(fmt::format("offset {}", begins[record])),
                std::string::npos)
          << contents.error().message;
    }
}

TEST(RecordLog, RecordsThatAreMissingOrTwiceAreCorruption) {
  const std::vector<std::size_t> begins = offsets();
  Bytes missing = made_log();
  missing.erase(missing.begin() + begins[1], missing.begin() + begins[2]);
  EXPECT_EQ(parse_log(missing, kRun).error().code, ErrorCode::kCorrupt);
  Bytes twice = made_log();
  const Bytes second(twice.begin() + begins[1], twice.begin() + begins[2]);
  twice.insert(twice.begin() + begins[2], second.begin(), second.end());
  EXPECT_EQ(parse_log(twice, kRun).error().code, ErrorCode::kCorrupt);
}

TEST(RecordLog, MoreRubbishThanOneRecordIsCorruption) {
  Bytes log = made_log();
  log.resize(log.size() + kJournalRecordBytesMax + 25);
  EXPECT_EQ(parse_log(log, kRun).error().code, ErrorCode::kCorrupt);
  log.resize(made_log().size() + 4096);
  const auto contents = parse_log(log, kRun);
  ASSERT_TRUE(contents.ok());
  EXPECT_EQ(contents->torn_bytes, 4096u);
}

TEST(RecordLog, OtherRunsAndFormatsAreRefused) {
  EXPECT_EQ(parse_log(made_log(), "run-2").error().code, ErrorCode::kInvalidArgument);
  ByteWriter head;
  head.raw(as_bytes("shoallog"));
  head.number<std::uint32_t>(2);
  head.text(kRun);
  head.number<std::uint32_t>(crc32c(head.bytes()));
  EXPECT_EQ(parse_log(head.bytes(), kRun).error().code, ErrorCode::kUnsupported);
}

// Every spoiled log is refused, or read as the records before the damage.
TEST(RecordLog, SpoiledFilesAreRefusedOrCut) {
  const Bytes good = made_log();
  const auto files = spoiled_versions(good, 0, good.size());
  EXPECT_GE(files.size(), 200u);
  const auto begin = std::chrono::steady_clock::now();
  for (const SpoiledFile& file : files) {
    const auto contents = parse_log(file.bytes, kRun);
    if (!contents.ok()) continue;
    ASSERT_LE(contents->records.size(), kTexts.size()) << file.how;
    expect_first_records(*contents, contents->records.size());
    EXPECT_GT(contents->torn_bytes + (file.bytes.size() < good.size() ? 1u : 0u), 0u) << file.how;
    EXPECT_EQ(contents->good_bytes + contents->torn_bytes, file.bytes.size()) << file.how;
  }
  // A bound against hanging: they take milliseconds together.
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

TEST(RecordLog, AFailedAppendIsCutOffBeforeTheNext) {
  for (const DiskFailure failure :
       {DiskFailure::kNoSpace, DiskFailure::kIo, DiskFailure::kShortWrite})
    for (std::uint64_t call = 1; call <= 3; ++call) {
      const auto disk = disk_with(made_log());
      RecordLog log(*disk, "folder", "log", kRun);
      ASSERT_TRUE(log.read().ok());
      disk->fail_at(disk->calls() + call, failure);
      const bool first = log.append({5, as_bytes("a long record that fails half-way")}).ok();
      EXPECT_FALSE(first);
      ASSERT_TRUE(log.append({5, as_bytes("short")}).ok());
      Bytes expected = made_log();
      const Bytes record = log_record(5, {5, as_bytes("short")});
      expected.insert(expected.end(), record.begin(), record.end());
      disk->restart();
      EXPECT_EQ(disk->content("folder/log"), expected);
    }
}

}  // namespace
}  // namespace shoal

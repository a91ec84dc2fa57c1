// The small parts of base: bytes, digests, files, the thread pool.
#include <csignal>
#include <filesystem>
#include <gtest/gtest.h>
#include <numeric>
#include <sys/resource.h>

#include "shoal/base/bytes.h"
#include "shoal/base/file.h"
#include "shoal/base/sha256.h"
#include "shoal/base/thread_pool.h"

namespace shoal {
namespace {

TEST(Bytes, RoundTripAndEveryTruncation) {
  ByteWriter writer;
  writer.number<std::uint16_t>(7);
  writer.text("shoal");
  const std::vector<float> values = {1.5f, -0.0f, 3e-42f};
  writer.numbers<float>(values);
  const Bytes bytes = writer.bytes();
  const auto parse = [](ByteView view) -> Status {
    ByteReader reader(view);
    SHOAL_TRY(const auto number, reader.number<std::uint16_t>());
    SHOAL_TRY(const auto text, reader.text());
    SHOAL_TRY(const auto numbers, reader.numbers<float>());
    EXPECT_EQ(number, 7);
    EXPECT_EQ(text, "shoal");
    EXPECT_EQ(numbers.size(), 3u);
    return ok_status();
  };
  EXPECT_TRUE(parse(bytes).ok());
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    EXPECT_FALSE(parse(ByteView(bytes).first(cut)).ok()) << cut;
}

TEST(Bytes, LyingCountsAreRefusedBeforeAllocating) {
  for (const std::uint64_t count :
       std::vector<std::uint64_t>{std::uint64_t{1} << 31, std::uint64_t{1} << 62, ~0ull}) {
    ByteWriter writer;
    writer.number(count);
    ByteReader reader(writer.bytes());
    EXPECT_FALSE(reader.numbers<double>().ok());
    ByteReader again(writer.bytes());
    EXPECT_FALSE(again.block().ok());
  }
}

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(hex(sha256(as_bytes(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(File, AtomicWriteKeepsTheOldContentOnFailure) {
  const auto folder = std::filesystem::temp_directory_path() / "shoal_file_test";
  std::filesystem::create_directories(folder);
  const std::string path = (folder / "state").string();
  ASSERT_TRUE(write_file_atomically(path, std::string("old")).ok());
  // A full disk, as far as write() can tell: no file may grow beyond 64 bytes.
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tight{64, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  const Status full = write_file_atomically(path, std::string(1000, 'x'));
  setrlimit(RLIMIT_FSIZE, &before);
  EXPECT_FALSE(full.ok());
  EXPECT_EQ(read_text_file(path).value(), "old");
  EXPECT_FALSE(std::filesystem::exists(path + ".tmp"));
  EXPECT_EQ(read_file((folder / "none").string()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_file(path, 2).error().code, ErrorCode::kLimit);
  std::filesystem::remove_all(folder);
}

TEST(ThreadPool, JobsAndNestedLoopsFinish) {
  for (const std::size_t threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    std::vector<std::vector<int>> results(40, std::vector<int>(100));
    std::vector<ThreadPool::Ticket> tickets;
    for (auto& result : results)
      tickets.push_back(pool.submit([&pool, &result] {
        pool.parallel_for(result.size(), [&](std::size_t i) { result[i] = static_cast<int>(i); });
      }));
    for (const auto& ticket : tickets) pool.wait(ticket);
    for (const auto& result : results)
      EXPECT_EQ(std::accumulate(result.begin(), result.end(), 0), 4950);
  }
}

}  // namespace
}  // namespace shoal

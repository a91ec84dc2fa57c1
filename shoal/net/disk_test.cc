// The disk of this machine, in a temporary folder.
#include "shoal/net/disk.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace shoal {
namespace {

class RealDiskTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = testing::TempDir() + "shoal-disk-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  std::string path(const std::string& name) const { return path_in(folder, name); }

  std::string folder;
  Disk& disk = real_disk();
};

TEST_F(RealDiskTest, FilesAreWrittenCutRenamedAndRemoved) {
  ASSERT_TRUE(disk.make_folder(path("a/b/c")).ok());
  ASSERT_TRUE(disk.make_folder(path("a/b/c")).ok());
  const std::string one = path("a/b/c/one");
  {
    auto file = disk.create(one);
    ASSERT_TRUE(file.ok());
    EXPECT_TRUE((*file)->write(as_bytes("0123")).ok());
    EXPECT_TRUE((*file)->write({}).ok());
    EXPECT_TRUE((*file)->write(as_bytes("4567")).ok());
    EXPECT_TRUE((*file)->sync().ok());
    EXPECT_TRUE((*file)->close().ok());
  }
  EXPECT_EQ(*disk.size(one), 8u);
  ASSERT_TRUE(disk.cut(one, 6).ok());
  ASSERT_TRUE((*disk.append(one))->write(as_bytes("x")).ok());
  EXPECT_EQ(as_text(*disk.read(one, 7)), "012345x");
  EXPECT_EQ(disk.read(one, 6).error().code, ErrorCode::kLimit);
  const std::string two = path("a/b/c/two");
  ASSERT_TRUE(disk.rename(one, two).ok());
  ASSERT_TRUE(disk.sync_folder(path("a/b/c")).ok());
  EXPECT_EQ(*disk.list(path("a/b/c")), std::vector<std::string>{"two"});
  EXPECT_TRUE((*disk.create(two))->close().ok());
  EXPECT_EQ(*disk.size(two), 0u);
  ASSERT_TRUE(disk.remove(two).ok());
  EXPECT_TRUE(remove_if_there(disk, two).ok());
}

TEST_F(RealDiskTest, ErrorsNameThePathAndTheKind) {
  const std::string missing = path("missing");
  for (const Error& error :
       {disk.read(missing, 1).error(), disk.size(missing).error(), disk.append(missing).error(),
        disk.cut(missing, 0).error(), disk.rename(missing, path("x")).error(),
        disk.remove(missing).error(), disk.list(missing).error(), disk.sync_folder(missing).error(),
        disk.create(path("no/file")).error()}) {
    EXPECT_EQ(error.code, ErrorCode::kNotFound);
    EXPECT_NE(error.message.find(folder), std::string::npos) << error.message;
    EXPECT_NE(error.message.find("No such file"), std::string::npos) << error.message;
  }
  EXPECT_EQ(disk.read(folder, 1).error().code, ErrorCode::kInvalidArgument);
  // A pipe that nobody writes to must not hang a reader.
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(disk.read(path("pipe"), 1).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(RealDiskTest, AFullDiskIsToldApart) {
  auto full = disk.create("/dev/full");
  ASSERT_TRUE(full.ok());
  EXPECT_EQ((*full)->write(as_bytes("x")).error().code, ErrorCode::kNoSpace);
}

// A limit on the size of files makes the system write a part and then refuse the rest.
TEST_F(RealDiskTest, AShortWriteGoesOnAndThenSaysWhy) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{1000, 1000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Bytes bytes(1500);
    auto file = disk.create(path("limited"));
    const Status status = (*file)->write(bytes);
    ::_exit(!status.ok() && status.error().code == ErrorCode::kNoSpace ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(*disk.size(path("limited")), 1000u);
}

TEST_F(RealDiskTest, ALockHasOneHolderAndDiesWithIt) {
  auto lock = disk.lock(path("lock"));
  ASSERT_TRUE(lock.ok());
  EXPECT_FALSE(disk.lock(path("lock")).ok());
  lock->reset();
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = disk.lock(path("lock"));
    ::kill(::getpid(), held.ok() ? SIGKILL : SIGTERM);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WTERMSIG(status), SIGKILL);
  EXPECT_TRUE(disk.lock(path("lock")).ok());
}

TEST_F(RealDiskTest, ANewFileTakesItsPlaceWhole) {
  const Bytes large(3 << 20, std::byte{7});
  {
    NewFile file(disk, folder, "name");
    file.write(large);
    ASSERT_TRUE(file.finish_writing().ok());
    EXPECT_EQ(disk.size(path("name")).error().code, ErrorCode::kNotFound);
    ASSERT_TRUE(file.put_in_place().ok());
  }
  { NewFile(disk, folder, "name").write(as_bytes("given up")); }
  EXPECT_EQ(*disk.read(path("name"), large.size()), large);
  EXPECT_EQ(disk.list(folder)->size(), 1u);
}

}  // namespace
}  // namespace shoal

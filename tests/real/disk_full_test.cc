// The disk of the server fills up: the run waits with its last checkpoint intact, and goes on when
// there is room.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "shoal/net/disk.h"
#include "shoal/net/server_store.h"

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

namespace fs = std::filesystem;

constexpr double kPatience_s = 60.0;
constexpr double kEnd_s = 120.0;
constexpr auto npos = std::string::npos;
constexpr const char* kDiskSize = "size=8m";

// A small disk for as long as the test lasts.
class SmallDisk {
 public:
  explicit SmallDisk(const std::string& path) : path_(path) {
    fs::create_directories(path);
    mounted_ = mount("shoal", path.c_str(), "tmpfs", 0, kDiskSize) == 0;
  }
  ~SmallDisk() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  bool mounted() const { return mounted_; }
  std::string ballast() const { return path_ + "/ballast"; }
  // To the last byte.
  void fill() const {
    std::ofstream out(ballast(), std::ios::binary);
    const std::string page(4096, 'x');
    while (out.write(page.data(), static_cast<std::streamsize>(page.size())).flush()) {
    }
  }
  void make_room() const { fs::remove(ballast()); }

 private:
  std::string path_;
  bool mounted_ = false;
};

TEST(DiskFull, TheRunWaitsForRoom) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 2;
  settings.set = {"nodes.count=2", "method.rounds=80", "report.every=1"};
  Federation run(std::move(settings));
  const SmallDisk disk(run.folder() + "/out");
  if (!disk.mounted()) GTEST_SKIP() << "a tmpfs cannot be mounted here (needs root)";
  const auto reference = run.simulate();
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(5, kPatience_s)) << file_text(run.log("server"));
  disk.fill();
  const auto waits = [&] { return file_text(run.log("server")).find("round_not_saved") != npos; };
  ASSERT_TRUE(becomes_true(kPatience_s, waits)) << file_text(run.log("server"));
  sleep_s(1.5);
  ASSERT_TRUE(run.server().running());

  // A copy, as the server has the folder locked.
  const std::string copy = run.folder() + "/copy";
  fs::copy(run.run_folder() + "/state", copy);
  const std::string id = file_text(copy + "/run.txt");
  Step rounds = 0;
  {
    const auto opened = ServerStore::open(real_disk(), copy, id);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    rounds = opened->recovered.next_round();
    EXPECT_GE(rounds, 5u);
    EXPECT_FALSE(opened->recovered.state.empty());
  }

  disk.make_room();
  ASSERT_TRUE(run.waits_for_rounds(rounds, kPatience_s)) << file_text(run.log("server"));
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

}  // namespace
}  // namespace shoal::real

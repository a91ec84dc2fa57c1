// One experiment, three worlds: simulation, MPI ranks and gRPC processes end with the same model
// and have sent the same bytes over every link.
#include <filesystem>
#include <gtest/gtest.h>

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 120.0;
constexpr const char* kRuns[] = {"fedavg",        "robust",   "compressed", "gossip",   "relaysgd",
                                 "tracking",      "choco",    "diana",      "one_byte", "masha",
                                 "two_exchanges", "powersgd", "cser",       "monna",    "momentum"};

void expect_same(const std::string& run, const std::string& world, const std::string& simulation) {
  for (const char* file : {"model.safetensors", "traffic.json"}) {
    const std::string digest = file_sha256(world + "/" + run + "/" + file);
    EXPECT_NE(digest, "") << world << "/" << run << "/" << file;
    EXPECT_EQ(digest, file_sha256(simulation + "/" + run + "/" + file)) << run << ", " << file;
  }
}

class Worlds : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder = new Folder;
    Process simulation({shoal_command(), "run", experiment_file("worlds.toml"), "--quiet", "--out",
                        folder->path() + "/simulation"},
                       folder->path() + "/simulation.log");
    ASSERT_EQ(simulation.wait(kPatience_s), 0) << file_text(folder->path() + "/simulation.log");
  }
  static void TearDownTestSuite() { delete folder; }
  static std::string path(const std::string& name) { return folder->path() + "/" + name; }

  static Folder* folder;
};
Folder* Worlds::folder = nullptr;

TEST_F(Worlds, MpiRanksEndWithTheBytesOfTheSimulation) {
  if (std::string(SHOAL_MPIRUN).empty()) GTEST_SKIP() << "built without MPI";
  // A rank for every node and the server.
  Process ranks({SHOAL_MPIRUN, "--oversubscribe", "--allow-run-as-root", "-n", "9", shoal_command(),
                 "run", experiment_file("worlds.toml"), "--quiet", "--out", path("mpi")},
                path("mpi.log"));
  ASSERT_EQ(ranks.wait(kPatience_s), 0) << file_text(path("mpi.log"));
  for (const char* run : kRuns) expect_same(run, path("mpi"), path("simulation"));
}

TEST_F(Worlds, ProcessesOverGrpcEndWithTheBytesOfTheSimulation) {
  for (const char* run : kRuns) {
    Process processes({shoal_command(), "local", experiment_file("worlds.toml"), "--run", run,
                       "--quiet", "--out", path("grpc")},
                      path("grpc.log"));
    ASSERT_EQ(processes.wait(kPatience_s), 0) << file_text(path("grpc.log"));
    expect_same(run, path("grpc"), path("simulation"));
  }
}

}  // namespace
}  // namespace shoal::real

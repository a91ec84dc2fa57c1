// A server that loses and regains its members all the time holds no more than before.
#include <csignal>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

#include "tests/real/faulty_proxy.h"
#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr int kInterrupted = 130;
// Receipts and lines of the ledger are kept for ever: some 300 bytes a round here.
constexpr double kGrowthBytesMax = 8e6;
constexpr std::size_t kMoreDescriptorsMax = 8;

TEST(Memory, ReconnectsLeaveNothingBehind) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 3;
  settings.set = {"method.rounds=1000000", "method.local_steps=20", "report.every=1000"};
  Federation run(std::move(settings));
  FaultyProxy proxy(run.address(), 1);
  run.set_way(fmt::format("127.0.0.1:{}", proxy.port()));
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  RandomStream random(1, purpose("memory"), 0);

  const int breaks = soak_count(6, 400);
  const int warm_up = breaks / 3;
  double warm_bytes = 0.0;
  std::size_t warm_descriptors = 0;
  Step warm_rounds = 0;
  for (int i = 0; i < breaks; ++i) {
    const Step before = run.rounds_on_disk();
    proxy.reset_all();
    if (soaking() && i % 4 == 3) {
      const auto member = static_cast<std::size_t>(random.uniform() * 3.0);
      run.member(member).kill();
      run.start_member(member);
    }
    ASSERT_TRUE(run.waits_for_rounds(before, kPatience_s)) << file_text(run.log("server"));
    sleep_s(random.uniform() * 0.5);
    if (i != warm_up) continue;
    warm_bytes = static_cast<double>(run.server().memory_bytes());
    warm_descriptors = run.server().descriptors();
    warm_rounds = run.rounds_on_disk();
  }
  const auto bytes = static_cast<double>(run.server().memory_bytes());
  const std::size_t descriptors = run.server().descriptors();
  say("  {} breaks, {} rounds: memory {:.1f} -> {:.1f} MB, descriptors {} -> {}\n", proxy.broken(),
      run.rounds_on_disk() - warm_rounds, warm_bytes / 1e6, bytes / 1e6, warm_descriptors,
      descriptors);
  EXPECT_LE(bytes, warm_bytes + kGrowthBytesMax);
  EXPECT_LE(descriptors, warm_descriptors + kMoreDescriptorsMax);
  run.server().send_signal(SIGTERM);
  EXPECT_EQ(run.server().wait(kPatience_s), kInterrupted);
}

}  // namespace
}  // namespace shoal::real

// A peer that is killed and loses its disk comes back to the run under way: with its neighbours'
// mean where that is enough, with a sentence where it is not.
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr double kEnd_s = 120.0;
constexpr std::size_t kVictim = 2;
constexpr std::size_t kLinesBefore = 10;  // of the ledger, when it is killed
constexpr double kLongPatience_s = 3600.0;
constexpr auto npos = std::string::npos;

FederationSettings settings_of(const std::string& method, double patience_s, int steps) {
  FederationSettings settings;
  settings.file = experiment_file("peers.toml");
  settings.members = 4;
  settings.set = {"method.kind=" + method, fmt::format("method.steps={}", steps),
                  fmt::format("patience_s={}", patience_s)};
  settings.member_options = {"--listen", "127.0.0.1:0"};
  settings.member_state = true;
  return settings;
}

std::vector<LedgerLine> lines_of(const Federation& run) {
  const std::string path = run.run_folder() + "/ledger.jsonl";
  if (!std::filesystem::exists(path)) return {};
  auto lines = read_ledger(path);  // an error when a line is being written
  return lines.ok() ? *std::move(lines) : std::vector<LedgerLine>();
}

std::string state_of(const Federation& run, std::size_t member) {
  return fmt::format("{}/state-member-{}", run.folder(), member);
}

// Kills the peer in the middle of the run, and its state folder with it.
void kill_with_its_disk(Federation& run) {
  ASSERT_TRUE(becomes_true(kPatience_s, [&] { return lines_of(run).size() > kLinesBefore; }))
      << file_text(run.log("server"));
  run.member(kVictim).kill();
  EXPECT_GT(std::filesystem::remove_all(state_of(run, kVictim)), 0u);
}

void expect_whole_run(Federation& run, std::size_t steps) {
  const auto lines = lines_of(run);
  ASSERT_EQ(lines.size(), steps);
  for (std::size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i].round, i);
  const std::string log = file_text(run.log(fmt::format("member-{}", kVictim)));
  EXPECT_NE(log.find("began_without_state"), npos) << log;
  EXPECT_NE(log.find("mean of neighbours"), npos) << log;
  EXPECT_NE(log.find("the run is over"), npos) << log;
  const LedgerLine& first = lines[4];  // of report.every = 5
  const LedgerLine& last = lines.back();
  say("  test loss {:.3f} -> {:.3f}, consensus distance {:.2e} -> {:.2e}\n",
      first.figure("test_loss").value(), last.figure("test_loss").value(),
      first.figure("consensus_distance").value(), last.figure("consensus_distance").value());
  EXPECT_LT(last.figure("test_loss_worst").value(), 0.5 * first.figure("test_loss").value());
  EXPECT_LT(last.figure("consensus_distance").value(),
            10.0 * first.figure("consensus_distance").value());
}

// Nobody's patience runs out in this run, so it ends only if no wait is in vain.
TEST(Newcomer, TakesPartAgainWithoutAnybodysDeadline) {
  constexpr int kSteps = 300;
  Federation run(settings_of("dpsgd", kLongPatience_s, kSteps));
  run.start();
  kill_with_its_disk(run);
  run.start_member(kVictim);
  run.expect_end(kEnd_s);
  expect_whole_run(run, kSteps);
}

TEST(Newcomer, TakesPartAgainAmongPeersThatWentOn) {
  constexpr int kSteps = 300;
  Federation run(settings_of("dpsgd", 0.2, kSteps));
  run.start();
  kill_with_its_disk(run);
  sleep_s(3.0);
  run.start_member(kVictim);
  run.expect_end(kEnd_s);
  expect_whole_run(run, kSteps);
}

// By then nobody counts on it any more; the run's end waits for it all the same.
TEST(Newcomer, TakesPartAgainAfterItWasGivenUp) {
  if (!soaking()) GTEST_SKIP() << "a peer is given up after 15 s: make soak";
  constexpr int kSteps = 400;
  Federation run(settings_of("dpsgd", 0.2, kSteps));
  run.start();
  kill_with_its_disk(run);
  sleep_s(20.0);
  run.start_member(kVictim);
  run.expect_end(kEnd_s);
  expect_whole_run(run, kSteps);
}

TEST(Newcomer, IsToldWhatItWouldHaveToRemember) {
  Federation run(settings_of("gradient_tracking", 0.2, 20));
  run.start();
  kill_with_its_disk(run);
  run.start_member(kVictim);
  EXPECT_EQ(run.member(kVictim).wait(kPatience_s), 2);
  const std::string log = file_text(run.log(fmt::format("member-{}", kVictim)));
  EXPECT_NE(log.find("gradient tracking needs the peer's own share"), npos) << log;
  EXPECT_NE(log.find("come back with --state"), npos) << log;
}

// Whoever it is and whenever: also two neighbours at a time, and newcomers themselves.
TEST(Newcomer, AnybodyAtAnyMoment) {
  RandomStream random(4, purpose("newcomer"), 0);
  const int kills = soak_count(5, 100);
  Federation run(settings_of("dpsgd", kLongPatience_s, 200 * kills));
  run.start();
  ASSERT_TRUE(becomes_true(kPatience_s, [&] { return !lines_of(run).empty(); }))
      << file_text(run.log("server"));
  int killed = 0;
  for (; killed < kills && run.server().running(); ++killed) {
    sleep_s(random.uniform() * 1.5);
    const auto i = static_cast<std::size_t>(random.uniform() * static_cast<double>(run.members()));
    run.member(i).kill();
    std::filesystem::remove_all(state_of(run, i));
    run.start_member(i);
  }
  say("  killed {} times\n", killed);
  run.expect_end(kEnd_s + 10.0 * kills);
  const auto lines = lines_of(run);
  ASSERT_FALSE(lines.empty());
  EXPECT_LT(lines.back().figure("test_loss_worst").value(), 1.0);
}

}  // namespace
}  // namespace shoal::real

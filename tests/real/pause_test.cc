// Processes that are stopped (SIGSTOP) and continued: the others decide within twice their
// deadline, and nobody hangs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr double kEnd_s = 120.0;
constexpr double kDeadline_s = 2.0;
constexpr auto npos = std::string::npos;

FederationSettings settings_of(int rounds, std::vector<std::string> more = {}) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 3;
  settings.set = {fmt::format("method.rounds={}", rounds)};
  settings.set.insert(settings.set.end(), more.begin(), more.end());
  return settings;
}

void stop_a_member(double stopped_s, int rounds) {
  Federation run(settings_of(rounds, {fmt::format("method.round_deadline_s={}", kDeadline_s)}));
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  run.member(1).pause();
  const double begin_s = steady_now_s();
  double slowest_s = 0.0;
  while (steady_now_s() - begin_s < stopped_s && run.server().running()) {
    const Step before = run.rounds_on_disk();
    const double since_s = steady_now_s();
    run.waits_for_rounds(before, 3.0 * kDeadline_s);
    if (run.server().running()) slowest_s = std::max(slowest_s, steady_now_s() - since_s);
  }
  run.member(1).resume();
  say("  stopped for {:.0f} s; the slowest round took {:.2f} s\n", stopped_s, slowest_s);
  EXPECT_LE(slowest_s, 2.0 * kDeadline_s);
  EXPECT_GT(slowest_s, 0.5 * kDeadline_s) << "it was not missed at all";
  run.expect_end(kEnd_s);
  run.expect_whole(file_sha256(run.run_folder() + "/model.safetensors"), false);
}

TEST(Pause, RoundsCloseWithoutAMemberThatIsStopped) { stop_a_member(5.0, 60); }

TEST(Pause, RoundsCloseWithoutAMemberThatIsStoppedForAMinute) {
  if (!soaking()) GTEST_SKIP() << "takes a minute: make soak";
  stop_a_member(60.0, 120);
}

TEST(Pause, PeersGoOnWithoutOneThatIsStopped) {
  constexpr int kSteps = 4;
  constexpr double kPeerPatience_s = 0.5;  // of peers.toml
  constexpr double kLastTries_s = 10.0;    // for frames to it, before a peer leaves
  FederationSettings settings;
  settings.file = experiment_file("peers.toml");
  settings.members = 4;
  settings.member_options = {"--listen", "127.0.0.1:0"};
  settings.set = {fmt::format("method.steps={}", kSteps)};
  Federation run(std::move(settings));
  run.start_server();
  run.start_member(0);
  const auto joined = [&] { return file_text(run.log("member-0")).find("joined") != npos; };
  ASSERT_TRUE(becomes_true(kPatience_s, joined)) << file_text(run.log("server"));
  run.member(0).pause();
  for (const std::size_t i : {1, 2, 3}) run.start_member(i);
  const double begin_s = steady_now_s();
  for (const std::size_t i : {1, 2, 3})
    EXPECT_EQ(run.member(i).wait(kPatience_s), 0)
        << file_text(run.log(fmt::format("member-{}", i)));
  const double took_s = steady_now_s() - begin_s;
  say("  three peers went on without the fourth: {} steps in {:.1f} s\n", kSteps, took_s);
  EXPECT_LE(took_s, 2.0 * kPeerPatience_s * kSteps + kLastTries_s + 5.0);
  if (!soaking()) return;  // the last one takes as long once more
  run.member(0).resume();
  run.expect_end(kEnd_s);
  EXPECT_NE(file_sha256(run.run_folder() + "/model.safetensors"), "");
}

TEST(Pause, AServerThatIsStoppedLosesNothing) {
  FederationSettings settings = settings_of(40);
  settings.member_options = {"--give-up", "180"};  // longer than it stands still
  Federation run(std::move(settings));
  const auto reference = run.simulate();
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(4, kPatience_s)) << file_text(run.log("server"));
  run.server().pause();
  sleep_s(soaking() ? 60.0 : 5.0);
  run.server().resume();
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

}  // namespace
}  // namespace shoal::real

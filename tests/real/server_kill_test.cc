// The server is killed at random moments and started again with the same command: it serves within
// 5 s, the next round is committed within 10 s, and in the end nothing shows that it was killed.
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kServing_s = 5.0;
constexpr double kResumed_s = 10.0;
constexpr double kEnd_s = 240.0;
// Beyond these a test gives up; the figures above are checked at the end.
constexpr double kPatience_s = 120.0;
constexpr auto npos = std::string::npos;

struct Times {
  std::vector<double> serving_s;
  std::vector<double> resumed_s;
};

void print(const char* what, std::vector<double> times_s) {
  if (times_s.empty()) return;
  std::sort(times_s.begin(), times_s.end());
  say("  {}: {} times, median {:.2f} s, longest {:.2f} s\n", what, times_s.size(),
      times_s[times_s.size() / 2], times_s.back());
}

void expect_prompt(const Times& times) {
  print("serving again", times.serving_s);
  print("next round committed", times.resumed_s);
  for (const double time_s : times.serving_s) EXPECT_LE(time_s, kServing_s);
  for (const double time_s : times.resumed_s) EXPECT_LE(time_s, kResumed_s);
}

// Kills the server `kills` times or until the run is over; how often it did. Every fourth kill
// falls upon a server that is coming up.
int kill_server(Federation& run, int kills, double round_s, RandomStream& random, Times& times) {
  int killed = 0;
  while (killed < kills) {
    const bool coming_up = killed % 4 == 3;
    sleep_s(random.uniform() * (coming_up ? 1.0 : 2.0 * round_s));
    if (!run.server().running()) return killed;
    const Step before = run.rounds_on_disk();
    run.server().kill();
    ++killed;
    const double begin_s = steady_now_s();
    run.start_server();
    if (killed < kills && killed % 4 == 3) continue;  // the next one comes at once
    // Killed behind the end of its run, it says so and ends.
    bool serving = false;
    EXPECT_TRUE(becomes_true(kPatience_s, [&] {
      serving = answers(run.address());
      return serving || !run.server().running();
    })) << file_text(run.log("server"));
    if (!serving) return killed;
    times.serving_s.push_back(steady_now_s() - begin_s);
    const bool resumed = becomes_true(
        kPatience_s, [&] { return run.rounds_on_disk() > before || !run.server().running(); });
    EXPECT_TRUE(resumed) << file_text(run.log("server"));
    // Killed behind its last round it has none to commit, and only waits for members who are gone.
    if (run.rounds_on_disk() > before) times.resumed_s.push_back(steady_now_s() - begin_s);
    if (testing::Test::HasFailure()) return killed;
  }
  return killed;
}

FederationSettings settings_of(int rounds, std::size_t members) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = members;
  settings.set = {fmt::format("method.rounds={}", rounds), fmt::format("nodes.count={}", members)};
  return settings;
}

TEST(ServerKill, TheRunEndsAsIfNothingHadHappened) {
  RandomStream random(soak_count(1, 2), purpose("server-kill"), 0);
  const int kills = soak_count(6, 40);
  Federation run(settings_of(4 * kills, 3));
  const auto reference = run.simulate();
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  Times times;
  say("  killed {} times\n", kill_server(run, kills, 0.1, random, times));
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
  expect_prompt(times);
}

// A run of one round for which member 0 has sent its update, and stands still.
class ServerKillAt : public testing::Test {
 protected:
  static FederationSettings settings() {
    FederationSettings settings = settings_of(1, 2);
    settings.server_options = {"--wait-for", "1"};
    return settings;
  }
  void SetUp() override {
    reference = run.simulate();
    run.start_server();
    run.start_member(0);
    const auto uploaded = [this] {
      return run.status().find("updates_received_total\":1") != npos;
    };
    ASSERT_TRUE(becomes_true(kPatience_s, uploaded)) << file_text(run.log("server"));
    run.member(0).pause();
  }
  void restart_server() {
    ASSERT_TRUE(run.server().running());
    run.server().kill();
    run.start_server();
    run.member(0).resume();
  }
  Federation run{settings()};
  Federation::Reference reference;
};

TEST_F(ServerKillAt, TheFirstRound) {
  restart_server();
  run.start_member(1);
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

// All is computed and committed, and it waits for a member's goodbye.
TEST_F(ServerKillAt, TheEnd) {
  run.start_member(1);
  const auto committed = [this] { return run.status().find("\"round\":1") != npos; };
  ASSERT_TRUE(becomes_true(kPatience_s, committed)) << file_text(run.log("server"));
  restart_server();
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

TEST(ServerKill, WithAHundredMegabytesOfState) {
  if (!soaking()) GTEST_SKIP() << "takes long: make soak";
  RandomStream random(3, purpose("server-kill"), 1);
  int left = soak_count(0, 200);
  Times times;
  while (left > 0) {
    FederationSettings settings = settings_of(14, 2);
    settings.set.insert(settings.set.end(), {"model.hidden=[330000]", "method.local_steps=1",
                                             "method.batch=1", "report.every=10"});
    Federation run(std::move(settings));
    const auto reference = run.simulate();
    run.start();
    ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
    const int killed = kill_server(run, std::min(left, 10), 2.0, random, times);
    left -= std::max(killed, 1);
    run.expect_end(kEnd_s);
    run.expect_whole(reference.model);
    say("  killed {} times, {} to go\n", killed, left);
    print("serving again", times.serving_s);
    print("next round committed", times.resumed_s);
    if (HasFailure()) return;
  }
  expect_prompt(times);
}

}  // namespace
}  // namespace shoal::real

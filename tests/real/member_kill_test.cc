// Members are killed at random moments and come back under the same name.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "shoal/base/random.h"

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr double kEnd_s = 240.0;

FederationSettings settings_of(int rounds, std::vector<std::string> more = {}) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 3;
  settings.set = {fmt::format("method.rounds={}", rounds)};
  settings.set.insert(settings.set.end(), more.begin(), more.end());
  return settings;
}

// How often a member was killed: up to `kills`, or until the run was over.
int kill_members(Federation& run, int kills, RandomStream& random) {
  for (int killed = 0; killed < kills; ++killed) {
    sleep_s(random.uniform() * 0.8);
    if (!run.server().running()) return killed;
    const auto i = static_cast<std::size_t>(random.uniform() * static_cast<double>(run.members()));
    run.member(i).kill();
    run.start_member(i);
    const Step before = run.rounds_on_disk();
    if (killed % 3 != 2) continue;
    // Now and then the run gets somewhere.
    EXPECT_TRUE(becomes_true(kPatience_s, [&] {
      return run.rounds_on_disk() > before || !run.server().running();
    })) << file_text(run.log("server"));
  }
  return kills;
}

TEST(MemberKill, AModelWithoutMemoryDoesNotShowIt) {
  RandomStream random(1, purpose("member-kill"), 0);
  const int kills = soak_count(6, 200);
  Federation run(settings_of(20 * kills));
  const auto reference = run.simulate();
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  say("  killed {} times\n", kill_members(run, kills, random));
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

TEST(MemberKill, ARoundWithADeadlineClosesWithoutThem) {
  RandomStream random(2, purpose("member-kill"), 0);
  const int kills = soak_count(3, 40);
  Federation run(settings_of(20 * kills, {"method.round_deadline_s=0.5"}));
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  kill_members(run, kills, random);
  run.expect_end(kEnd_s);
  run.expect_whole(file_sha256(run.run_folder() + "/model.safetensors"), false);
}

TEST(MemberKill, WhatCompressionLeftOutIsRemembered) {
  RandomStream random(3, purpose("member-kill"), 0);
  const int kills = soak_count(3, 40);
  FederationSettings settings = settings_of(
      20 * kills, {"codec.kind=top_k", "codec.ratio=0.05", "codec.feedback=ef"});
  settings.member_state = true;
  Federation run(std::move(settings));
  const auto reference = run.simulate();
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  say("  killed {} times\n", kill_members(run, kills, random));
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

}  // namespace
}  // namespace shoal::real

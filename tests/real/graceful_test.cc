// Asked to stop (SIGTERM): everyone is told, and the same command goes on.
#include <csignal>
#include <gtest/gtest.h>

#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr double kStop_s = 30.0;
constexpr double kEnd_s = 120.0;
constexpr int kInterrupted = 130;

FederationSettings settings_of(std::vector<std::string> set) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 3;
  settings.set = std::move(set);
  return settings;
}

TEST(Graceful, AServerThatIsAskedToStopGoesOnLater) {
  Federation run(settings_of({"method.rounds=40"}));
  const auto reference = run.simulate();
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(5, kPatience_s)) << file_text(run.log("server"));
  run.server().send_signal(SIGTERM);
  EXPECT_EQ(run.server().wait(kStop_s), kInterrupted) << file_text(run.log("server"));
  EXPECT_EQ(file_sha256(run.run_folder() + "/model.safetensors"), "");
  for (std::size_t i = 0; i < run.members(); ++i) EXPECT_TRUE(run.member(i).running());
  run.start_server();
  run.expect_end(kEnd_s);
  run.expect_whole(reference.model);
}

TEST(Graceful, AMemberThatIsAskedToStopLeaves) {
  Federation run(settings_of({"method.rounds=10", "method.round_deadline_s=0.5"}));
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(2, kPatience_s)) << file_text(run.log("server"));
  run.member(1).send_signal(SIGTERM);
  EXPECT_EQ(run.member(1).wait(kStop_s), kInterrupted);
  run.expect_end(kEnd_s);
  run.expect_whole(file_sha256(run.run_folder() + "/model.safetensors"), false);
  EXPECT_NE(file_text(run.run_folder() + "/audit.jsonl").find("\"left\""), std::string::npos);
}

TEST(Graceful, AMemberWithoutAServerGivesUp) {
  FederationSettings settings = settings_of({});
  settings.member_options = {"--give-up", "2"};
  Federation run(std::move(settings));
  run.start_member(0);  // there never was one
  EXPECT_EQ(run.member(0).wait(kStop_s), 2) << file_text(run.log("member-0"));
  run.start();
  ASSERT_TRUE(run.waits_for_rounds(1, kPatience_s)) << file_text(run.log("server"));
  run.server().kill();  // there was one
  for (std::size_t i = 0; i < run.members(); ++i)
    EXPECT_EQ(run.member(i).wait(kStop_s), 2) << "member-" << i;
}

}  // namespace
}  // namespace shoal::real

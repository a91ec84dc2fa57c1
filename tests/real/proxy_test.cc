// A bad network: whatever it does to the bytes, the model is the one of the simulation, or there is
// none and everyone has given up in time.
#include <csignal>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/real/faulty_proxy.h"
#include "tests/real/federation.h"

namespace shoal::real {
namespace {

constexpr double kPatience_s = 60.0;
constexpr double kGiveUp_s = 8.0;
// After the network is gone: their patience, and one last try.
constexpr double kGivenUp_s = kGiveUp_s + 45.0;
constexpr int kInterrupted = 130;

struct Weather {
  Faults faults;
  bool certificates = false;
  int rounds = 12;
  std::vector<std::string> set;
};

struct Outcome {
  bool finished = false;
  int restarts = 0;
};

// Runs it to its end, or until `usable_s` are over; members that gave up or were thrown out come
// back.
Outcome ride_out(Federation& run, double usable_s) {
  Outcome outcome;
  const double until_s = steady_now_s() + usable_s;
  while (run.server().running() && steady_now_s() < until_s) {
    for (std::size_t i = 0; i < run.members(); ++i) {
      const auto code = run.member(i).wait(0.0);
      if (!code || *code == 0 || !run.server().running()) continue;
      run.start_member(i);
      ++outcome.restarts;
    }
    sleep_s(0.2);
  }
  outcome.finished = !run.server().running();
  return outcome;
}

// Nothing gets through any more: all have to end by themselves, and without a model.
void expect_given_up(Federation& run, FaultyProxy& proxy) {
  Faults nothing;
  nothing.black_hole = true;
  proxy.set(nothing);
  for (std::size_t i = 0; i < run.members(); ++i)
    EXPECT_TRUE(run.member(i).wait(kGivenUp_s).has_value()) << "member-" << i << " hangs";
  run.server().send_signal(SIGTERM);
  EXPECT_EQ(run.server().wait(kGivenUp_s), kInterrupted);
  EXPECT_EQ(file_sha256(run.run_folder() + "/model.safetensors"), "");
}

// Whether the run came to its end.
bool survive(const char* what, const Weather& weather, std::uint64_t seed, double usable_s) {
  FederationSettings settings;
  settings.file = experiment_file("chaos.toml");
  settings.members = 3;
  settings.certificates = weather.certificates;
  settings.member_options = {"--give-up", fmt::to_string(kGiveUp_s)};
  settings.set = weather.set;
  settings.set.push_back(fmt::format("method.rounds={}", weather.rounds));
  settings.set.push_back("model.hidden=[200]");
  Federation run(std::move(settings));
  const auto reference = run.simulate();
  FaultyProxy proxy(run.address(), seed);
  run.set_way(fmt::format("{}:{}", weather.certificates ? "localhost" : "127.0.0.1", proxy.port()));
  const double begin_s = steady_now_s();
  run.start();
  EXPECT_TRUE(run.waits_for_rounds(0, kPatience_s)) << file_text(run.log("server"));
  proxy.set(weather.faults);
  const Outcome outcome = ride_out(run, usable_s);
  say("  {}: {} after {:.1f} s; {} chunks, {} garbled, {} breaks, {} connections, {} "
      "members came back\n",
      what, outcome.finished ? "done" : "unusable", steady_now_s() - begin_s, proxy.chunks(),
      proxy.corrupted(), proxy.broken(), proxy.connections(), outcome.restarts);
  if (!outcome.finished) {
    expect_given_up(run, proxy);
    return false;
  }
  // A member whose last goodbye is lost ends by giving up.
  run.expect_end(kGivenUp_s);
  run.expect_whole(reference.model);
  return true;
}

Faults delayed() {
  Faults faults;
  faults.delay_s = 0.010;
  faults.delay_spread_s = soaking() ? 0.490 : 0.090;
  return faults;
}
Faults slow() {
  Faults faults;
  faults.bits_per_s = 1e6;
  return faults;
}
Faults garbled(double share) {
  Faults faults;
  faults.corrupt = share;
  return faults;
}
Faults broken() {
  Faults faults;
  faults.cut = 0.02;
  faults.reset = 0.02;
  return faults;
}

TEST(Proxy, Delay) { EXPECT_TRUE(survive("delay", {delayed(), true, 6, {}}, 1, 60.0)); }
TEST(Proxy, AMegabitASecond) { EXPECT_TRUE(survive("1 Mbit/s", {slow(), false, 3, {}}, 2, 90.0)); }
TEST(Proxy, CutsAndResets) { EXPECT_TRUE(survive("4 % cuts", {broken(), false, 8, {}}, 3, 90.0)); }
TEST(Proxy, Garbled) { survive("1 % garbled", {garbled(0.01), false, 8, {}}, 4, 40.0); }
TEST(Proxy, GarbledUnderTls) { survive("1 % garbled, TLS", {garbled(0.01), true, 8, {}}, 5, 40.0); }

TEST(Proxy, NothingGetsThrough) {
  if (!soaking()) GTEST_SKIP() << "takes half a minute: make soak";
  Faults nothing;
  nothing.black_hole = true;
  EXPECT_FALSE(survive("black hole", {nothing, false, 1000, {}}, 6, 3.0));
}

TEST(Proxy, AllKindsOfWeather) {
  if (!soaking()) GTEST_SKIP() << "takes long: make soak";
  const int runs = soak_count(0, 50);
  int finished = 0;
  for (int i = 0; i < runs && !HasFailure(); ++i) {
    RandomStream random(9, purpose("weather"), 0, static_cast<std::uint32_t>(i));
    Weather weather;
    weather.certificates = i % 2 == 0;
    weather.faults = i % 5 == 0 ? delayed() : i % 5 == 1 ? slow() : Faults();
    if (i % 5 == 2 || i % 5 == 3) weather.faults = garbled(0.01 + 0.09 * random.uniform());
    if (i % 5 == 4) weather.faults = broken();
    const std::string name =
        fmt::format("run {}, weather {}{}", i, i % 5, weather.certificates ? ", TLS" : "");
    finished += survive(name.c_str(), weather, static_cast<std::uint64_t>(i), 60.0) ? 1 : 0;
  }
  say("  {} of {} runs ended with their model, the others with none\n", finished, runs);
}

}  // namespace
}  // namespace shoal::real

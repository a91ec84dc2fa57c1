#include "shoal/sim/conditions.h"

#include <cmath>
#include <gtest/gtest.h>

#include "shoal/base/file.h"

namespace shoal {
namespace {

// The mean slowdown over many nodes and computations of 1 s of work each.
double mean_slowdown(const SpeedSettings& speed, std::size_t nodes = 200,
                     std::uint32_t computations = 500) {
  Conditions conditions;
  conditions.speed = speed;
  double sum = 0.0;
  for (NodeId node = 0; node < nodes; ++node)
    for (std::uint32_t count = 0; count < computations; ++count)
      sum += compute_time_s(conditions, node, count, speed.flops_per_s);
  return sum / static_cast<double>(nodes * computations);
}

TEST(Stragglers, NoneIsWorkOverSpeed) {
  Conditions conditions;
  conditions.speed.flops_per_s = 4.0;
  EXPECT_EQ(compute_time_s(conditions, 3, 9, 10.0), 2.5);
}

TEST(Stragglers, MeansOfTheLaws) {
  SpeedSettings speed;
  speed.stragglers = StragglerLaw::kConstant;
  speed.straggler_factor = 7.0;
  EXPECT_DOUBLE_EQ(mean_slowdown(speed), 7.0);
  speed.straggler_share = 0.3;  // 1 + 0.3 * 6, over the draw of 2000 nodes
  EXPECT_NEAR(mean_slowdown(speed, 2000, 1), 2.8, 0.2);
  speed.straggler_share = 1.0;
  speed.stragglers = StragglerLaw::kShiftedExponential;
  speed.straggler_mean = 2.0;  // mean 1 + 2, standard deviation 2 / sqrt(1e5)
  EXPECT_NEAR(mean_slowdown(speed), 3.0, 0.03);
  speed.stragglers = StragglerLaw::kPareto;
  speed.straggler_shape = 3.0;  // mean a/(a-1) = 1.5, standard deviation 0.87 / sqrt(1e5)
  EXPECT_NEAR(mean_slowdown(speed), 1.5, 0.02);
}

TEST(Stragglers, QuantilesOfThePareto) {
  Conditions conditions;
  conditions.speed.stragglers = StragglerLaw::kPareto;
  conditions.speed.straggler_shape = 1.5;
  int beyond_ten = 0;
  for (std::uint32_t count = 0; count < 100000; ++count) {
    const double slowdown = compute_time_s(conditions, 1, count, 1e9);
    EXPECT_GE(slowdown, 1.0);
    beyond_ten += slowdown > 10.0;
  }
  EXPECT_NEAR(beyond_ten, 100000 * std::pow(10.0, -1.5), 350);  // 3162, six deviations
}

TEST(Stragglers, ATraceIsCycledFromAPlaceOfItsOwn) {
  Conditions conditions;
  conditions.speed.stragglers = StragglerLaw::kTrace;
  conditions.trace_factors = {1.0, 2.0, 4.0};
  const auto first = compute_time_s(conditions, 5, 0, 1e9);
  EXPECT_EQ(compute_time_s(conditions, 5, 3, 1e9), first);
  double sum = 0.0;
  for (std::uint32_t count = 0; count < 3; ++count)
    sum += compute_time_s(conditions, 5, count, 1e9);
  EXPECT_EQ(sum, 7.0);
}

TEST(Stragglers, ServersAreNeverStragglers) {
  Conditions conditions;
  conditions.servers = 1;
  conditions.speed.stragglers = StragglerLaw::kConstant;
  EXPECT_EQ(compute_time_s(conditions, 0, 0, 1e9), 1.0);
  EXPECT_EQ(compute_time_s(conditions, 1, 0, 1e9), 10.0);
  conditions.speed.server_flops_per_s = 4e9;
  EXPECT_EQ(compute_time_s(conditions, 0, 0, 1e9), 0.25);
}

// One draw a node, the same for all its computations; ln of it has the given sigma.
TEST(Stragglers, SpeedSpread) {
  Conditions conditions;
  conditions.speed.speed_spread = 0.5;
  double sum = 0.0, squares = 0.0;
  constexpr int kNodes = 20000;
  for (NodeId node = 0; node < kNodes; ++node) {
    const double factor = compute_time_s(conditions, node, 0, 1e9);
    EXPECT_EQ(compute_time_s(conditions, node, 1, 1e9), factor);
    sum += std::log(factor);
    squares += std::log(factor) * std::log(factor);
  }
  EXPECT_NEAR(sum / kNodes, 0.0, 0.02);
  EXPECT_NEAR(std::sqrt(squares / kNodes), 0.5, 0.02);
}

TEST(Faults, SharesAndTimes) {
  Conditions conditions;
  conditions.faults.crash_share = 0.3;
  conditions.faults.crash_within_s = 8.0;
  conditions.faults.late_share = 0.2;
  conditions.faults.late_within_s = 5.0;
  conditions.faults.spared = 10;
  int crashed = 0, late = 0;
  double crash_sum = 0.0;
  for (NodeId node = 0; node < 10010; ++node) {
    const double crash_s = crash_time_s(conditions, node);
    const double join_s = join_time_s(conditions, node);
    if (node < 10) {
      EXPECT_TRUE(std::isinf(crash_s));
      EXPECT_EQ(join_s, 0.0);
    }
    if (std::isfinite(crash_s)) {
      EXPECT_TRUE(crash_s >= 0.0 && crash_s <= 8.0);
      ++crashed;
      crash_sum += crash_s;
    }
    EXPECT_TRUE(join_s >= 0.0 && join_s <= 5.0);
    late += join_s > 0.0;
  }
  EXPECT_NEAR(crashed, 3000, 300);
  EXPECT_NEAR(late, 2000, 250);
  EXPECT_NEAR(crash_sum / crashed, 4.0, 0.3);
}

TEST(Faults, NamedNodesAndTimes) {
  Conditions conditions;
  conditions.faults.crash_at = {3, 2.5, 4, 0.0};
  conditions.faults.late_at = {0, 7.0};
  conditions.faults.spared = 5;
  EXPECT_EQ(crash_time_s(conditions, 3), 2.5);
  EXPECT_EQ(crash_time_s(conditions, 4), 0.0);
  EXPECT_TRUE(std::isinf(crash_time_s(conditions, 0)));
  EXPECT_EQ(join_time_s(conditions, 0), 7.0);
  EXPECT_EQ(join_time_s(conditions, 3), 0.0);
  EXPECT_TRUE(check_faults(conditions.faults, 5).ok());
  EXPECT_FALSE(check_faults(conditions.faults, 4).ok());
  conditions.faults.late_at.push_back(1);
  EXPECT_FALSE(check_faults(conditions.faults, 5).ok());
}

TEST(Faults, PartitionsCutBetweenTheSidesOnly) {
  Conditions conditions;
  conditions.faults.partition_share = 0.5;
  conditions.faults.partition_start_s = 2.0;
  conditions.faults.partition_duration_s = 3.0;
  conditions.faults.spared = 1;
  // Node 0 is spared, so whoever is cut from it is on the other side.
  std::vector<bool> off(100);
  std::size_t count = 0;
  for (NodeId node = 1; node < 100; ++node) count += off[node] = is_cut(conditions, 0, node, 2.0);
  EXPECT_GT(count, 25u);
  EXPECT_LT(count, 75u);
  for (NodeId a = 0; a < 100; ++a)
    for (NodeId b = 0; b < 100; ++b) {
      if (a == b) continue;
      EXPECT_EQ(is_cut(conditions, a, b, 4.999), off[a] != off[b]);
      EXPECT_FALSE(is_cut(conditions, a, b, 1.999));
      EXPECT_FALSE(is_cut(conditions, a, b, 5.0));
    }
  // One way: the cut-off side still hears the others.
  conditions.faults.partition_one_way = true;
  for (NodeId a = 0; a < 100; ++a)
    for (NodeId b = 0; b < 100; ++b) EXPECT_EQ(is_cut(conditions, a, b, 3.0), off[a] && !off[b]);
}

TEST(StragglerTrace, ReadsAndRefuses) {
  const std::string path = testing::TempDir() + "/slowdowns.txt";
  ASSERT_TRUE(write_file_atomically(path, "# measured\n1\n2.5\n\n0\n").ok());
  EXPECT_EQ(read_straggler_trace(path).value(), (std::vector<double>{1.0, 2.5, 0.0}));
  for (const char* bad : {"", "# nothing\n", "1\nx\n", "-1\n", "inf\n", "nan\n", "1 2\n"}) {
    ASSERT_TRUE(write_file_atomically(path, bad).ok());
    EXPECT_FALSE(read_straggler_trace(path).ok()) << bad;
  }
  ASSERT_TRUE(write_file_atomically(path, "1\nfast\n").ok());
  EXPECT_NE(read_straggler_trace(path).error().message.find("line 2: 'fast'"), std::string::npos);
  EXPECT_FALSE(read_straggler_trace(path + ".missing").ok());
}

}  // namespace
}  // namespace shoal

#include "shoal/net/metrics.h"

#include <gtest/gtest.h>
#include <thread>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

TEST(Metrics, AreWrittenInThePrometheusFormat) {
  Metrics metrics;
  metrics.add("shoal_refusals_total", 1, "reason", "stale_round");
  metrics.add("shoal_refusals_total", 2, "reason", "a\"b\\c\nd");
  metrics.add("shoal_refusals_total", 3, "reason", "stale_round");
  metrics.set("shoal_round", 7);
  metrics.set("shoal_round", 5);
  metrics.took("ours", 0.5);
  metrics.took("ours", 0.25);
  EXPECT_EQ(metrics.text(),
            "# TYPE ours_seconds_count counter\n"
            "ours_seconds_count 2\n"
            "# TYPE ours_seconds_max gauge\n"
            "ours_seconds_max 0.5\n"
            "# TYPE ours_seconds_sum counter\n"
            "ours_seconds_sum 0.75\n"
            "# HELP shoal_refusals_total Calls and frames refused, by reason.\n"
            "# TYPE shoal_refusals_total counter\n"
            "shoal_refusals_total{reason=\"a\\\"b\\\\c\\nd\"} 2\n"
            "shoal_refusals_total{reason=\"stale_round\"} 4\n"
            "# HELP shoal_round The current round.\n"
            "# TYPE shoal_round gauge\n"
            "shoal_round 5\n");
}

TEST(Metrics, CountFromManyThreads) {
  Metrics metrics;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        metrics.add("shoal_frames_received_total", 1);
        metrics.took("ours", 1.0);
      }
    });
  for (std::thread& thread : threads) thread.join();
  for (const MetricSample& sample : metrics.samples())
    EXPECT_EQ(sample.value, sample.counter ? 8000.0 : 1.0) << sample.name;
}

TEST(Metrics, AreBounded) {
  Metrics metrics;
  for (std::size_t i = 0; i < kMetricSeriesMax + 100; ++i)
    metrics.add("shoal_refusals_total", 1, "reason", std::to_string(i));
  const auto samples = metrics.samples();
  EXPECT_EQ(samples.size(), kMetricSeriesMax + 1);
  EXPECT_EQ(samples.front().name, "shoal_metrics_dropped_total");
  EXPECT_EQ(samples.front().value, 100.0);
}

}  // namespace
}  // namespace shoal

// Metrics: what an operator watches. Counters, gauges and latency sums under fixed names, updated
// from any thread, read by the Prometheus endpoint and `shoal status`. Names are literals of ours;
// label values may come from outside and are escaped. At most kMetricSeriesMax series are kept.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace shoal {

struct MetricSample {
  std::string name;    // "shoal_refusals_total"
  std::string help;    // one sentence, empty for a name without
  std::string labels;  // "" or "reason=\"stale_round\""
  bool counter = false;
  double value = 0.0;
};

class Metrics {
 public:
  void add(std::string_view name, double amount, std::string_view label = {},
           std::string_view label_value = {});
  void set(std::string_view name, double value);
  // A latency: <name>_seconds_sum, <name>_seconds_count and <name>_seconds_max.
  void took(std::string_view name, double seconds);
  // By name, then label.
  std::vector<MetricSample> samples() const;
  // The Prometheus text format.
  std::string text() const;

 private:
  struct Series {
    bool counter = false;
    double value = 0.0;
  };
  // Adds to a counter, or sets a gauge.
  void change(std::string name, std::string labels, bool counter, double value);

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Series> series_;
};

}  // namespace shoal

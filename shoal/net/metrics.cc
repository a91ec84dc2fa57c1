#include "shoal/net/metrics.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

struct Help {
  std::string_view name;
  std::string_view sentence;
};

constexpr auto kHelp = std::to_array<Help>({
    {"shoal_bytes_received_total", "Bytes of frames received."},
    {"shoal_bytes_sent_total", "Bytes of frames sent."},
    {"shoal_connections", "Connections that are open."},
    {"shoal_connections_refused_total", "Connections reset or cut, by reason."},
    {"shoal_frames_received_total", "Frames received and delivered."},
    {"shoal_frames_sent_total", "Frames sent."},
    {"shoal_members", "Places of the run that are taken."},
    {"shoal_members_present", "Members that have been heard lately."},
    {"shoal_metrics_dropped_total", "Series that were not counted, because there were too many."},
    {"shoal_reconnects_total", "Connections opened again after a loss."},
    {"shoal_refusals_total", "Calls and frames refused, by reason."},
    {"shoal_round", "The current round."},
    {"shoal_rounds_committed_total", "Rounds that are durable."},
    {"shoal_transport_errors", "Errors of gRPC in this process, failed handshakes among them."},
});

constexpr std::string_view kDropped = "shoal_metrics_dropped_total";

std::string_view help_of(std::string_view name) {
  const auto at = std::ranges::find(kHelp, name, &Help::name);
  return at == kHelp.end() ? std::string_view{} : at->sentence;
}

std::string label_text(std::string_view label, std::string_view value) {
  if (label.empty()) return {};
  std::string escaped;
  for (const char c : value) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n')
      escaped += "\\n";
    else
      escaped += c;
  }
  return fmt::format("{}=\"{}\"", label, escaped);
}

}  // namespace

void Metrics::change(std::string name, std::string labels, bool counter, double value) {
  const std::lock_guard lock(mutex_);
  auto at = series_.find({name, labels});
  if (at == series_.end()) {
    if (series_.size() >= kMetricSeriesMax) {
      name = kDropped;
      labels.clear();
      counter = true;
      value = 1.0;
    }
    at = series_.try_emplace({std::move(name), std::move(labels)}).first;
    at->second.counter = counter;
  }
  at->second.value = counter ? at->second.value + value : value;
}

void Metrics::add(std::string_view name, double amount, std::string_view label,
                  std::string_view label_value) {
  change(std::string(name), label_text(label, label_value), true, amount);
}

void Metrics::set(std::string_view name, double value) {
  change(std::string(name), {}, false, value);
}

void Metrics::took(std::string_view name, double seconds) {
  add(fmt::format("{}_seconds_sum", name), seconds);
  add(fmt::format("{}_seconds_count", name), 1.0);
  const std::string longest = fmt::format("{}_seconds_max", name);
  const std::lock_guard lock(mutex_);
  const auto at = series_.find({longest, {}});
  if (at != series_.end())
    at->second.value = std::max(at->second.value, seconds);
  else if (series_.size() < kMetricSeriesMax)
    series_.emplace(std::pair{longest, std::string{}}, Series{false, seconds});
}

std::vector<MetricSample> Metrics::samples() const {
  const std::lock_guard lock(mutex_);
  std::vector<MetricSample> all;
  all.reserve(series_.size());
  for (const auto& [key, series] : series_)
    all.push_back(
        {key.first, std::string(help_of(key.first)), key.second, series.counter, series.value});
  return all;
}

std::string Metrics::text() const {
  std::string out;
  std::string_view before;
  const std::vector<MetricSample> all = samples();
  for (const MetricSample& sample : all) {
    if (sample.name != before) {
      if (!sample.help.empty()) out += fmt::format("# HELP {} {}\n", sample.name, sample.help);
      out += fmt::format("# TYPE {} {}\n", sample.name, sample.counter ? "counter" : "gauge");
      before = sample.name;
    }
    out += sample.labels.empty()
               ? fmt::format("{} {}\n", sample.name, sample.value)
               : fmt::format("{}{{{}}} {}\n", sample.name, sample.labels, sample.value);
  }
  return out;
}

}  // namespace shoal

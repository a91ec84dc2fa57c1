#include "shoal/run/chrome_trace.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

namespace shoal {
namespace {

// Rows of one node in the network process; frames beyond them share the last row.
constexpr std::size_t kLanesMax = 64;
// Extra rows are numbered from here, out of the way of node ids.
constexpr std::uint32_t kExtraRowsBegin = 1u << 30;

// The instant on the trace's grid of nanoseconds. Durations are differences of grid points, so
// events that touch in virtual time touch in the file.
double nanoseconds(double time_s) { return std::round(time_s * 1e9); }

std::string json_text(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '"' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace

bool ChromeTrace::full() {
  if (events_.size() < events_max_) return false;
  ++left_out_;
  return true;
}

void ChromeTrace::computed(NodeId node, double begin_s, double end_s) {
  if (full()) return;
  nodes_ = std::max(nodes_, node + 1);
  events_.push_back({begin_s, end_s, 0, Tag{}, kCompute, node, node, node});
}

void ChromeTrace::transferred(NodeId from, NodeId to, Tag tag, std::size_t bytes, double begin_s,
                              double end_s) {
  if (full()) return;
  nodes_ = std::max({nodes_, from + 1, to + 1});
  const std::uint32_t row = network_row(from < servers_ ? to : from, begin_s, end_s);
  events_.push_back({begin_s, end_s, bytes, tag, kNetwork, row, from, to});
}

std::uint32_t ChromeTrace::network_row(NodeId node, double begin_s, double end_s) {
  if (lanes_.size() <= node) lanes_.resize(node + 1);
  std::vector<Lane>& lanes = lanes_[node];
  for (Lane& lane : lanes)
    if (lane.end_s <= begin_s) {
      lane.end_s = end_s;
      return lane.row;
    }
  if (lanes.size() == kLanesMax) {
    lanes.back().end_s = std::max(lanes.back().end_s, end_s);
    return lanes.back().row;
  }
  std::uint32_t row = node;
  if (!lanes.empty()) {
    row = kExtraRowsBegin + static_cast<std::uint32_t>(extra_rows_.size());
    extra_rows_.push_back({node, static_cast<std::uint32_t>(lanes.size())});
  }
  lanes.push_back({row, end_s});
  return row;
}

std::string ChromeTrace::node_name(NodeId node) const {
  return fmt::format("{} {}", node < servers_ ? "server" : "node", node);
}

void ChromeTrace::append_names(std::string& out) const {
  const auto at = std::back_inserter(out);
  const auto name_row = [&](Process process, std::uint32_t row, std::size_t place,
                            const std::string& name) {
    fmt::format_to(at,
                   R"({{"ph":"M","pid":{0},"tid":{1},"name":"thread_name",)"
                   R"("args":{{"name":"{2}"}}}},)"
                   "\n"
                   R"({{"ph":"M","pid":{0},"tid":{1},"name":"thread_sort_index",)"
                   R"("args":{{"sort_index":{3}}}}},)"
                   "\n",
                   static_cast<std::uint32_t>(process), row, name, place);
  };
  for (NodeId node = 0; node < nodes_; ++node) {
    name_row(kCompute, node, node, node_name(node));
    name_row(kNetwork, node, std::size_t{node} * kLanesMax, node_name(node));
  }
  for (std::size_t i = 0; i < extra_rows_.size(); ++i) {
    const auto [node, lane] = extra_rows_[i];
    name_row(kNetwork, kExtraRowsBegin + static_cast<std::uint32_t>(i), node * kLanesMax + lane,
             fmt::format("{} ({})", node_name(node), lane + 1));
  }
  fmt::format_to(at,
                 R"({{"ph":"M","pid":{},"name":"process_name","args":{{"name":"compute"}}}},)"
                 "\n"
                 R"({{"ph":"M","pid":{},"name":"process_name","args":{{"name":"network"}}}})",
                 static_cast<std::uint32_t>(kCompute), static_cast<std::uint32_t>(kNetwork));
}

void ChromeTrace::append_event(const Event& event, std::string& out) const {
  const auto at = std::back_inserter(out);
  const double begin_ns = nanoseconds(event.begin_s);
  const double length_ns = nanoseconds(event.end_s) - begin_ns;
  fmt::format_to(at,
                 ",\n"
                 R"({{"ph":"X","pid":{},"tid":{},"ts":{:.3f},"dur":{:.3f},"name":")",
                 static_cast<std::uint32_t>(event.process), event.row, begin_ns / 1e3,
                 length_ns / 1e3);
  if (event.process == kCompute) {
    out += R"(compute"})";
    return;
  }
  fmt::format_to(at, R"({0} {1} to {2}","args":{{"from":{1},"to":{2},"bytes":{3}}}}})",
                 json_text(tag_text(event.tag)), event.from, event.to, event.bytes);
}

std::string ChromeTrace::json() const {
  std::string out;
  out.reserve(events_.size() * 128);
  fmt::format_to(std::back_inserter(out),
                 R"({{"displayTimeUnit":"ms","otherData":{{"clock":"virtual","events":{},)"
                 R"("left_out":{}}},)"
                 "\n"
                 R"("traceEvents":[)"
                 "\n",
                 events_.size(), left_out_);
  append_names(out);
  for (const Event& event : events_) append_event(event, out);
  out += "\n]}\n";
  return out;
}

}  // namespace shoal

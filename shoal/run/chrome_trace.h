// A timeline in Chrome's trace format (chrome://tracing, ui.perfetto.dev): what each node computed
// and which frames travelled when, in virtual time. Stragglers are seen at a glance.
//
// Two processes, "compute" and "network", with a row a node. A frame is drawn on the row of its
// sender, but of its receiver when a server sent it, so that a client's row shows its whole round.
// Viewers want what shares a row nested or apart: frames of one node that overlap take extra rows.
#pragma once

#include <string>
#include <vector>

#include "shoal/sim/simulation.h"

namespace shoal {

inline constexpr std::size_t kTraceEventsMax = 2'000'000;

class ChromeTrace : public TraceSink {
 public:
  // Nodes 0..servers-1 are servers.
  explicit ChromeTrace(std::size_t servers = 0, std::size_t events_max = kTraceEventsMax)
      : servers_(servers), events_max_(events_max) {}

  void computed(NodeId node, double begin_s, double end_s) override;
  void transferred(NodeId from, NodeId to, Tag tag, std::size_t bytes, double begin_s,
                   double end_s) override;
  // The JSON document; events beyond events_max are left out and counted in it.
  std::string json() const;

 private:
  enum Process : std::uint32_t { kCompute = 1, kNetwork = 2 };
  struct Event {
    double begin_s;
    double end_s;
    std::uint64_t bytes;
    Tag tag;
    Process process;
    std::uint32_t row;
    NodeId from;
    NodeId to;
  };
  struct ExtraRow {
    NodeId node;
    std::uint32_t lane;  // 1 is the node's second row
  };

  bool full();
  std::uint32_t network_row(NodeId node, double begin_s, double end_s);
  std::string node_name(NodeId node) const;
  void append_names(std::string& out) const;
  void append_event(const Event& event, std::string& out) const;

  std::size_t servers_;
  std::size_t events_max_;
  std::vector<Event> events_;
  std::size_t left_out_ = 0;
  // By node, the rows of its frames: which, and when the last frame on each ends.
  struct Lane {
    std::uint32_t row;
    double end_s;
  };
  std::vector<std::vector<Lane>> lanes_;
  std::vector<ExtraRow> extra_rows_;
  NodeId nodes_ = 0;  // seen so far: the highest id and one
};

}  // namespace shoal

// A timeline in Chrome's trace format (chrome://tracing, ui.perfetto.dev): what each node computed
// and which frames travelled when, in virtual time. Stragglers are seen at a glance.
#pragma once

#include <string>

#include "shoal/sim/simulation.h"

namespace shoal {

class ChromeTrace : public TraceSink {
 public:
  void computed(NodeId node, double begin_s, double end_s) override;
  void transferred(NodeId from, NodeId to, Tag tag, std::size_t bytes, double begin_s,
                   double end_s) override;
  // The JSON document; events beyond kTraceEventsMax are left out and counted in it.
  std::string json() const;

 private:
  std::string events_;
  std::size_t count_ = 0;
  std::size_t left_out_ = 0;
};

inline constexpr std::size_t kTraceEventsMax = 2'000'000;

}  // namespace shoal

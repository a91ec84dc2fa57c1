// What a member says it has observed: shown whole or not at all, and nothing about other nodes.
#include <cstdlib>

#include "shoal/net/observation.h"

namespace {

using namespace shoal;

constexpr NodeId kMember = 2;
constexpr std::size_t kDimension = 3;
constexpr Step kLength = 10;

void require(bool condition) {
  if (!condition) std::abort();
}

class Checking : public Observer {
 public:
  bool wants_model(NodeId, Step) const override { return true; }
  void model(NodeId node, Step step, std::span<const float> parameters) override {
    require(parameters.size() == kDimension);
    step_done(node, step);
  }
  void model(NodeId node, Step step, std::span<const double> parameters) override {
    require(parameters.size() == kDimension);
    step_done(node, step);
  }
  void figure(NodeId node, Step step, std::string_view name, double) override {
    for (const char c : name) require(c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'));
    step_done(node, step);
  }
  void step_done(NodeId node, Step step) override {
    require(step < kLength);
    node_left(node);
  }
  void node_left(NodeId node) override {
    require(node == kMember);
    ++shown;
  }
  std::size_t shown = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ObservationLimits limits;
  limits.dimension = kDimension;
  limits.length = kLength;
  limits.nodes = 4;
  limits.only_node = kMember;
  Checking observer;
  Traffic traffic;
  const auto counts =
      show_observation(std::as_bytes(std::span(data, size)), limits, observer, traffic);
  require(counts.ok() || observer.shown == 0);
  require(counts.ok() || traffic.total().sent_bytes == 0);
  return 0;
}

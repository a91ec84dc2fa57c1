// The bare simulator: events a second and bytes a node, from 1,000 to 100,000 nodes.
//
// Every node sends a 16-byte frame to its right neighbour and waits for one from the left, with a
// deadline: per step and node two events of the network and one resumed coroutine. Deadlines are
// far, so their timers stay in the queue, as they do in real runs. Then the memory of federated
// clients beyond their data, after three rounds. Prints figures, asserts nothing.
#include <chrono>
#include <fmt/format.h>
#include <malloc.h>
#include <vector>

#include "shoal/base/toml.h"
#include "shoal/run/run.h"
#include "shoal/sim/simulation.h"

namespace shoal {
namespace {

constexpr std::size_t kEventsWanted = 6'000'000;

Task<> pass_right(Node& node, std::size_t nodes, Step steps, Simulation** simulation) {
  const auto right = static_cast<NodeId>((node.id() + 1) % nodes);
  const auto left = static_cast<NodeId>((node.id() + nodes - 1) % nodes);
  for (const Step step : node.steps(steps)) {
    // A checkpoint request half-way pauses the run while every program is under way.
    if (node.id() == 0 && step == steps / 2) (*simulation)->request_checkpoint();
    MessageBuilder message(tag("pass"), step);
    const Frame frame = message.finish();
    co_await node.send(right, frame);
    const auto received = co_await node.receive(left, tag("pass"), step, 1e6);
    if (!received) co_return;
  }
}

std::size_t allocated_bytes() { return mallinfo2().uordblks + mallinfo2().hblkhd; }

void measure(std::size_t nodes) {
  const auto steps = static_cast<Step>(kEventsWanted / (2 * nodes));
  Conditions conditions;
  conditions.network.latency_s = 0.01;
  conditions.network.jitter_s = 0.0;
  ThreadPool pool(1);
  const std::size_t before = allocated_bytes();
  Simulation* self = nullptr;
  const auto program = [nodes, steps, &self](Node& node) {
    return pass_right(node, nodes, steps, &self);
  };
  Simulation simulation(nodes, conditions, program, pool);
  self = &simulation;
  const auto begin = std::chrono::steady_clock::now();
  simulation.run();
  const std::size_t during = allocated_bytes();
  const Bytes checkpoint = simulation.save();
  simulation.run();
  const double wall_s =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  fmt::print("{:>8} {:>12} {:>9.2f} {:>14.2f} {:>12.0f} {:>14.0f}\n", nodes, simulation.events(),
             wall_s, static_cast<double>(simulation.events()) / wall_s / 1e6,
             wall_s * 1e9 / static_cast<double>(simulation.events()),
             static_cast<double>(during - before) / static_cast<double>(nodes));
}

// Pauses a run after its third round, with every client waiting for its next invitation.
class PauseAfterThree : public Observer {
 public:
  explicit PauseAfterThree(Simulation& simulation) : simulation_(simulation) {}
  bool wants_model(NodeId, Step) const override { return false; }
  void model(NodeId, Step, std::span<const float>) override {}
  void model(NodeId, Step, std::span<const double>) override {}
  void figure(NodeId, Step, std::string_view, double) override {}
  void step_done(NodeId, Step step) override {
    if (step == 2) simulation_.request_checkpoint();
  }
  void node_left(NodeId) override {}

 private:
  Simulation& simulation_;
};

Status measure_federated(std::size_t nodes) {
  SHOAL_TRY(const Table table, parse_toml(fmt::format(R"(
    name = "bench"
    data = {{ kind = "synthetic_logistic" }}
    partition = {{ kind = "resample", rows_per_node = 20 }}
    model = {{ kind = "logistic" }}
    nodes = {{ count = {} }}
    method = {{ kind = "fedavg", cohort = 100, rounds = 10 }})",
                                                      nodes)));
  SHOAL_TRY(const Experiment experiment, resolve_experiment(table));
  SHOAL_TRY(const auto assembly, assemble(experiment, 1));
  ThreadPool pool(1);
  const std::size_t before = allocated_bytes();
  Simulation simulation(nodes + 1, assembly->conditions, assembly->program, pool);
  PauseAfterThree observer(simulation);
  simulation.set_observer(&observer);
  simulation.run();
  fmt::print("{:>8} federated clients: {:.0f} bytes a node beyond data\n", nodes,
             static_cast<double>(allocated_bytes() - before) / static_cast<double>(nodes));
  simulation.set_observer(nullptr);
  return ok_status();
}

}  // namespace
}  // namespace shoal

int main() {
  fmt::print("{:>8} {:>12} {:>9} {:>14} {:>12} {:>14}\n", "nodes", "events", "wall s", "M events/s",
             "ns/event", "bytes/node");
  for (const std::size_t nodes : {1000, 3000, 10000, 30000, 100000}) shoal::measure(nodes);
  for (const std::size_t nodes : {1000, 10000})
    if (const auto status = shoal::measure_federated(nodes); !status.ok()) {
      fmt::print(stderr, "{}\n", status.error().message);
      return 1;
    }
  return 0;
}

// What a node needs from the world it lives in: a clock, a way to send, to wait and to compute.
// The simulation implements it on a virtual clock; real transports implement it on real ones.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"
#include "shoal/node/message.h"
#include "shoal/rule/rule.h"

namespace shoal {

class Node;

// State that outlives a step and that a checkpoint must hold.
class Persistent {
 public:
  virtual ~Persistent() = default;
  virtual void save(ByteWriter& out) const = 0;
  virtual Status load(ByteReader& in) = 0;
};

// What became of a frame that reached its receiver.
enum class Fate : std::uint8_t {
  kUsed,       // handed to the program
  kLate,       // its round was closed already
  kDuplicate,  // the same tag, round and sender came before
  kMalformed,  // no readable header
  kOverflow,   // the inbox was full
  kUnread,     // still in the inbox when the program ended
};

// Looks at a run from outside: costs no virtual time, sends no bytes, changes nothing.
class Observer {
 public:
  virtual ~Observer() = default;
  // Whether somebody wants the model that stands at the end of this step.
  virtual bool wants_model(NodeId node, Step step) const = 0;
  virtual void model(NodeId node, Step step, std::span<const float> parameters) = 0;
  virtual void model(NodeId node, Step step, std::span<const double> parameters) = 0;
  // A named figure of one step of one node ("train_loss").
  virtual void figure(NodeId node, Step step, std::string_view name, double value) = 0;
  // Whose rows the node's rule saw at this step (increasing), and what it made of them.
  virtual void selection(NodeId, Step, std::span<const NodeId>, const Selection&) {}
  // Whether somebody wants to see what the rule saw; then aggregation() is called, too.
  virtual bool wants_rows(NodeId, Step) const { return false; }
  virtual void aggregation(NodeId, Step, const RoundView&, std::span<const float> aggregate) {
    (void)aggregate;
  }
  // The node has finished this step; called once a step, after models and figures.
  virtual void step_done(NodeId node, Step step) = 0;
  // The node's program has ended or crashed: no more steps of it will come.
  virtual void node_left(NodeId node) = 0;
  // One that was taken for crashed is there again.
  virtual void node_returned(NodeId) {}
};

// What a ledger line reads off a world, at this instant.
class Meter {
 public:
  virtual ~Meter() = default;
  virtual double now_s() const = 0;
  virtual std::uint64_t gradients() const = 0;
  // With a server, what its clients sent and what it sent; among peers, what was sent and arrived.
  virtual std::uint64_t bytes_up() const = 0;
  virtual std::uint64_t bytes_down() const = 0;
};

// Which models and figures of a run are looked at.
struct ReportSchedule {
  Step every = 1;
  Step length = 0;          // rounds of the run
  std::size_t servers = 0;  // > 0: the server's model is the run's; else every node's

  bool reports(NodeId node) const { return servers == 0 || node < servers; }
  bool wants_model(NodeId node, Step step) const {
    return reports(node) && ((step + 1) % every == 0 || step + 1 == length);
  }
};

// May rewrite what reaches a receiver when it closes a round: the omniscient liars of a study.
class Interceptor {
 public:
  virtual ~Interceptor() = default;
  // A program sends; also when it does so again to catch up with a checkpoint.
  virtual void sent(NodeId, const Frame&) {}
  virtual void round_closed(NodeId receiver, std::vector<Message>& messages) = 0;
};

class World {
 public:
  virtual ~World() = default;
  virtual double now_s() const = 0;
  virtual std::uint64_t seed() const = 0;
  virtual void send(NodeId from, NodeId to, const Frame& frame) = 0;
  // Calls node.on_timer() at time_s. A node has one timer; an earlier time replaces a later one.
  virtual void set_timer(NodeId node, double time_s) = 0;
  // Runs the job and calls node.on_computed() when `work_flops` would be done on this node.
  virtual void compute(NodeId node, double work_flops, std::function<void()> job) = 0;
  // As compute(), for a resumed program whose completion is already scheduled.
  virtual void reattach_compute(NodeId node, std::function<void()> job) = 0;
  // Puts a program whose wait is over back on the run queue.
  virtual void resume(std::coroutine_handle<> program) = 0;
  virtual void fate(NodeId node, Fate fate, std::size_t bytes) = 0;
  virtual void count_gradients(std::uint64_t evaluations) = 0;
  virtual Observer* observer() = 0;
  // Whether messages of a gather with Until::take are handed over as they come, not kept.
  virtual bool hands_over_early() const { return false; }
  // A gather is over; what comes for it from now on is late. `senders` (increasing) are in.
  virtual void round_closed(NodeId, Tag, Step, std::span<const NodeId> senders) { (void)senders; }
  // A program stands at the beginning of a step (see Node::steps).
  virtual void at_boundary(Node& node) = 0;
  // A program has done its last step (but may still send).
  virtual void at_end(Node&) {}
};

}  // namespace shoal

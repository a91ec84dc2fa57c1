// Simulation: a world on a virtual clock, replayable to the bit.
//
// One thread runs the programs, event by event; computations run on a thread pool the moment they
// begin, and their results appear when the modelled work would be done. Nothing depends on how
// many threads there are or how long they take.
//
// Cost per event: one push and one pop of a four-ary heap (24 bytes an event) and, per frame, one
// slot in a reused table; memory per node is sizeof(Node), its coroutine frame and its inbox.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/node/node.h"
#include "shoal/node/traffic.h"
#include "shoal/sim/conditions.h"
#include "shoal/sim/event_queue.h"

namespace shoal {

// Receives what happened when, for a timeline.
class TraceSink {
 public:
  virtual ~TraceSink() = default;
  virtual void computed(NodeId node, double begin_s, double end_s) = 0;
  virtual void transferred(NodeId from, NodeId to, Tag tag, std::size_t bytes, double begin_s,
                           double end_s) = 0;
};

class Simulation : public World, public Meter {
 public:
  enum class Stop {
    kFinished,    // every program has ended or crashed
    kCheckpoint,  // a requested checkpoint can be saved now; run() goes on afterwards
    kEndOfTime,   // Conditions::end_s
  };

  Simulation(std::size_t nodes, Conditions conditions, Program program, ThreadPool& pool);
  ~Simulation() override;

  Stop run();

  // Asks for a checkpoint as soon as every program can be saved; run() then returns.
  void request_checkpoint();
  bool checkpoint_ready() const { return checkpoint_wanted_ && unsaved_ == 0; }
  // Everything that is needed to go on; only when checkpoint_ready(). Ends the request.
  Bytes save();
  // In a fresh simulation of the same nodes and conditions, in place of starting at time 0.
  Status restore(ByteView checkpoint);

  void set_observer(Observer* observer) { observer_ = observer; }
  void set_interceptor(Interceptor* interceptor);
  void set_trace(TraceSink* trace) { trace_ = trace; }

  const Traffic& traffic() const { return traffic_; }
  Traffic& traffic() { return traffic_; }
  std::uint64_t sent_bytes(NodeId node) const { return records_[node].sent_bytes; }
  std::uint64_t gradients() const override { return gradients_; }
  std::uint64_t bytes_up() const override;
  std::uint64_t bytes_down() const override;
  std::uint64_t events() const { return events_done_; }
  // A hash chained over every event: time, kind, node, and the size of what moved.
  std::uint64_t trace_digest() const { return digest_; }
  std::size_t size() const { return records_.size(); }
  bool crashed(NodeId node) const { return records_[node].state == State::kCrashed; }
  // Frames on their way; 0 at the end of a finished run.
  std::size_t in_flight() const { return flights_.size() - free_flights_.size(); }

  // World.
  double now_s() const override { return now_s_; }
  std::uint64_t seed() const override { return conditions_.seed; }
  void send(NodeId from, NodeId to, const Frame& frame) override;
  void set_timer(NodeId node, double time_s) override;
  void compute(NodeId node, double work_flops, std::function<void()> job) override;
  void reattach_compute(NodeId node, std::function<void()> job) override;
  void resume(std::coroutine_handle<> program) override { ready_.post(program); }
  void fate(NodeId, Fate fate, std::size_t bytes) override { traffic_.fate(fate, bytes); }
  void count_gradients(std::uint64_t evaluations) override { gradients_ += evaluations; }
  Observer* observer() override { return observer_; }
  void at_boundary(Node& node) override;

 private:
  enum class State : std::uint8_t { kWaiting, kRunning, kFinished, kCrashed };
  struct Record {
    std::unique_ptr<Node> node;
    Task<> program;
    ThreadPool::Ticket job;
    double up_free_s = 0.0;
    double down_free_s = 0.0;
    std::uint64_t sent_bytes = 0;
    std::uint32_t frames = 0;
    std::uint32_t computations = 0;
    State state = State::kWaiting;
  };
  struct Flight {
    Frame frame;
    NodeId from = 0;
    NodeId to = 0;
    Tag tag{};
    double begin_s = 0.0;
    double up_time_s = 0.0;
  };

  double up_s_per_byte(NodeId node) const;
  double down_s_per_byte(NodeId node) const;
  void launch(NodeId from, NodeId to, const Frame& frame, double begin_s, double up_time_s,
              double delay_s);
  void handle(const Event& event);
  void on_head(const Event& event);
  void on_delivery(std::uint32_t slot);
  void drop(std::uint32_t slot);
  void free_flight(std::uint32_t slot);
  void start_program(NodeId node);
  void crash(NodeId node);
  void after_event(NodeId node);
  void finish(NodeId node, State state);
  void shut_down();
  void save_nodes(ByteWriter& out, FrameTable& frames) const;
  Status restore_nodes(ByteReader& in, const FrameTable& frames);
  Status check_slots() const;

  Conditions conditions_;
  Program make_program_;
  ThreadPool& pool_;
  double now_s_ = 0.0;
  EventQueue queue_;
  RunQueue ready_;
  std::vector<Record> records_;
  std::vector<Flight> flights_;
  std::vector<std::uint32_t> free_flights_;
  Traffic traffic_;
  std::size_t unfinished_ = 0;
  std::uint64_t gradients_ = 0;
  std::uint64_t events_done_ = 0;
  std::uint64_t server_sent_bytes_ = 0;
  std::uint64_t digest_ = 0x9e3779b97f4a7c15ull;
  bool checkpoint_wanted_ = false;
  std::size_t unsaved_ = 0;  // running programs without a snapshot
  Observer* observer_ = nullptr;
  TraceSink* trace_ = nullptr;
};

}  // namespace shoal

// RealWorld: the world of a process that holds some of a run's nodes: a monotonic clock, a
// transport to the other processes, real computing time.
//
// One thread (the one that calls run()) drives the programs of all local nodes, as the simulation
// does; transports bring frames from their own threads. Nothing spins: the thread sleeps until a
// frame, a deadline or a request comes. The arithmetic of a run is that of the simulation: what
// depends on real time is only which messages are there when a deadline passes.
//
// The process that keeps the ledger has an observer of its own; others write down what theirs would
// see and send it there (observation.h).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <variant>
#include <vector>

#include "shoal/net/observation.h"
#include "shoal/net/transport.h"
#include "shoal/node/node.h"

namespace shoal {

struct RealWorldSettings {
  std::size_t nodes = 0;
  std::size_t servers = 0;
  std::uint64_t seed = 1;
  std::vector<NodeId> local;  // increasing
  bool keeps_ledger = false;
  bool count_links = false;
  ReportSchedule schedule;
  ObservationLimits observations;  // of what other processes report
  double clock_s = 0.0;            // where the run's clock stands: > 0 when it goes on
};

class RealWorld : public World, public Meter, public FrameSink {
 public:
  enum class Stop { kFinished, kStopped };

  RealWorld(const RealWorldSettings& settings, Program program);
  ~RealWorld() override;

  void set_transport(Transport* transport) { transport_ = transport; }
  // The ledger's observer; only where settings.keeps_ledger.
  void set_observer(Observer* observer) { observer_ = observer; }
  // Called when a local program stands at the beginning of a step, or behind its last one.
  void on_boundary(std::function<void(Node&)> on_boundary) {
    on_boundary_ = std::move(on_boundary);
  }
  // Called when a local program's gather is over, with those who are in.
  using OnClosed = std::function<void(NodeId node, Step round, std::span<const NodeId> senders)>;
  void on_closed(OnClosed on_closed) { on_closed_ = std::move(on_closed); }
  // Called by the driving thread at most every `period_s`.
  void every(double period_s, std::function<void()> tick);

  // What a node needs to go on from a boundary, with what this process has counted and what the
  // node sent last, and the digest of what its program keeps.
  //
  // A program's frames leave when it next waits, and not before what is saved at a boundary on the
  // way is saved. So whatever a client has told others and then remembered differently, as error
  // feedback does, is on disk before they can know it: killed in between, it sends the same again.
  struct Saved {
    Bytes state;
    Digest kept{};
  };
  Saved save(Node& node) const;
  // Before run(): the local node goes on where it was saved, and the run's clock with it; what it
  // had sent in that step is sent again.
  Status restore(NodeId node, ByteView state);

  // Before run(): the local node comes to a run under way without its state.
  void begin_as(NodeId node, Newcomer newcomer);

  // Until all local programs have ended and, where the ledger is kept, all others have said so too
  // or `linger_s` have passed since.
  Stop run(double linger_s);
  // After run(): why a program did not come back to the state it was given; then nothing was run.
  const Status& restored() const { return restored_; }
  // From any thread or a signal handler.
  void request_stop();
  bool stopping() const { return stop_.load(); }
  // The member will not report any more; the ledger goes on without it.
  void lose(NodeId node);
  // One that was lost is there again; the ledger waits for it as for the others.
  void find(NodeId node);

  // Of this process, and of those whose nodes have left; complete when run() has finished.
  Traffic all_traffic() const;

  // FrameSink.
  void deliver(NodeId from, NodeId to, Frame frame) override;
  void observed(NodeId from, Bytes observation) override;

  // Meter.
  double now_s() const override;
  std::uint64_t gradients() const override { return gradients_ + remote_.gradients; }
  std::uint64_t bytes_up() const override;
  std::uint64_t bytes_down() const override;

  // World.
  std::uint64_t seed() const override { return settings_.seed; }
  void send(NodeId from, NodeId to, const Frame& frame) override;
  void set_timer(NodeId node, double time_s) override;
  void compute(NodeId node, double work_flops, std::function<void()> job) override;
  void reattach_compute(NodeId node, std::function<void()> job) override;
  void resume(std::coroutine_handle<> program) override { ready_.post(program); }
  void fate(NodeId, Fate fate, std::size_t bytes) override { traffic_.fate(fate, bytes); }
  void count_gradients(std::uint64_t evaluations) override { gradients_ += evaluations; }
  Observer* observer() override;
  bool hands_over_early() const override { return true; }
  void at_boundary(Node& node) override;
  void round_closed(NodeId node, Tag, Step round, std::span<const NodeId> senders) override {
    if (on_closed_) on_closed_(node, round, senders);
  }
  void at_end(Node& node) override { at_boundary(node); }

 private:
  struct Arrival {
    NodeId from;
    NodeId to;
    Frame frame;
  };
  struct Observed {
    NodeId from;
    Bytes bytes;
  };
  struct Lost {
    NodeId node;
  };
  struct Found {
    NodeId node;
  };
  using Event = std::variant<Arrival, Observed, Lost, Found>;
  struct Outgoing {
    NodeId from = 0;
    NodeId to = 0;
    Frame frame;
  };
  struct Local {
    std::unique_ptr<Node> node;
    Task<> program;
    std::function<void()> job;  // to be run next
    double timer_s = 0.0;
    bool finished = false;
  };

  void post(Event event);
  void handle(Event& event);
  void take_observation(const Observed& observed);
  void start_programs();
  bool work();  // timers and jobs that are due; whether there were any
  void after(Local& local);
  void send_outgoing();
  Status load_outgoing(ByteReader& in);
  void wait_for_event();
  void report();
  void left(NodeId node);
  ObservedCounts totals() const;  // of our own
  bool over(double linger_s);

  RealWorldSettings settings_;
  Program make_program_;
  Transport* transport_ = nullptr;
  Observer* observer_ = nullptr;
  ObservationWriter writer_;
  std::function<void(Node&)> on_boundary_;
  OnClosed on_closed_;
  std::function<void()> tick_;
  double tick_period_s_ = 0.0;
  double next_tick_s_ = 0.0;
  std::chrono::steady_clock::time_point begin_;
  RunQueue ready_;
  std::map<NodeId, Local> locals_;
  std::vector<Outgoing> outgoing_;
  std::set<NodeId> others_;  // that have not left
  std::set<NodeId> lost_;    // of others, and not found again
  std::size_t unfinished_ = 0;
  double finished_s_ = 0.0;
  Traffic traffic_;
  Traffic remote_traffic_;
  ObservedCounts remote_;
  std::uint64_t gradients_ = 0;
  ObservedCounts reported_;  // of totals()
  std::atomic<bool> stop_{false};
  Status restored_;

  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<Event> events_;
};

}  // namespace shoal

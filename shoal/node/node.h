// Node: all that a method sees of the world.
//
//   Task<> ping(Node& node) {
//     for (const Step step : node.steps(10)) {
//       MessageBuilder message(tag("ping"), step);
//       const Frame frame = message.finish();
//       co_await node.send(1, frame);
//       const auto answer = co_await node.receive(1, tag("pong"), step, 5.0);
//       if (!answer) co_return;                       // nothing within 5 s
//     }
//   }
//
// Every wait has a deadline. A frame is keyed by (tag, round, sender): one that comes early waits
// in the inbox, one that comes late or twice is counted and dropped.
//
// Checkpoints. A program registers what it keeps with keep() and loops over steps(). It can be
// continued from the beginning of a step plus the inputs it has consumed since, so a run resumes
// at any instant with the same bits. Two rules make that work: between the beginning of a step and
// its first wait a program may send but must not change what it keeps, and a job given to
// compute() touches only what belongs to its node.
#pragma once

#include <coroutine>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/base/random.h"
#include "shoal/base/sha256.h"
#include "shoal/node/journal.h"
#include "shoal/node/message.h"
#include "shoal/node/newcomer.h"
#include "shoal/node/task.h"
#include "shoal/node/world.h"

namespace shoal {

inline constexpr std::size_t kInboxFramesMax = 65536;
inline constexpr Step kForever = std::numeric_limits<Step>::max();

// When a gather is over: `goal` messages have come (0: all expected), `enough` says so, or
// `patience_s` has passed.
struct Until {
  Until() = default;
  explicit Until(double patience_s) : patience_s(patience_s) {}
  std::size_t goal = 0;
  double patience_s = 0.0;
  // Asked after every arrival with the number of messages so far.
  std::function<bool(std::size_t arrived)> enough;
  // Takes each message at once, in whatever order they come, in worlds that do not keep a round's
  // messages (World::hands_over_early); those are then not among Arrivals::messages. What it makes
  // of them must not depend on that order.
  std::function<void(const Message& message)> take;
};

struct Arrivals {
  std::vector<Message> messages;  // by increasing sender; without those that Until::take took
  std::vector<NodeId> senders;    // of all that came, increasing
  std::vector<NodeId> missing;    // expected, but not here
  bool timed_out = false;
};

class Node {
 public:
  Node(NodeId id, World& world) : world_(world), id_(id) {}
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  NodeId id() const { return id_; }
  double now_s() const;
  RandomStream random(Purpose purpose, Step step = 0) const {
    return {world_.seed(), purpose, id_, step};
  }
  std::uint64_t seed() const { return world_.seed(); }

  // The steps of this program from the first (or the one it is resumed at) to count-1. Taking the
  // next one marks the beginning of a step.
  class Steps;
  Steps steps(Step count);
  // The step under way is the last one: for a program that leaves its loop early.
  void end_steps() { steps_ended(step_ + 1); }
  // Registers what a checkpoint must hold; a resumed program finds it loaded on return.
  void keep(Persistent& state);
  // Set where the node comes to a run under way: before its first step the program takes on the
  // replica and tells its neighbours which steps it has missed.
  const Newcomer* newcomer() const { return newcomer_.get(); }

  class [[nodiscard]] Sending;
  class [[nodiscard]] Receiving;
  class [[nodiscard]] Gathering;
  class [[nodiscard]] Waiting;

  // Hands the frame to the network; a real one may make the sender wait for room.
  Sending send(NodeId to, const Frame& frame);
  // The message of that tag and round from that sender, or nothing within patience_s.
  Receiving receive(NodeId from, Tag tag, Step round, double patience_s);
  // The next message of whatever kind, in order of arrival, or nothing within patience_s.
  Receiving next(double patience_s);
  // Messages of one tag and round from `expected` (increasing ids). Both arguments must outlive
  // the wait: name them.
  Gathering gather(Tag tag, Step round, std::span<const NodeId> expected, const Until& until);
  // Runs the job, which takes work_flops on this node.
  Waiting compute(double work_flops, std::function<void()> job);
  Waiting sleep(double duration_s);

  // For the observer; silent while a resumed program catches up.
  bool wants_model(Step step) const;
  template <class Scalar>
  void show_model(Step step, std::span<const Scalar> parameters) {
    if (Observer* observer = live_observer()) observer->model(id_, step, parameters);
  }
  void show(Step step, std::string_view name, double value);
  bool wants_rows(Step step) const;
  void show_aggregation(Step step, const RoundView& round, std::span<const float> aggregate);
  void show_selection(Step step, std::span<const NodeId> senders, const Selection& selection);
  void step_done(Step step);
  void count_gradients(std::uint64_t evaluations);

  // --- What a world calls. ---
  void on_frame(NodeId sender, const Frame& frame);
  void on_timer();
  void on_computed();
  void set_interceptor(Interceptor* interceptor) { interceptor_ = interceptor; }
  // Frames left when the program ends are counted as unread.
  void close();

  // Whether the program waits for messages and has consumed nothing since its step began: then a
  // snapshot can be taken from outside.
  bool parked() const;
  bool has_snapshot() const { return snapshot_ != nullptr; }
  void take_snapshot();
  // SHA-256 of what the snapshot keeps.
  Digest snapshot_digest() const;
  Step step() const { return step_; }
  void drop_snapshot() { snapshot_.reset(); }
  void save(ByteWriter& out, FrameTable& frames) const;
  // Before the program starts: it will continue where save() found it. What it sent since the
  // snapshot is sent again when `send_again` is set: for worlds whose frames in flight are lost.
  Status restore(ByteReader& in, const FrameTable& frames, bool send_again = false);
  // After it has started: whether it did, or has nothing left to do.
  Status restored() const;
  // Before the program starts: it has no state of its own, and its steps begin there.
  void begin_as(Newcomer newcomer);

 private:
  enum class WaitKind : std::uint8_t { kNone, kMessages, kAny, kCompute, kSleep };
  struct Wait {
    WaitKind kind = WaitKind::kNone;
    Tag tag{};
    Step round = 0;
    NodeId single = 0;
    std::size_t goal = 0;
    std::size_t arrived = 0;
    double deadline_s = 0.0;
    std::span<const NodeId> expected;
    const Until* until = nullptr;
    std::coroutine_handle<> program;
  };
  struct Closed {
    Tag tag;
    NodeId sender;  // of next(); kAllSenders of gather()
    Step round;
  };
  static constexpr NodeId kAllSenders = std::numeric_limits<NodeId>::max();

  bool replaying() const { return replay_ && replay_->next < replay_->log.size(); }
  Observer* live_observer() const { return replay_ ? nullptr : world_.observer(); }
  void begin_wait(WaitKind kind, double patience_s);
  bool wait_is_over() const;
  bool takes_early() const;
  void take_waiting();
  void mark_arrived(NodeId sender);
  bool matches(NodeId sender, const FrameHeader& header) const;
  bool is_closed(NodeId sender, const FrameHeader& header) const;
  bool is_duplicate(NodeId sender, const FrameHeader& header) const;
  void mark_closed(Tag tag, NodeId sender, Step round);
  void count_arrived();
  void finish_wait(bool timed_out);
  void collect(bool timed_out);
  void consumed(Input input);
  void take_from_replay();
  bool ready();                                   // await_ready of every awaiter
  void suspend(std::coroutine_handle<> program);  // await_suspend of every awaiter
  void boundary(Step step);
  void steps_ended(Step count);
  Arrivals take_arrivals() { return std::move(arrivals_); }

  World& world_;
  NodeId id_;
  Step step_ = 0;
  double boundary_s_ = 0.0;
  bool consumed_since_boundary_ = false;
  double timer_s_ = std::numeric_limits<double>::infinity();
  Wait wait_;
  Arrivals arrivals_;
  std::function<void()> job_;
  double work_flops_ = 0.0;
  std::vector<Message> inbox_;
  std::vector<std::uint8_t> arrived_;  // of wait_.expected
  std::vector<Closed> closed_;
  std::vector<Persistent*> kept_;
  Interceptor* interceptor_ = nullptr;
  std::unique_ptr<Snapshot> snapshot_;
  std::unique_ptr<Replay> replay_;
  std::unique_ptr<const Newcomer> newcomer_;

  friend class Steps;
};

class Node::Steps {
 public:
  class Iterator {
   public:
    Iterator(Node* node, Step step) : node_(node), step_(step) {}
    Step operator*() const {
      node_->boundary(step_);
      return step_;
    }
    Iterator& operator++() {
      ++step_;
      return *this;
    }
    bool operator!=(const Iterator& other) const {
      if (step_ < other.step_) return true;
      node_->steps_ended(step_);
      return false;
    }

   private:
    Node* node_;
    Step step_;
  };
  Steps(Node* node, Step first, Step count) : node_(node), first_(first), count_(count) {}
  Iterator begin() const { return {node_, first_}; }
  Iterator end() const { return {node_, count_}; }

 private:
  Node* node_;
  Step first_;
  Step count_;
};

// Makes the program of a node.
using Program = std::function<Task<>(Node&)>;

// The awaiters hold one pointer each; all state of a wait lives in its node.
class Node::Sending {
 public:
  bool await_ready() const noexcept { return true; }
  void await_suspend(std::coroutine_handle<>) const noexcept {}
  void await_resume() const noexcept {}
};

class Node::Waiting {
 public:
  explicit Waiting(Node* node) : node_(node) {}
  bool await_ready() const { return node_->ready(); }
  void await_suspend(std::coroutine_handle<> program) const { node_->suspend(program); }
  void await_resume() const noexcept {}

 private:
  Node* node_;
};

class Node::Receiving {
 public:
  explicit Receiving(Node* node) : node_(node) {}
  bool await_ready() const { return node_->ready(); }
  void await_suspend(std::coroutine_handle<> program) const { node_->suspend(program); }
  std::optional<Message> await_resume() const {
    Arrivals arrivals = node_->take_arrivals();
    if (arrivals.messages.empty()) return std::nullopt;
    return std::move(arrivals.messages.front());
  }

 private:
  Node* node_;
};

class Node::Gathering {
 public:
  explicit Gathering(Node* node) : node_(node) {}
  bool await_ready() const { return node_->ready(); }
  void await_suspend(std::coroutine_handle<> program) const { node_->suspend(program); }
  Arrivals await_resume() const { return node_->take_arrivals(); }

 private:
  Node* node_;
};

}  // namespace shoal

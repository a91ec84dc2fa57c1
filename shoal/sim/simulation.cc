#include "shoal/sim/simulation.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace shoal {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

std::uint64_t chain(std::uint64_t digest, std::uint64_t value) {
  digest = (digest ^ value) * 0xff51afd7ed558ccdull;
  return digest ^ (digest >> 32);
}

double seconds_per_byte(double bits_per_s) { return bits_per_s > 0 ? 8.0 / bits_per_s : 0.0; }

}  // namespace

Simulation::Simulation(std::size_t nodes, Conditions conditions, Program program, ThreadPool& pool)
    : conditions_(std::move(conditions)), make_program_(std::move(program)), pool_(pool) {
  records_.resize(nodes);
  unfinished_ = nodes;
  for (NodeId id = 0; id < nodes; ++id) {
    records_[id].node = std::make_unique<Node>(id, *this);
    queue_.push(join_time_s(conditions_, id), EventKind::kStart, id, 0);
    const double crash_s = crash_time_s(conditions_, id);
    if (crash_s < kNever) queue_.push(crash_s, EventKind::kCrash, id, 0);
  }
}

Simulation::~Simulation() {
  // Computations of programs that are still suspended touch their frames: let them end first.
  for (Record& record : records_)
    if (record.job) pool_.wait(record.job);
}

void Simulation::set_interceptor(Interceptor* interceptor) {
  for (Record& record : records_) record.node->set_interceptor(interceptor);
}

// --- The event loop ---

Simulation::Stop Simulation::run() {
  while (unfinished_ > 0) {
    if (checkpoint_ready()) return Stop::kCheckpoint;
    SHOAL_CHECK(!queue_.empty(), "programs wait and nothing will ever happen");
    if (queue_.top().time_s > conditions_.end_s) {
      shut_down();
      return Stop::kEndOfTime;
    }
    const Event event = queue_.pop();
    now_s_ = event.time_s;
    ++events_done_;
    digest_ = chain(digest_, std::bit_cast<std::uint64_t>(event.time_s));
    digest_ = chain(digest_, (static_cast<std::uint64_t>(event.node) << 8) | (event.order & 7));
    handle(event);
  }
  shut_down();
  return Stop::kFinished;
}

void Simulation::handle(const Event& event) {
  Record& record = records_[event.node];
  switch (event.kind()) {
    case EventKind::kHead:
      return on_head(event);
    case EventKind::kDelivery:
      return on_delivery(event.slot);
    case EventKind::kStart:
      if (record.state == State::kWaiting) start_program(event.node);
      return;
    case EventKind::kCrash:
      return crash(event.node);
    case EventKind::kTimer:
      if (record.state == State::kRunning) record.node->on_timer();
      break;
    case EventKind::kComputed:
      if (record.state != State::kRunning) return;
      pool_.wait(record.job);
      record.job.reset();
      record.node->on_computed();
      break;
  }
  after_event(event.node);
}

void Simulation::start_program(NodeId node) {
  Record& record = records_[node];
  record.state = State::kRunning;
  if (checkpoint_wanted_) ++unsaved_;  // until its first boundary
  record.program = make_program_(*record.node);
  record.program.start(ready_);
  after_event(node);
}

void Simulation::after_event(NodeId node) {
  ready_.drain();
  if (records_[node].program.done()) finish(node, State::kFinished);
}

void Simulation::crash(NodeId node) {
  Record& record = records_[node];
  if (record.state == State::kFinished || record.state == State::kCrashed) return;
  finish(node, State::kCrashed);
}

void Simulation::finish(NodeId node, State state) {
  Record& record = records_[node];
  if (record.job) pool_.wait(record.job);
  record.job.reset();
  if (checkpoint_wanted_ && record.state == State::kRunning && !record.node->has_snapshot())
    --unsaved_;
  record.program.reset();
  record.node->close();
  record.node->drop_snapshot();
  record.state = state;
  --unfinished_;
  if (observer_) observer_->node_left(node);
}

// What is still on its way when the last program has ended reaches nobody.
void Simulation::shut_down() {
  for (NodeId id = 0; id < records_.size(); ++id)
    if (records_[id].state == State::kRunning || records_[id].state == State::kWaiting)
      finish(id, State::kCrashed);
  for (std::uint32_t slot = 0; slot < flights_.size(); ++slot)
    if (flights_[slot].frame) drop(slot);
}

std::uint64_t Simulation::bytes_up() const {
  const std::uint64_t sent = traffic_.total().sent_bytes;
  return conditions_.servers > 0 ? sent - server_sent_bytes_ : sent;
}

std::uint64_t Simulation::bytes_down() const {
  return conditions_.servers > 0 ? server_sent_bytes_ : traffic_.total().received_bytes;
}

// --- The network ---

double Simulation::up_s_per_byte(NodeId node) const {
  const NetworkSettings& network = conditions_.network;
  const bool server = node < conditions_.servers && network.server_up_bits_per_s > 0;
  return seconds_per_byte(server ? network.server_up_bits_per_s : network.up_bits_per_s);
}

double Simulation::down_s_per_byte(NodeId node) const {
  const NetworkSettings& network = conditions_.network;
  const bool server = node < conditions_.servers && network.server_down_bits_per_s > 0;
  return seconds_per_byte(server ? network.server_down_bits_per_s : network.down_bits_per_s);
}

void Simulation::send(NodeId from, NodeId to, const Frame& frame) {
  SHOAL_CHECK(to < records_.size(), "a frame to a node that does not exist");
  Record& sender = records_[from];
  const std::size_t bytes = frame->size();
  Tag tag{};
  if (const auto header = read_frame_header(*frame); header.ok()) tag = header->tag;
  traffic_.sent(from, to, tag, bytes);
  sender.sent_bytes += bytes;
  if (from < conditions_.servers) server_sent_bytes_ += bytes;
  digest_ = chain(digest_, bytes);

  const double up_time_s = static_cast<double>(bytes) * up_s_per_byte(from);
  double begin_s = now_s_;
  if (conditions_.network.shared_cards) {
    begin_s = std::max(now_s_, sender.up_free_s);
    sender.up_free_s = begin_s + up_time_s;
  }
  double delay_s = conditions_.network.latency_s;
  const FaultSettings& faults = conditions_.faults;
  if (conditions_.network.jitter_s > 0.0 || faults.any_network()) {
    RandomStream stream(conditions_.seed, purpose("network"), from, sender.frames++);
    delay_s += conditions_.network.jitter_s * stream.exponential();
    const bool lost = stream.uniform() < faults.loss || is_cut(conditions_, from, to, now_s_);
    if (stream.uniform() < faults.reordering)
      delay_s += stream.uniform() * faults.reordering_delay_s;
    if (lost) return traffic_.dropped(from, to, tag, bytes);
    if (stream.uniform() < faults.duplication) {
      traffic_.sent(from, to, tag, bytes);  // the network's copy: it too must arrive or be dropped
      launch(from, to, frame, begin_s, up_time_s,
             delay_s + stream.uniform() * faults.reordering_delay_s);
    }
  }
  launch(from, to, frame, begin_s, up_time_s, delay_s);
}

void Simulation::launch(NodeId from, NodeId to, const Frame& frame, double begin_s,
                        double up_time_s, double delay_s) {
  std::uint32_t slot;
  if (free_flights_.empty()) {
    slot = static_cast<std::uint32_t>(flights_.size());
    flights_.emplace_back();
  } else {
    slot = free_flights_.back();
    free_flights_.pop_back();
  }
  Tag tag{};
  if (const auto header = read_frame_header(*frame); header.ok()) tag = header->tag;
  flights_[slot] = {frame, from, to, tag, begin_s, up_time_s};
  queue_.push(begin_s + delay_s, EventKind::kHead, to, slot);
}

void Simulation::on_head(const Event& event) {
  const Flight& flight = flights_[event.slot];
  Record& receiver = records_[flight.to];
  if (receiver.state != State::kRunning) return drop(event.slot);
  const double down_time_s = static_cast<double>(flight.frame->size()) * down_s_per_byte(flight.to);
  double begin_s = now_s_;
  if (conditions_.network.shared_cards) begin_s = std::max(now_s_, receiver.down_free_s);
  // The last byte cannot arrive before it was sent.
  const double end_s = std::max(begin_s + down_time_s, now_s_ + flight.up_time_s);
  if (conditions_.network.shared_cards) receiver.down_free_s = end_s;
  if (trace_)
    trace_->transferred(flight.from, flight.to, flight.tag, flight.frame->size(), flight.begin_s,
                        end_s);
  if (end_s > now_s_)
    queue_.push(end_s, EventKind::kDelivery, event.node, event.slot);
  else
    on_delivery(event.slot);
}

void Simulation::on_delivery(std::uint32_t slot) {
  Flight& flight = flights_[slot];
  Record& receiver = records_[flight.to];
  if (receiver.state != State::kRunning) return drop(slot);
  traffic_.received(flight.from, flight.to, flight.tag, flight.frame->size());
  digest_ = chain(digest_, flight.frame->size());
  const NodeId to = flight.to;
  const NodeId from = flight.from;
  const Frame frame = std::move(flight.frame);
  free_flight(slot);
  receiver.node->on_frame(from, frame);
  after_event(to);
}

void Simulation::drop(std::uint32_t slot) {
  const Flight& flight = flights_[slot];
  traffic_.dropped(flight.from, flight.to, flight.tag, flight.frame->size());
  free_flight(slot);
}

void Simulation::free_flight(std::uint32_t slot) {
  flights_[slot].frame.reset();
  free_flights_.push_back(slot);
}

// --- Time and work ---

void Simulation::set_timer(NodeId node, double time_s) {
  queue_.push(std::max(time_s, now_s_), EventKind::kTimer, node, 0);
}

void Simulation::compute(NodeId node, double work_flops, std::function<void()> job) {
  Record& record = records_[node];
  const double time_s = compute_time_s(conditions_, node, record.computations++, work_flops);
  record.job = pool_.submit(std::move(job));
  if (trace_) trace_->computed(node, now_s_, now_s_ + time_s);
  queue_.push(now_s_ + time_s, EventKind::kComputed, node, 0);
}

void Simulation::reattach_compute(NodeId node, std::function<void()> job) {
  records_[node].job = pool_.submit(std::move(job));
}

}  // namespace shoal

#include "shoal/net/real_world.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "shoal/base/log.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();
// A stop request from a signal handler cannot wake the thread, so it looks this often.
constexpr double kLookPeriod_s = 0.2;

static_assert(kMissedStepsMax < kQueuedFramesPerNodeMax, "a newcomer's absences fit its queue");

}  // namespace

RealWorld::RealWorld(const RealWorldSettings& settings, Program program)
    : settings_(settings),
      make_program_(std::move(program)),
      writer_(settings.schedule),
      begin_(std::chrono::steady_clock::now()) {
  for (NodeId id = 0; id < settings_.nodes; ++id) others_.insert(id);
  for (const NodeId id : settings_.local) {
    SHOAL_CHECK(id < settings_.nodes, "a local node that the run does not have");
    locals_[id].node = std::make_unique<Node>(id, *this);
    locals_[id].timer_s = kNever;
    others_.erase(id);
  }
  unfinished_ = locals_.size();
  traffic_.count_links(settings_.count_links);
}

RealWorld::~RealWorld() = default;

void RealWorld::every(double period_s, std::function<void()> tick) {
  tick_period_s_ = period_s;
  tick_ = std::move(tick);
}

double RealWorld::now_s() const {
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begin_;
  return settings_.clock_s + passed.count();
}

// --- Saving and going on ---

RealWorld::Saved RealWorld::save(Node& node) const {
  Saved saved;
  node.take_snapshot();
  saved.kept = node.snapshot_digest();
  FrameTable frames;
  ByteWriter state;
  node.save(state, frames);
  node.drop_snapshot();
  ByteWriter out;
  out.number(now_s());
  out.number(gradients_);
  for (const std::uint64_t sum : {remote_.gradients, remote_.sent_bytes, remote_.received_bytes})
    out.number(sum);
  traffic_.save(out);
  remote_traffic_.save(out);
  out.number<std::uint64_t>(outgoing_.size());
  for (const Outgoing& sent : outgoing_) {
    out.number(sent.from);
    out.number(sent.to);
    out.block(*sent.frame);
  }
  frames.save(out);
  out.block(state.bytes());
  saved.state = std::move(out).take();
  return saved;
}

Status RealWorld::restore(NodeId node, ByteView state) {
  const auto local = locals_.find(node);
  if (local == locals_.end())
    return invalid_argument(fmt::format("the state of node {}, which is not here", node));
  ByteReader in(state);
  SHOAL_TRY(const double clock_s, in.number<double>());
  for (std::uint64_t* sum :
       {&gradients_, &remote_.gradients, &remote_.sent_bytes, &remote_.received_bytes}) {
    SHOAL_TRY(*sum, in.number<std::uint64_t>());
  }
  SHOAL_TRY_STATUS(traffic_.load(in));
  SHOAL_TRY_STATUS(remote_traffic_.load(in));
  reported_ = totals();
  SHOAL_TRY_STATUS(load_outgoing(in));
  FrameTable frames;
  SHOAL_TRY_STATUS(frames.load(in));
  SHOAL_TRY(const ByteView saved, in.block());
  ByteReader node_in(saved);
  SHOAL_TRY_STATUS(local->second.node->restore(node_in, frames, true));
  settings_.clock_s = std::max(settings_.clock_s, clock_s);
  if (!in.done() || !node_in.done()) return corrupt("bytes too many behind a node's state");
  return ok_status();
}

Status RealWorld::load_outgoing(ByteReader& in) {
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < count; ++i) {
    Outgoing sent;
    SHOAL_TRY(sent.from, in.number<NodeId>());
    SHOAL_TRY(sent.to, in.number<NodeId>());
    SHOAL_TRY(const ByteView bytes, in.block());
    if (sent.to >= settings_.nodes || !read_frame_header(bytes).ok())
      return corrupt("a saved frame that cannot be sent");
    sent.frame = std::make_shared<const Bytes>(bytes.begin(), bytes.end());
    outgoing_.push_back(std::move(sent));
  }
  return ok_status();
}

void RealWorld::begin_as(NodeId node, Newcomer newcomer) {
  locals_.at(node).node->begin_as(std::move(newcomer));
}

// --- The driving thread ---

RealWorld::Stop RealWorld::run(double linger_s) {
  begin_ = std::chrono::steady_clock::now();
  start_programs();
  while (!stop_.load() && restored_.ok()) {
    std::deque<Event> events;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      events.swap(events_);
    }
    for (Event& event : events) handle(event);
    const bool worked = work();
    report();
    if (over(linger_s)) return Stop::kFinished;
    if (!worked && events.empty()) wait_for_event();
  }
  return Stop::kStopped;
}

void RealWorld::start_programs() {
  for (auto& [id, local] : locals_) {
    local.program = make_program_(*local.node);
    local.program.start(ready_);
    after(local);
    if (restored_.ok()) restored_ = local.node->restored();
  }
}

bool RealWorld::work() {
  bool worked = false;
  for (auto& [id, local] : locals_) {
    if (local.job) {
      std::exchange(local.job, nullptr)();
      local.node->on_computed();
      after(local);
      worked = true;
    }
    if (local.timer_s <= now_s() && !local.finished) {
      local.timer_s = kNever;
      local.node->on_timer();
      after(local);
      worked = true;
    }
  }
  if (tick_ && now_s() >= next_tick_s_) {
    next_tick_s_ = now_s() + tick_period_s_;
    tick_();
  }
  return worked;
}

void RealWorld::after(Local& local) {
  ready_.drain();
  send_outgoing();
  if (local.finished || !local.program.done()) return;
  local.finished = true;
  local.program.reset();
  local.node->close();
  if (--unfinished_ == 0) finished_s_ = now_s();
  left(local.node->id());
}

void RealWorld::left(NodeId node) {
  if (settings_.keeps_ledger) {
    if (observer_) observer_->node_left(node);
    return;
  }
  report();  // the last counts come before the news that no more will
  if (unfinished_ == 0) writer_.traffic(traffic_);
  writer_.node_left(node);
}

bool RealWorld::over(double linger_s) {
  if (unfinished_ > 0) return false;
  if (!settings_.keeps_ledger || others_.empty()) return true;
  return !locals_.empty() && now_s() >= finished_s_ + linger_s;
}

void RealWorld::wait_for_event() {
  double until_s = now_s() + kLookPeriod_s;
  for (const auto& [id, local] : locals_) until_s = std::min(until_s, local.timer_s);
  if (tick_) until_s = std::min(until_s, next_tick_s_);
  const double wait_s = std::max(0.0, until_s - now_s());
  std::unique_lock<std::mutex> lock(mutex_);
  arrived_.wait_for(lock, std::chrono::duration<double>(wait_s),
                    [this] { return !events_.empty() || stop_.load(); });
}

void RealWorld::post(Event event) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    events_.push_back(std::move(event));
  }
  arrived_.notify_one();
}

void RealWorld::handle(Event& event) {
  if (auto* arrival = std::get_if<Arrival>(&event)) {
    Tag tag{};
    if (const auto header = read_frame_header(*arrival->frame); header.ok()) tag = header->tag;
    traffic_.received(arrival->from, arrival->to, tag, arrival->frame->size());
    const auto local = locals_.find(arrival->to);
    if (local == locals_.end() || local->second.finished)
      return traffic_.fate(Fate::kUnread, arrival->frame->size());
    local->second.node->on_frame(arrival->from, arrival->frame);
    arrival->frame.reset();
    return after(local->second);
  }
  if (auto* observed = std::get_if<Observed>(&event)) {
    if (!observer_) return;
    return take_observation(*observed);
  }
  if (const auto* lost = std::get_if<Lost>(&event)) {
    if (others_.erase(lost->node) == 0) return;
    lost_.insert(lost->node);
    if (observer_) observer_->node_left(lost->node);
    return;
  }
  const NodeId node = std::get<Found>(event).node;
  if (lost_.erase(node) == 0) return;
  others_.insert(node);
  if (observer_) observer_->node_returned(node);
}

void RealWorld::take_observation(const Observed& observed) {
  ObservationLimits limits = settings_.observations;
  if (limits.only_node) limits.only_node = observed.from;
  const auto counts = show_observation(observed.bytes, limits, *observer_, remote_traffic_);
  if (!counts.ok())
    return log_event(LogLevel::kWarning, "observation_refused",
                     {{"node", fmt::to_string(observed.from)}, {"why", counts.error().message}});
  remote_.gradients += counts->gradients;
  remote_.sent_bytes += counts->sent_bytes;
  remote_.received_bytes += counts->received_bytes;
  for (const NodeId node : counts->left) {
    others_.erase(node);
    lost_.erase(node);
  }
}

// --- What other threads call ---

void RealWorld::deliver(NodeId from, NodeId to, Frame frame) {
  post(Arrival{from, to, std::move(frame)});
}

void RealWorld::observed(NodeId from, Bytes observation) {
  post(Observed{from, std::move(observation)});
}

void RealWorld::lose(NodeId node) { post(Lost{node}); }

void RealWorld::find(NodeId node) { post(Found{node}); }

void RealWorld::request_stop() { stop_.store(true); }

// --- What programs see ---

void RealWorld::send(NodeId from, NodeId to, const Frame& frame) {
  SHOAL_CHECK(to < settings_.nodes, "a frame to a node that does not exist");
  Tag tag{};
  if (const auto header = read_frame_header(*frame); header.ok()) tag = header->tag;
  traffic_.sent(from, to, tag, frame->size());
  if (locals_.count(to) > 0)
    post(Arrival{from, to, frame});
  else
    outgoing_.push_back({from, to, frame});
}

void RealWorld::send_outgoing() {
  for (const Outgoing& sent : std::exchange(outgoing_, {}))
    if (!stop_.load()) transport_->send(sent.from, sent.to, sent.frame);
}

void RealWorld::set_timer(NodeId node, double time_s) { locals_.at(node).timer_s = time_s; }

void RealWorld::compute(NodeId node, double, std::function<void()> job) {
  locals_.at(node).job = std::move(job);
}

void RealWorld::reattach_compute(NodeId node, std::function<void()> job) {
  locals_.at(node).job = std::move(job);
}

Observer* RealWorld::observer() { return settings_.keeps_ledger ? observer_ : &writer_; }

void RealWorld::at_boundary(Node& node) {
  if (on_boundary_) on_boundary_(node);
  send_outgoing();
}

// --- What is reported ---

ObservedCounts RealWorld::totals() const {
  const Flow& total = traffic_.total();
  return {gradients_, total.sent_bytes, total.received_bytes, {}};
}

void RealWorld::report() {
  if (settings_.keeps_ledger || !transport_) return;
  const ObservedCounts now = totals();
  const std::uint64_t gradients = now.gradients - reported_.gradients;
  const std::uint64_t sent = now.sent_bytes - reported_.sent_bytes;
  const std::uint64_t received = now.received_bytes - reported_.received_bytes;
  if (gradients + sent + received > 0) writer_.counts(gradients, sent, received);
  reported_ = now;
  if (!writer_.empty()) transport_->observe(settings_.local.front(), writer_.take());
}

Traffic RealWorld::all_traffic() const {
  Traffic all = traffic_;
  all.add(remote_traffic_);
  return all;
}

std::uint64_t RealWorld::bytes_up() const {
  const Flow& own = traffic_.total();
  return settings_.servers > 0 ? own.received_bytes : own.sent_bytes + remote_.sent_bytes;
}

std::uint64_t RealWorld::bytes_down() const {
  const Flow& own = traffic_.total();
  return settings_.servers > 0 ? own.sent_bytes : own.received_bytes + remote_.received_bytes;
}

}  // namespace shoal

#include "shoal/node/node.h"

#include <algorithm>

namespace shoal {

double Node::now_s() const { return replay_ ? replay_->time_s : world_.now_s(); }

// --- Steps, and what a checkpoint holds ---

Node::Steps Node::steps(Step count) { return {this, replay_ ? replay_->step : step_, count}; }

void Node::boundary(Step step) {
  step_ = step;
  boundary_s_ = now_s();
  consumed_since_boundary_ = false;
  if (replay_) return;
  if (snapshot_) take_snapshot();
  world_.at_boundary(*this);
}

void Node::steps_ended(Step count) {
  step_ = count;
  boundary_s_ = now_s();
  if (!replay_) world_.at_end(*this);
}

void Node::keep(Persistent& state) {
  kept_.push_back(&state);
  if (!replay_ || !replay_->status.ok()) return;
  ByteReader reader(ByteView(replay_->kept).subspan(replay_->kept_at));
  replay_->status = state.load(reader);
  replay_->kept_at += reader.offset();
}

bool Node::parked() const {
  return !consumed_since_boundary_ &&
         (wait_.kind == WaitKind::kMessages || wait_.kind == WaitKind::kAny);
}

void Node::take_snapshot() {
  snapshot_ = std::make_unique<Snapshot>();
  snapshot_->step = step_;
  snapshot_->time_s = boundary_s_;
  ByteWriter writer;
  for (const Persistent* state : kept_) state->save(writer);
  snapshot_->kept = std::move(writer).take();
}

Digest Node::snapshot_digest() const {
  SHOAL_CHECK(snapshot_ != nullptr, "the digest of a snapshot that was not taken");
  return sha256(snapshot_->kept);
}

void Node::save(ByteWriter& out, FrameTable& frames) const {
  SHOAL_CHECK(snapshot_ != nullptr, "a node is saved from its snapshot");
  out.number<Step>(snapshot_->step);
  out.number<double>(snapshot_->time_s);
  out.block(snapshot_->kept);
  out.number<std::uint32_t>(static_cast<std::uint32_t>(snapshot_->log.size()));
  for (const Input& input : snapshot_->log) save_input(input, out, frames);
  out.number<double>(timer_s_);
  out.number<std::uint32_t>(static_cast<std::uint32_t>(inbox_.size()));
  for (const Message& message : inbox_) save_message(message, out, frames);
  out.number<std::uint32_t>(static_cast<std::uint32_t>(closed_.size()));
  for (const Closed& closed : closed_) {
    out.number<std::uint64_t>(static_cast<std::uint64_t>(closed.tag));
    out.number<NodeId>(closed.sender);
    out.number<Step>(closed.round);
  }
}

Status Node::restore(ByteReader& in, const FrameTable& frames, bool send_again) {
  replay_ = std::make_unique<Replay>();
  replay_->send_again = send_again;
  SHOAL_TRY(replay_->step, in.number<Step>());
  SHOAL_TRY(replay_->time_s, in.number<double>());
  SHOAL_TRY(const ByteView kept, in.block());
  replay_->kept.assign(kept.begin(), kept.end());
  SHOAL_TRY(const auto inputs, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < inputs; ++i) {
    SHOAL_TRY(Input input, load_input(in, frames));
    replay_->log.push_back(std::move(input));
  }
  SHOAL_TRY(timer_s_, in.number<double>());
  SHOAL_TRY(const auto waiting, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < waiting; ++i) {
    SHOAL_TRY(Message message, load_message(in, frames));
    inbox_.push_back(std::move(message));
  }
  SHOAL_TRY(const auto rounds, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < rounds; ++i) {
    SHOAL_TRY(const auto packed, in.number<std::uint64_t>());
    SHOAL_TRY(const auto sender, in.number<NodeId>());
    SHOAL_TRY(const auto round, in.number<Step>());
    closed_.push_back({static_cast<Tag>(packed), sender, round});
  }
  return ok_status();
}

Status Node::restored() const {
  if (!replay_) return ok_status();
  SHOAL_TRY_STATUS(replay_->status);
  // A program that its checkpoint left behind its last step ends at once, and waits for nothing.
  if (!replaying()) return ok_status();
  return corrupt("a program did not come back to where its checkpoint left it");
}

void Node::begin_as(Newcomer newcomer) {
  step_ = newcomer.step;
  newcomer_ = std::make_unique<const Newcomer>(std::move(newcomer));
}

// --- Waits ---

void Node::begin_wait(WaitKind kind, double patience_s) {
  SHOAL_CHECK(wait_.kind == WaitKind::kNone, "a node waits for one thing at a time");
  SHOAL_CHECK(patience_s >= 0.0, "a wait needs a patience of at least 0 s");
  wait_ = Wait();
  wait_.kind = kind;
  wait_.deadline_s = now_s() + patience_s;
}

Node::Sending Node::send(NodeId to, const Frame& frame) {
  if (interceptor_) interceptor_->sent(id_, frame);
  if (!replay_ || replay_->send_again) world_.send(id_, to, frame);
  return {};
}

Node::Receiving Node::receive(NodeId from, Tag tag, Step round, double patience_s) {
  begin_wait(WaitKind::kMessages, patience_s);
  wait_.tag = tag;
  wait_.round = round;
  wait_.single = from;
  wait_.expected = {&wait_.single, 1};
  wait_.goal = 1;
  return Receiving(this);
}

Node::Receiving Node::next(double patience_s) {
  begin_wait(WaitKind::kAny, patience_s);
  wait_.goal = 1;
  return Receiving(this);
}

Node::Gathering Node::gather(Tag tag, Step round, std::span<const NodeId> expected,
                             const Until& until) {
  begin_wait(WaitKind::kMessages, until.patience_s);
  wait_.tag = tag;
  wait_.round = round;
  wait_.expected = expected;
  wait_.goal = until.goal == 0 ? expected.size() : std::min(until.goal, expected.size());
  wait_.until = &until;
  return Gathering(this);
}

Node::Waiting Node::compute(double work_flops, std::function<void()> job) {
  begin_wait(WaitKind::kCompute, 0.0);
  work_flops_ = work_flops;
  job_ = std::move(job);
  return Waiting(this);
}

Node::Waiting Node::sleep(double duration_s) {
  begin_wait(WaitKind::kSleep, duration_s);
  return Waiting(this);
}

bool Node::wait_is_over() const {
  if (wait_.arrived >= wait_.goal) return true;
  return wait_.until && wait_.until->enough && wait_.until->enough(wait_.arrived);
}

bool Node::takes_early() const {
  return wait_.until && wait_.until->take && world_.hands_over_early();
}

bool Node::ready() {
  if (replaying()) {
    take_from_replay();
    return true;
  }
  if (wait_.kind != WaitKind::kMessages && wait_.kind != WaitKind::kAny) return false;
  count_arrived();
  if (takes_early()) take_waiting();
  if (!wait_is_over()) return false;
  finish_wait(false);
  return true;
}

void Node::suspend(std::coroutine_handle<> program) {
  wait_.program = program;
  const bool resumed = replay_ != nullptr;
  if (resumed && replay_->status.ok()) replay_.reset();  // else restored() tells
  if (wait_.kind == WaitKind::kCompute) {
    if (resumed)
      world_.reattach_compute(id_, std::move(job_));
    else
      world_.compute(id_, work_flops_, std::move(job_));
  } else if (wait_.deadline_s < timer_s_) {
    timer_s_ = wait_.deadline_s;
    world_.set_timer(id_, timer_s_);
  }
}

bool Node::matches(NodeId sender, const FrameHeader& header) const {
  if (wait_.kind == WaitKind::kAny) return true;
  return wait_.kind == WaitKind::kMessages && header.tag == wait_.tag &&
         header.round == wait_.round &&
         std::binary_search(wait_.expected.begin(), wait_.expected.end(), sender);
}

void Node::count_arrived() {
  arrived_.assign(wait_.expected.size(), 0);
  wait_.arrived = 0;
  for (const Message& message : inbox_) {
    const FrameHeader header{message.tag(), message.round(), 0};
    if (!matches(message.sender(), header)) continue;
    ++wait_.arrived;
    if (wait_.kind == WaitKind::kAny) return;
    mark_arrived(message.sender());
  }
}

void Node::mark_arrived(NodeId sender) {
  const auto place = std::lower_bound(wait_.expected.begin(), wait_.expected.end(), sender);
  arrived_[static_cast<std::size_t>(place - wait_.expected.begin())] = 1;
}

// Hands over what came before this wait began, up to its goal.
void Node::take_waiting() {
  arrived_.assign(wait_.expected.size(), 0);
  wait_.arrived = 0;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < inbox_.size(); ++i) {
    const Message& message = inbox_[i];
    const FrameHeader header{message.tag(), message.round(), 0};
    if (!matches(message.sender(), header) || wait_is_over()) {
      if (kept != i) inbox_[kept] = std::move(inbox_[i]);
      ++kept;
      continue;
    }
    mark_arrived(message.sender());
    ++wait_.arrived;
    world_.fate(id_, Fate::kUsed, message.size_bytes());
    wait_.until->take(message);
  }
  inbox_.resize(kept);
}

// Moves the messages of this wait from the inbox to arrivals_, the first `goal` to have come.
void Node::collect(bool timed_out) {
  arrivals_ = Arrivals();
  arrivals_.timed_out = timed_out;
  const bool early = takes_early();
  std::size_t kept = 0;
  for (Message& message : inbox_) {
    const FrameHeader header{message.tag(), message.round(), 0};
    const bool taken = matches(message.sender(), header);
    if (taken && !early && arrivals_.messages.size() < wait_.goal) {
      world_.fate(id_, Fate::kUsed, message.size_bytes());
      arrivals_.messages.push_back(std::move(message));
    } else if (taken && wait_.kind == WaitKind::kMessages) {
      world_.fate(id_, Fate::kLate, message.size_bytes());  // beyond the goal
    } else {
      if (&inbox_[kept] != &message) inbox_[kept] = std::move(message);
      ++kept;
    }
  }
  inbox_.resize(kept);
  if (wait_.kind == WaitKind::kAny) {
    for (const Message& message : arrivals_.messages)
      mark_closed(message.tag(), message.sender(), message.round());
    if (interceptor_ && !arrivals_.messages.empty())
      interceptor_->round_closed(id_, arrivals_.messages);
    return;
  }
  auto& messages = arrivals_.messages;
  std::sort(messages.begin(), messages.end(),
            [](const Message& a, const Message& b) { return a.sender() < b.sender(); });
  if (!early) {
    std::fill(arrived_.begin(), arrived_.end(), 0);
    for (const Message& message : messages) mark_arrived(message.sender());
  }
  for (std::size_t i = 0; i < wait_.expected.size(); ++i)
    (arrived_[i] ? arrivals_.senders : arrivals_.missing).push_back(wait_.expected[i]);
  const bool single = wait_.expected.data() == &wait_.single;
  mark_closed(wait_.tag, single ? wait_.single : kAllSenders, wait_.round);
  if (!single) world_.round_closed(id_, wait_.tag, wait_.round, arrivals_.senders);
  if (interceptor_ && !messages.empty()) interceptor_->round_closed(id_, messages);
}

void Node::finish_wait(bool timed_out) {
  if (wait_.kind == WaitKind::kMessages || wait_.kind == WaitKind::kAny)
    collect(timed_out);
  else
    arrivals_ = Arrivals();
  const std::coroutine_handle<> program = wait_.program;
  wait_.kind = WaitKind::kNone;
  wait_.program = nullptr;
  Input input;
  if (snapshot_) {
    input.time_s = world_.now_s();
    input.timed_out = timed_out;
    input.messages = arrivals_.messages;
    input.missing = arrivals_.missing;
  }
  consumed(std::move(input));
  if (program) world_.resume(program);
}

void Node::consumed(Input input) {
  consumed_since_boundary_ = true;
  if (snapshot_) snapshot_->log.push_back(std::move(input));
}

void Node::take_from_replay() {
  Input& input = replay_->log[replay_->next++];
  if (wait_.kind == WaitKind::kCompute) std::exchange(job_, nullptr)();
  arrivals_ = Arrivals();
  arrivals_.messages = std::move(input.messages);
  for (const Message& message : arrivals_.messages) arrivals_.senders.push_back(message.sender());
  arrivals_.missing = std::move(input.missing);
  arrivals_.timed_out = input.timed_out;
  replay_->time_s = input.time_s;
  wait_.kind = WaitKind::kNone;
  consumed_since_boundary_ = true;
}

// --- What the world brings ---

bool Node::is_closed(NodeId sender, const FrameHeader& header) const {
  for (const Closed& closed : closed_)
    if (closed.tag == header.tag && (closed.sender == sender || closed.sender == kAllSenders) &&
        header.round <= closed.round)
      return true;
  return false;
}

void Node::mark_closed(Tag tag, NodeId sender, Step round) {
  for (Closed& closed : closed_) {
    if (closed.tag != tag || closed.sender != sender) continue;
    closed.round = std::max(closed.round, round);
    return;
  }
  closed_.push_back({tag, sender, round});
}

bool Node::is_duplicate(NodeId sender, const FrameHeader& header) const {
  if (wait_.kind == WaitKind::kMessages && matches(sender, header)) {
    const auto place = std::lower_bound(wait_.expected.begin(), wait_.expected.end(), sender);
    return arrived_[static_cast<std::size_t>(place - wait_.expected.begin())] != 0;
  }
  return std::any_of(inbox_.begin(), inbox_.end(), [&](const Message& message) {
    return message.sender() == sender && message.tag() == header.tag &&
           message.round() == header.round;
  });
}

void Node::on_frame(NodeId sender, const Frame& frame) {
  const auto header = read_frame_header(*frame);
  if (!header.ok()) return world_.fate(id_, Fate::kMalformed, frame->size());
  if (is_closed(sender, *header)) return world_.fate(id_, Fate::kLate, frame->size());
  if (is_duplicate(sender, *header)) return world_.fate(id_, Fate::kDuplicate, frame->size());
  if (inbox_.size() >= kInboxFramesMax) return world_.fate(id_, Fate::kOverflow, frame->size());
  Message message(sender, frame, *header);
  const bool awaited = matches(sender, *header);
  const bool taken = awaited && takes_early();
  if (!taken) inbox_.push_back(std::move(message));
  if (!awaited) return;
  if (wait_.kind == WaitKind::kMessages) mark_arrived(sender);
  ++wait_.arrived;
  if (taken) {
    world_.fate(id_, Fate::kUsed, message.size_bytes());
    wait_.until->take(message);
  }
  if (wait_is_over()) finish_wait(false);
}

void Node::on_timer() {
  if (world_.now_s() < timer_s_) return;  // an older, longer timer
  timer_s_ = std::numeric_limits<double>::infinity();
  if (wait_.kind == WaitKind::kNone || wait_.kind == WaitKind::kCompute) return;
  if (world_.now_s() >= wait_.deadline_s) return finish_wait(wait_.kind != WaitKind::kSleep);
  timer_s_ = wait_.deadline_s;
  world_.set_timer(id_, timer_s_);
}

void Node::on_computed() {
  SHOAL_CHECK(wait_.kind == WaitKind::kCompute, "a result without its computation");
  finish_wait(false);
}

void Node::close() {
  for (const Message& message : inbox_) world_.fate(id_, Fate::kUnread, message.size_bytes());
  inbox_.clear();
}

// --- The observer ---

bool Node::wants_model(Step step) const {
  Observer* observer = live_observer();
  return observer && observer->wants_model(id_, step);
}

void Node::show(Step step, std::string_view name, double value) {
  if (Observer* observer = live_observer()) observer->figure(id_, step, name, value);
}

bool Node::wants_rows(Step step) const {
  Observer* observer = live_observer();
  return observer && observer->wants_rows(id_, step);
}

void Node::show_aggregation(Step step, const RoundView& round, std::span<const float> aggregate) {
  if (Observer* observer = live_observer()) observer->aggregation(id_, step, round, aggregate);
}

void Node::show_selection(Step step, std::span<const NodeId> senders, const Selection& selection) {
  if (Observer* observer = live_observer()) observer->selection(id_, step, senders, selection);
}

void Node::step_done(Step step) {
  if (Observer* observer = live_observer()) observer->step_done(id_, step);
}

void Node::count_gradients(std::uint64_t evaluations) {
  if (!replay_) world_.count_gradients(evaluations);
}

}  // namespace shoal

// Saving and restoring a simulation at one instant of virtual time.
//
// Programs are saved as node/journal.h describes; everything else (clock, events, frames in
// flight, cards, counters) is saved as it lies. A frame is stored once however often it occurs.
#include <fmt/format.h>

#include "shoal/sim/simulation.h"

namespace shoal {
namespace {

constexpr std::uint64_t kFormat = 0x326b7063'6c616f68;  // "hoalcpk2"

}  // namespace

void Simulation::request_checkpoint() {
  if (checkpoint_wanted_) return;
  checkpoint_wanted_ = true;
  unsaved_ = 0;
  for (Record& record : records_) {
    if (record.state != State::kRunning) continue;
    if (record.node->parked())
      record.node->take_snapshot();
    else
      ++unsaved_;
  }
}

void Simulation::at_boundary(Node& node) {
  if (!checkpoint_wanted_ || node.has_snapshot()) return;
  node.take_snapshot();
  --unsaved_;
}

void Simulation::save_nodes(ByteWriter& out, FrameTable& frames) const {
  out.number<std::uint64_t>(flights_.size());
  for (const Flight& flight : flights_) {
    out.number<std::uint8_t>(flight.frame ? 1 : 0);
    if (!flight.frame) continue;
    out.number<std::uint32_t>(frames.index_of(flight.frame));
    out.number(flight.from);
    out.number(flight.to);
    out.number(static_cast<std::uint64_t>(flight.tag));
    out.number(flight.begin_s);
    out.number(flight.up_time_s);
  }
  out.numbers<std::uint32_t>(free_flights_);
  for (const Record& record : records_) {
    out.number(record.up_free_s);
    out.number(record.down_free_s);
    out.number(record.sent_bytes);
    out.number(record.frames);
    out.number(record.computations);
    out.number(static_cast<std::uint8_t>(record.state));
    if (record.state == State::kRunning) record.node->save(out, frames);
  }
}

Bytes Simulation::save() {
  SHOAL_CHECK(checkpoint_ready(), "a checkpoint is saved when every program has its snapshot");
  FrameTable frames;
  ByteWriter nodes;
  save_nodes(nodes, frames);
  ByteWriter out;
  out.number(kFormat);
  out.number<std::uint64_t>(records_.size());
  out.number(now_s_);
  out.number<std::uint64_t>(unfinished_);
  out.number(gradients_);
  out.number(events_done_);
  out.number(server_sent_bytes_);
  out.number(digest_);
  traffic_.save(out);
  out.number(queue_.sequence());
  out.number<std::uint64_t>(queue_.size());
  for (const Event& event : queue_.events()) {
    out.number(event.time_s);
    out.number(event.order);
    out.number(event.node);
    out.number(event.slot);
  }
  frames.save(out);
  out.raw(nodes.bytes());
  checkpoint_wanted_ = false;
  for (Record& record : records_) record.node->drop_snapshot();
  return std::move(out).take();
}

Status Simulation::restore(ByteView checkpoint) {
  ByteReader in(checkpoint);
  SHOAL_TRY(const auto format, in.number<std::uint64_t>());
  SHOAL_TRY(const auto nodes, in.number<std::uint64_t>());
  if (format != kFormat) return corrupt("not a checkpoint of this version of shoal");
  if (nodes != records_.size())
    return invalid_argument(
        fmt::format("a checkpoint of {} nodes for an experiment of {}", nodes, records_.size()));
  SHOAL_TRY(now_s_, in.number<double>());
  SHOAL_TRY(unfinished_, in.number<std::uint64_t>());
  SHOAL_TRY(gradients_, in.number<std::uint64_t>());
  SHOAL_TRY(events_done_, in.number<std::uint64_t>());
  SHOAL_TRY(server_sent_bytes_, in.number<std::uint64_t>());
  SHOAL_TRY(digest_, in.number<std::uint64_t>());
  SHOAL_TRY_STATUS(traffic_.load(in));
  SHOAL_TRY(const auto sequence, in.number<std::uint64_t>());
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  std::vector<Event> events;
  for (std::uint64_t i = 0; i < count; ++i) {
    Event event;
    SHOAL_TRY(event.time_s, in.number<double>());
    SHOAL_TRY(event.order, in.number<std::uint64_t>());
    SHOAL_TRY(event.node, in.number<NodeId>());
    SHOAL_TRY(event.slot, in.number<std::uint32_t>());
    if (event.node >= records_.size()) return corrupt("an event of a node that does not exist");
    events.push_back(event);
  }
  queue_.restore(std::move(events), sequence);
  FrameTable frames;
  SHOAL_TRY_STATUS(frames.load(in));
  SHOAL_TRY_STATUS(restore_nodes(in, frames));
  if (!in.done()) return corrupt(fmt::format("{} bytes too many in a checkpoint", in.left()));
  SHOAL_TRY_STATUS(check_slots());
  // All programs in place before any of them catches up: a program only reads its own state.
  for (NodeId id = 0; id < records_.size(); ++id) {
    Record& record = records_[id];
    if (record.state != State::kRunning) continue;
    record.program = make_program_(*record.node);
    record.program.start(ready_);
    ready_.drain();
    if (record.program.done()) return corrupt("a program ended while it caught up");
    if (auto status = record.node->restored(); !status.ok())
      return within(fmt::format("node {}", id), status.error());
  }
  return ok_status();
}

// Every slot that an event or the free list names is one of the table, and in the right state.
Status Simulation::check_slots() const {
  std::vector<bool> used(flights_.size());
  for (std::size_t slot = 0; slot < flights_.size(); ++slot)
    used[slot] = flights_[slot].frame != nullptr;
  for (const Event& event : queue_.events()) {
    if (event.kind() > EventKind::kComputed) return corrupt("an event of no kind");
    const bool moves = event.kind() == EventKind::kHead || event.kind() == EventKind::kDelivery;
    if (!moves) continue;
    if (event.slot >= used.size() || !used[event.slot])
      return corrupt("an event of a frame that does not exist");
    used[event.slot] = false;
  }
  std::vector<bool> free(flights_.size());
  for (const std::uint32_t slot : free_flights_) {
    if (slot >= free.size() || free[slot] || flights_[slot].frame)
      return corrupt("a free place that is taken");
    free[slot] = true;
  }
  return ok_status();
}

Status Simulation::restore_nodes(ByteReader& in, const FrameTable& frames) {
  SHOAL_TRY(const auto flights, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < flights; ++i) {
    SHOAL_TRY(const auto used, in.number<std::uint8_t>());
    Flight flight;
    if (used != 0) {
      SHOAL_TRY(const auto index, in.number<std::uint32_t>());
      SHOAL_TRY(flight.frame, frames.at(index));
      SHOAL_TRY(flight.from, in.number<NodeId>());
      SHOAL_TRY(flight.to, in.number<NodeId>());
      SHOAL_TRY(const auto packed, in.number<std::uint64_t>());
      flight.tag = static_cast<Tag>(packed);
      SHOAL_TRY(flight.begin_s, in.number<double>());
      SHOAL_TRY(flight.up_time_s, in.number<double>());
      if (flight.to >= records_.size() || flight.from >= records_.size())
        return corrupt("a frame of a node that does not exist");
    }
    flights_.push_back(std::move(flight));
  }
  SHOAL_TRY(free_flights_, in.numbers<std::uint32_t>());
  for (Record& record : records_) {
    SHOAL_TRY(record.up_free_s, in.number<double>());
    SHOAL_TRY(record.down_free_s, in.number<double>());
    SHOAL_TRY(record.sent_bytes, in.number<std::uint64_t>());
    SHOAL_TRY(record.frames, in.number<std::uint32_t>());
    SHOAL_TRY(record.computations, in.number<std::uint32_t>());
    SHOAL_TRY(const auto state, in.number<std::uint8_t>());
    if (state > static_cast<std::uint8_t>(State::kCrashed)) return corrupt("a node in no state");
    record.state = static_cast<State>(state);
    if (record.state == State::kRunning) SHOAL_TRY_STATUS(record.node->restore(in, frames));
  }
  return ok_status();
}

}  // namespace shoal

// The events of a simulation, earliest first; events of one instant in the order they were made.
//
// A four-ary heap of 24-byte records: two cache lines hold a family of children.
#pragma once

#include <cstdint>
#include <vector>

#include "shoal/base/ids.h"

namespace shoal {

enum class EventKind : std::uint8_t {
  kStart,     // the node's program begins (slot unused)
  kCrash,     // the node stops for good
  kHead,      // the first byte of frame `slot` reaches the receiver's network card
  kDelivery,  // the last byte of frame `slot` has arrived
  kTimer,     // a deadline of the node
  kComputed,  // the node's computation is done
};

struct Event {
  double time_s = 0.0;
  std::uint64_t order = 0;  // sequence number * 8 + kind
  NodeId node = 0;
  std::uint32_t slot = 0;

  EventKind kind() const { return static_cast<EventKind>(order & 7); }
  bool before(const Event& other) const {
    return time_s != other.time_s ? time_s < other.time_s : order < other.order;
  }
};

class EventQueue {
 public:
  bool empty() const { return heap_.empty(); }
  std::size_t size() const { return heap_.size(); }
  const Event& top() const { return heap_.front(); }

  void push(double time_s, EventKind kind, NodeId node, std::uint32_t slot) {
    const Event event{time_s, (sequence_++ << 3) | static_cast<std::uint64_t>(kind), node, slot};
    std::size_t hole = heap_.size();
    heap_.push_back(event);
    while (hole > 0) {
      const std::size_t parent = (hole - 1) / 4;
      if (!event.before(heap_[parent])) break;
      heap_[hole] = heap_[parent];
      hole = parent;
    }
    heap_[hole] = event;
  }

  Event pop() {
    const Event first = heap_.front();
    const Event last = heap_.back();
    heap_.pop_back();
    if (!heap_.empty()) sift_down(last);
    return first;
  }

  // For checkpoints: the heap as it lies, and the sequence number.
  const std::vector<Event>& events() const { return heap_; }
  std::uint64_t sequence() const { return sequence_; }
  void restore(std::vector<Event> events, std::uint64_t sequence) {
    heap_ = std::move(events);
    sequence_ = sequence;
  }

 private:
  void sift_down(const Event& event) {
    std::size_t hole = 0;
    for (;;) {
      const std::size_t first = 4 * hole + 1;
      if (first >= heap_.size()) break;
      const std::size_t end = first + 4 < heap_.size() ? first + 4 : heap_.size();
      std::size_t best = first;
      for (std::size_t child = first + 1; child < end; ++child)
        if (heap_[child].before(heap_[best])) best = child;
      if (!heap_[best].before(event)) break;
      heap_[hole] = heap_[best];
      hole = best;
    }
    heap_[hole] = event;
  }

  std::vector<Event> heap_;
  std::uint64_t sequence_ = 0;
};

}  // namespace shoal

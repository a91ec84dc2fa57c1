// UploadBudget: how many bytes of bodies a server holds at once. Who does not fit waits in line and
// does not read meanwhile, so HTTP/2 keeps the rest of the body on the sender's side.
//
// The line goes by `order`, then by arrival. A server that adds updates up in the order of its
// cohort holds those that come before their turn, so the one whose turn it is must not wait behind
// them: whoever goes before all that hold room is let in beyond the budget. Where the next one
// stays away, room is held by frames that wait for it; when nothing has moved for
// kUploadLinePatience_s, the budget doubles until the line is empty, so a straggler costs
// memory (at most every update of the round) and a moment, never the round. A frame that is larger
// than the whole budget is let in alone. Thread-safe; `granted` runs on the thread that freed the
// room, without the lock.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <utility>

namespace shoal {

class UploadBudget {
 public:
  using Ticket = std::uint64_t;

  explicit UploadBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  // Sets the budget, and sees whether the line has moved. To be called now and then, by one clock.
  void upkeep(std::uint64_t bytes_max, double now_s);
  Ticket ticket();
  // Calls granted(), at once or later, unless the ticket is given back before.
  void acquire(Ticket ticket, std::uint64_t order, std::uint64_t bytes,
               std::function<void()> granted);
  // Gives room back, or leaves the line. A second time does nothing.
  void release(Ticket ticket);

  std::uint64_t held_bytes() const;
  std::size_t waiting() const;

 private:
  using Place = std::pair<std::uint64_t, Ticket>;  // order, arrival
  struct Entry {
    std::uint64_t bytes = 0;
    std::function<void()> granted;
  };
  void admit(std::unique_lock<std::mutex> lock);
  bool fits(const Place& place, std::uint64_t bytes) const;

  mutable std::mutex mutex_;
  std::uint64_t bytes_max_;
  std::uint64_t overdraft_bytes_ = 0;
  std::uint64_t held_bytes_ = 0;
  bool moved_ = true;  // since the last upkeep
  double still_since_s_ = 0.0;
  Ticket last_ticket_ = 0;
  std::map<Ticket, Place> places_;
  std::map<Place, Entry> line_;
  std::map<Place, std::uint64_t> holding_;  // bytes
};

}  // namespace shoal

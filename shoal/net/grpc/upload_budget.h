// UploadBudget: how many bytes of bodies a server holds at once. Who does not fit waits in line and
// does not read meanwhile, so HTTP/2 keeps the rest of the body on the sender's side.
//
// First come, first served: a large frame is not passed by small ones for ever. A frame that is
// larger than the whole budget is let in alone. Thread-safe; `granted` runs on the thread that
// freed the room, without the lock.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <mutex>

namespace shoal {

class UploadBudget {
 public:
  using Ticket = std::uint64_t;

  explicit UploadBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  void resize(std::uint64_t bytes_max);
  Ticket ticket();
  // Calls granted(), at once or later, unless the ticket is given back before.
  void acquire(Ticket ticket, std::uint64_t bytes, std::function<void()> granted);
  // Gives room back, or leaves the line. A second time does nothing.
  void release(Ticket ticket);

  std::uint64_t held_bytes() const;
  std::size_t waiting() const;

 private:
  struct Entry {
    Ticket ticket = 0;
    std::uint64_t bytes = 0;
    bool holds = false;
    std::function<void()> granted;
  };
  void admit(std::unique_lock<std::mutex> lock);

  mutable std::mutex mutex_;
  std::uint64_t bytes_max_;
  std::uint64_t held_bytes_ = 0;
  Ticket last_ticket_ = 0;
  std::list<Entry> entries_;  // those that hold room, and the line, by arrival
};

}  // namespace shoal

#include "shoal/net/grpc/upload_budget.h"

#include <vector>

#include "shoal/net/limits.h"

namespace shoal {

void UploadBudget::upkeep(std::uint64_t bytes_max, double now_s) {
  std::unique_lock lock(mutex_);
  bytes_max_ = bytes_max;
  if (moved_ || line_.empty()) {
    still_since_s_ = now_s;
  } else if (now_s - still_since_s_ >= kUploadLinePatience_s) {
    overdraft_bytes_ = 2 * overdraft_bytes_ + bytes_max;
    still_since_s_ = now_s;
  }
  moved_ = false;
  admit(std::move(lock));
}

UploadBudget::Ticket UploadBudget::ticket() {
  const std::lock_guard lock(mutex_);
  return ++last_ticket_;
}

void UploadBudget::acquire(Ticket ticket, std::uint64_t order, std::uint64_t bytes,
                           std::function<void()> granted) {
  std::unique_lock lock(mutex_);
  const Place place{order, ticket};
  places_.emplace(ticket, place);
  line_.emplace(place, Entry{bytes, std::move(granted)});
  admit(std::move(lock));
}

void UploadBudget::release(Ticket ticket) {
  std::unique_lock lock(mutex_);
  const auto at = places_.find(ticket);
  if (at == places_.end()) return;
  if (const auto held = holding_.find(at->second); held != holding_.end()) {
    held_bytes_ -= held->second;
    holding_.erase(held);
    moved_ = true;
  }
  const auto left = line_.extract(at->second);  // what it holds goes after the lock
  places_.erase(at);
  admit(std::move(lock));
}

bool UploadBudget::fits(const Place& place, std::uint64_t bytes) const {
  if (holding_.empty() || held_bytes_ + bytes <= bytes_max_ + overdraft_bytes_) return true;
  return place.first < holding_.begin()->first.first;
}

void UploadBudget::admit(std::unique_lock<std::mutex> lock) {
  std::vector<std::function<void()>> admitted;
  while (!line_.empty() && fits(line_.begin()->first, line_.begin()->second.bytes)) {
    auto [place, entry] = *line_.begin();
    line_.erase(line_.begin());
    holding_.emplace(place, entry.bytes);
    held_bytes_ += entry.bytes;
    admitted.push_back(std::move(entry.granted));
    moved_ = true;
  }
  if (line_.empty()) overdraft_bytes_ = 0;
  lock.unlock();
  for (const auto& granted : admitted) granted();
}

std::uint64_t UploadBudget::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

std::size_t UploadBudget::waiting() const {
  const std::lock_guard lock(mutex_);
  return line_.size();
}

}  // namespace shoal

#include "shoal/net/grpc/upload_budget.h"

#include <algorithm>
#include <vector>

namespace shoal {

void UploadBudget::resize(std::uint64_t bytes_max) {
  std::unique_lock lock(mutex_);
  bytes_max_ = bytes_max;
  admit(std::move(lock));
}

UploadBudget::Ticket UploadBudget::ticket() {
  const std::lock_guard lock(mutex_);
  return ++last_ticket_;
}

void UploadBudget::acquire(Ticket ticket, std::uint64_t bytes, std::function<void()> granted) {
  std::unique_lock lock(mutex_);
  entries_.push_back(Entry{ticket, bytes, false, std::move(granted)});
  admit(std::move(lock));
}

void UploadBudget::release(Ticket ticket) {
  std::unique_lock lock(mutex_);
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [ticket](const Entry& e) { return e.ticket == ticket; });
  if (entry == entries_.end()) return;
  if (entry->holds) held_bytes_ -= entry->bytes;
  entries_.erase(entry);
  admit(std::move(lock));
}

void UploadBudget::admit(std::unique_lock<std::mutex> lock) {
  std::vector<std::function<void()>> admitted;
  for (Entry& entry : entries_) {
    if (entry.holds) continue;
    if (held_bytes_ > 0 && held_bytes_ + entry.bytes > bytes_max_) break;
    entry.holds = true;
    held_bytes_ += entry.bytes;
    admitted.push_back(std::move(entry.granted));
  }
  lock.unlock();
  for (const auto& granted : admitted) granted();
}

std::uint64_t UploadBudget::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

std::size_t UploadBudget::waiting() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [](const Entry& e) { return !e.holds; }));
}

}  // namespace shoal

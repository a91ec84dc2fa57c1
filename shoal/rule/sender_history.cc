#include "shoal/rule/sender_history.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "shoal/math/vector.h"

namespace shoal {
namespace {

void add_within_range(std::span<const float> row, std::span<float> sum) {
  constexpr float kMax = std::numeric_limits<float>::max();
  for (std::size_t c = 0; c < row.size(); ++c)
    sum[c] = std::min(std::max(sum[c] + row[c], -kMax), kMax);
}

Error not_a_history(const char* why) {
  return corrupt(fmt::format("the history of senders in the checkpoint {}", why));
}

}  // namespace

Status SenderHistory::check(const RoundView& round, const char* rule) const {
  if (entries_.empty()) return ok_status();
  const std::size_t dimension = entries_.begin()->second.sum.size();
  if (dimension == round.dimension()) return ok_status();
  return invalid_argument(
      fmt::format("{} remembers rows of {} entries and these have {}; resume with the model of the "
                  "run that wrote the checkpoint",
                  rule, dimension, round.dimension()));
}

void SenderHistory::add(const RoundView& round) {
  for (std::size_t i = 0; i < round.size(); ++i) {
    const std::span<const float> row = round.rows[i];
    Entry& entry = entries_[round.senders[i]];
    entry.sum.resize(row.size(), 0.0f);
    add_within_range(row, entry.sum);
    if (window_ == 0) continue;
    if (entry.recent.size() < window_) {
      entry.recent.emplace_back(row.begin(), row.end());
    } else {
      std::vector<float> oldest = std::move(entry.recent.front());
      entry.recent.pop_front();
      oldest.assign(row.begin(), row.end());
      entry.recent.push_back(std::move(oldest));
    }
  }
}

void SenderHistory::save(ByteWriter& out) const {
  out.number<std::uint64_t>(entries_.size());
  for (const auto& [sender, entry] : entries_) {
    out.number(sender);
    out.numbers<float>(entry.sum);
    out.number<std::uint64_t>(entry.recent.size());
    for (const auto& row : entry.recent) out.numbers<float>(row);
  }
}

Result<SenderHistory::Entry> SenderHistory::load_entry(ByteReader& in) const {
  Entry entry;
  SHOAL_TRY(entry.sum, in.numbers<float>());
  if (!all_finite(entry.sum)) return not_a_history("is not finite");
  SHOAL_TRY(const auto rows, in.number<std::uint64_t>());
  if (rows > window_ || (rows == 0 && window_ > 0))
    return not_a_history("has another window than this rule");
  for (std::uint64_t k = 0; k < rows; ++k) {
    SHOAL_TRY(std::vector<float> row, in.numbers<float>());
    if (row.size() != entry.sum.size()) return not_a_history("has rows of different lengths");
    if (!all_finite(row)) return not_a_history("is not finite");
    entry.recent.push_back(std::move(row));
  }
  return entry;
}

Status SenderHistory::load(ByteReader& in) {
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  std::map<std::uint32_t, Entry> entries;
  for (std::uint64_t k = 0; k < count; ++k) {
    SHOAL_TRY(const auto sender, in.number<std::uint32_t>());
    if (!entries.empty() && sender <= entries.rbegin()->first)
      return not_a_history("does not have its senders in order");
    SHOAL_TRY(Entry entry, load_entry(in));
    if (!entries.empty() && entry.sum.size() != entries.begin()->second.sum.size())
      return not_a_history("has rows of different lengths");
    entries.emplace(sender, std::move(entry));
  }
  entries_ = std::move(entries);
  return ok_status();
}

}  // namespace shoal

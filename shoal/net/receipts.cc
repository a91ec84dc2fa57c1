#include "shoal/net/receipts.h"

#include <algorithm>

namespace shoal {

std::optional<Receipt> Receipts::find(NodeId from, Tag tag, Step round) const {
  const auto group = groups_.find({round, tag});
  if (group == groups_.end()) return std::nullopt;
  const auto at = std::ranges::lower_bound(group->second, from, {}, &Entry::from);
  if (at == group->second.end() || at->from != from) return std::nullopt;
  return Receipt{at->sha256, round, at->number};
}

std::size_t Receipts::count(NodeId from) const {
  const auto at = counts_.find(from);
  return at == counts_.end() ? 0 : at->second;
}

void Receipts::insert(NodeId from, Tag tag, Step round, std::uint64_t number,
                      const Digest& sha256) {
  std::size_t& count = counts_[from];
  Group& group = groups_[{round, tag}];
  const auto at = std::ranges::lower_bound(group, from, {}, &Entry::from);
  SHOAL_CHECK(at == group.end() || at->from != from, "a frame has one receipt");
  group.insert(at, Entry{number, from, sha256});  // the last that may find no memory
  ++count;
  next_number_ = std::max(next_number_, number + 1);
}

Receipt Receipts::add(NodeId from, Tag tag, Step round, const Digest& sha256) {
  const Receipt receipt{sha256, round, next_number_};
  insert(from, tag, round, receipt.number, sha256);
  return receipt;
}

void Receipts::withdraw(NodeId from, Tag tag, Step round) {
  const auto group = groups_.find({round, tag});
  if (group == groups_.end()) return;
  counts_[from] -= std::erase_if(group->second, [from](const Entry& e) { return e.from == from; });
}

bool Receipts::restore(const FrameReceipt& known) {
  if (find(known.from, known.tag, known.receipt.round)) return false;
  insert(known.from, known.tag, known.receipt.round, known.receipt.number, known.receipt.sha256);
  return true;
}

std::vector<FrameReceipt> Receipts::of_round(Step round) const {
  std::vector<FrameReceipt> all;
  for (auto group = groups_.lower_bound({round, Tag{}});
       group != groups_.end() && group->first.first == round; ++group)
    for (const Entry& entry : group->second)
      all.push_back({entry.from, group->first.second, {entry.sha256, round, entry.number}});
  std::ranges::stable_sort(all, {}, &FrameReceipt::from);
  return all;
}

void Receipts::forget_from(Step round) {
  const auto first = groups_.lower_bound({round, Tag{}});
  for (auto group = first; group != groups_.end(); ++group)
    for (const Entry& entry : group->second) --counts_[entry.from];
  groups_.erase(first, groups_.end());
  trimmed_before_ = std::min(trimmed_before_, round);
}

void Receipts::trim_before(Step round) {
  for (auto group = groups_.lower_bound({trimmed_before_, Tag{}});
       group != groups_.end() && group->first.first < round; ++group)
    group->second.shrink_to_fit();
  trimmed_before_ = std::max(trimmed_before_, round);
}

}  // namespace shoal

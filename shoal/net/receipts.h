// Receipts: which frame of which member has been received, for ever.
//
// Keyed by (round, tag, sender). Cost: 48 bytes a receipt, in one sorted vector for every round and
// tag; a vector is trimmed to its size when its round is over. A run in which 10,000 members send
// one frame in each of 1,000 rounds ends with 480 MB; with cohorts of 100, with 5 MB. Adding one
// moves the receipts of greater senders of that round: 2 us at 10,000 members.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "shoal/net/envelope.h"

namespace shoal {

struct Receipt {
  Digest sha256{};
  Step round = 0;
  std::uint64_t number = 0;  // counts all receipts of a run, from 1
};

struct FrameReceipt {
  NodeId from = 0;
  Tag tag{};
  Receipt receipt;
};

// Not thread-safe; the gate guards it.
class Receipts {
 public:
  std::optional<Receipt> find(NodeId from, Tag tag, Step round) const;
  // How many this sender has in the whole run.
  std::size_t count(NodeId from) const;
  // Gives the next number; nothing may have been received under this key.
  Receipt add(NodeId from, Tag tag, Step round, const Digest& sha256);
  // The frame could not be delivered after all. Its number is not given twice.
  void withdraw(NodeId from, Tag tag, Step round);
  // With the number it has; false when there is one under this key.
  bool restore(const FrameReceipt& known);
  // Of one round, by sender, then tag.
  std::vector<FrameReceipt> of_round(Step round) const;
  // Forgets this round and all later ones. Numbers are not given twice.
  void forget_from(Step round);
  // No receipt of an earlier round will come: gives back the memory they had kept for growth.
  void trim_before(Step round);

 private:
  struct Entry {
    std::uint64_t number;
    NodeId from;
    Digest sha256;
  };
  using Group = std::vector<Entry>;  // by sender
  void insert(NodeId from, Tag tag, Step round, std::uint64_t number, const Digest& sha256);

  std::map<std::pair<Step, Tag>, Group> groups_;
  std::map<NodeId, std::size_t> counts_;
  std::uint64_t next_number_ = 1;
  Step trimmed_before_ = 0;
};

}  // namespace shoal

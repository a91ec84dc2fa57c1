// What senders have sent so far: for each the sum of all its rows and the last few of them.
// FoolsGold compares the sums, MUD-HoG both.
//
// Memory: n d (1 + window) floats. A sender keeps its history for ever, also over rounds in which
// it sends nothing. A sum that leaves the float range stays at its end.
#pragma once

#include <deque>
#include <map>

#include "shoal/base/bytes.h"
#include "shoal/rule/rule.h"

namespace shoal {

class SenderHistory {
 public:
  // How many of the last rows are kept; 0: only the sums.
  explicit SenderHistory(std::size_t window) : window_(window) {}

  struct Entry {
    std::deque<std::vector<float>> recent;  // oldest first
    std::vector<float> sum;
  };

  // Error: a row of another dimension than those before.
  Status check(const RoundView& round, const char* rule) const;
  // Adds the rows of a round that check() has passed.
  void add(const RoundView& round);
  // Of a sender that has sent.
  const Entry& of(std::uint32_t sender) const { return entries_.at(sender); }

  void save(ByteWriter& out) const;
  // Error: bytes that are no history of this window.
  Status load(ByteReader& in);

 private:
  Result<Entry> load_entry(ByteReader& in) const;

  std::size_t window_;
  std::map<std::uint32_t, Entry> entries_;
};

}  // namespace shoal

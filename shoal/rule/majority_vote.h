// The filter of DETOX (Rajput et al. 2019, 1907.12205): r senders worked on the same share of the
// data, so most of them sent the same row, and that row goes on; K = floor(senders/r) rows come
// out.
//
// Groups are r senders of consecutive ids, as the redundancy setting of federated methods makes
// them: clients 1..r, r+1..2r, ... of `senders`; with senders mod r = 1 the last one joins the last
// group, and other remainders are refused. r is odd. With senders = 0 nothing is known of who
// might have come: all must have arrived, and ids with a gap are refused. Whole rows vote, never
// layers: a majority must not be put together from different senders.
//
//   exact      rows of the same bytes agree; counting ends with the majority
//   tolerance  rows at most delta of the larger norm apart agree, for machines that differ in the
//              last digits; among the row with most votes (ties: lowest sender) and those that
//              agree with it, the one of least summed distance to them goes on, byte for byte
//
// A missing member is a lost vote: a row wins with more than half of the votes of the whole group,
// so one that is missing changes nothing outside its group, and nothing in it as long as enough
// others agree. A group in which no row has that many has no answer. "reject_group" then refuses
// the round with the group's senders in the error, because the rules after need K rows and a row
// made up for the group would count as honest; "lowest" takes the row of its lowest sender. A group
// of whom nobody came is refused always.
//
// With f liars at most floor(f / ceil(r/2)) of the K rows are bad; with "lowest" the missing help
// the liars: min(f, floor((f + missing) / ceil(r/2))). O(n d) exact where
// most agree, O(n r d) at worst and with a tolerance.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

enum class Vote { kExact, kTolerance };
enum class NoMajority { kRejectGroup, kLowest };

struct MajorityVoteSettings {
  std::int64_t r = 3;
  std::int64_t senders = 0;
  Vote vote = Vote::kExact;
  double delta = 1e-5;
  NoMajority no_majority = NoMajority::kRejectGroup;
};
void describe(Settings& s, MajorityVoteSettings& v);

CatalogueEntry<PreAggregator> majority_vote_entry();

}  // namespace shoal

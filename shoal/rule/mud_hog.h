// MUD-HoG (Gupta et al. 2022, 2208.10273, algorithm 1): keeps of every sender a short history s_i
// (mean of its last K rows) and a long one l_i (sum of all), finds out each round who flips signs,
// adds noise, or pushes to a target, and averages the others. The receiver keeps the histories: a
// liar would lie about its own. From round tau_0 on, with F, U, T the suspects of the round:
//
//   F  <median of the s of senders not confirmed malicious, s_i> < 0
//   U  of the others, but for confirmed flippers: DBSCAN on the s_i. The largest cluster is normal,
//      c its coordinate median; noise points further from c than the widest gap among the distances
//      of all that are not normal
//   T  of the rest, but for confirmed flippers and noise senders: the smaller part of 2-means on
//   the
//      l_i (10 restarts from keyed draws); nobody when both parts are equally large
//
// The ledger (suspicion_ledger.h) confirms who stays suspect; unreliable is who lies below the
// widest gap of cos(s_i, median of the s) among senders neither malicious nor in F. The aggregate
// is the plain mean over senders not confirmed malicious and not in U or T: F is averaged until
// confirmed, and unreliable ones always. Claimed weights are ignored.
//
// The widest gap cuts a group that is all alike, too, so that noise senders can escape as a crowd;
// split_guard lets the distance of the outermost normal sender take part and is off as in the
// paper. When DBSCAN finds no cluster nobody can be called normal: U is empty and the aggregate is
// the coordinate median of the senders that would be averaged; nobody left to average: of all. T is
// not empty as a rule, even among the honest: their minority loses its say.
//
// Needs every sender in every round, for l_i of equal age; one that misses a round all the same
// keeps its history as it was. n > 2f and n >= 2 min_points. Memory n d (K + 1) floats, and n d
// more in a round; 40 senders of 1e6 entries with K = 3 take 640 MB. O(n^2 d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct MudHogSettings {
  std::int64_t window = 3;
  std::int64_t first_round = 3;
  std::int64_t delay = 2;
  double eps = 0.5;
  double eps_factor = 0.0;
  std::int64_t min_points = 5;
  bool split_guard = false;
};
void describe(Settings& s, MudHogSettings& v);

CatalogueEntry<Rule> mud_hog_entry();

}  // namespace shoal

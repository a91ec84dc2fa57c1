// Krum and Multi-Krum (Blanchard et al. 2017, 1703.02757): rows that lie near many others.
//
// The score of a row is the sum of its n-f-2 smallest squared distances to the others. Krum takes
// the row of the lowest score, Multi-Krum the mean of the m lowest; score ties go to the lower
// sender. Claimed weights are ignored. Needs n >= 2f + 3. O(n^2 d) for the distances.
//
// Libraries differ: some score with n-f-1 neighbours, some with distances that are not squared,
// some average n-f rows. Here it is the paper's score.
#pragma once

#include "shoal/math/gram.h"
#include "shoal/rule/rule.h"

namespace shoal {

struct MultiKrumSettings {
  std::int64_t m = 0;
};
void describe(Settings& s, MultiKrumSettings& v);

// The squared distances of every row to the others, from the smallest on, with the rows they lead
// to: what scores are read off when some rows have left.
class KrumScores {
 public:
  explicit KrumScores(const PairMatrix& squared_distances);

  void remove(std::size_t row) { present_[row] = false; }
  bool present(std::size_t row) const { return present_[row]; }
  // The sum of the `neighbours` smallest distances of `row` to other rows that are present, added
  // from the smallest on; there are as many.
  double score(std::size_t row, std::size_t neighbours) const;

 private:
  struct Neighbour {
    double distance;
    std::uint32_t row;
  };
  std::size_t n_;
  std::vector<Neighbour> sorted_;  // n-1 a row
  std::vector<bool> present_;
};

CatalogueEntry<Rule> krum_entry();
CatalogueEntry<Rule> multi_krum_entry();

}  // namespace shoal

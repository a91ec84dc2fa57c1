// Zeno (Xie, Koyejo, Gupta 2019, 1805.10032): the receiver keeps the rows that seem to lower the
// loss on a few rows of data of its own, so that a single honest sender is enough.
//
// Score(u) = f_r(x) - f_r(x moved by u) - rho ||u||^2, f_r the mean loss on n_r validation rows
// drawn anew every round; out is the mean of the n - trim rows of the highest scores. A score that
// is NaN or infinite counts as -infinity; ties go to the lower sender (liars who copy one row all
// score alike). The penalty is the paper's squared norm; the official code divides it by d.
// Claimed weights are ignored. Needs f <= trim < n. n + 1 forward passes on n_r rows and O(n d).
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

struct ZenoSettings {
  std::int64_t trim = 0;
  double rho = 5e-4;
  std::int64_t validation_rows = 4;
};
void describe(Settings& s, ZenoSettings& v);

CatalogueEntry<Rule> zeno_entry();

}  // namespace shoal

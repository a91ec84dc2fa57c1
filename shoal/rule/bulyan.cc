#include "shoal/rule/bulyan.h"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

#include "shoal/math/coordinate.h"
#include "shoal/rule/choose.h"
#include "shoal/rule/krum.h"

namespace shoal {
namespace {

// Krum's row among the `left` rows that are present.
std::uint32_t krum_row(const KrumScores& scores, std::size_t n, std::size_t left, std::size_t f) {
  const std::size_t wanted = left > f + 2 ? left - f - 2 : 1;
  const std::size_t neighbours = std::min(wanted, left - 1);
  std::uint32_t best = 0;
  double lowest = std::numeric_limits<double>::infinity();
  bool found = false;
  for (std::uint32_t i = 0; i < n; ++i) {
    if (!scores.present(i)) continue;
    const double score = scores.score(i, neighbours);
    if (found && !(score < lowest)) continue;
    best = i;
    lowest = score;
    found = true;
  }
  return best;
}

class Bulyan : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    if (n >= 4 * f + 3) return ok_status();
    return invalid_argument(
        fmt::format("bulyan needs n >= 4f+3 = {} and {} rows arrived", 4 * f + 3, n));
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    const std::size_t n = round.size(), f = round.declared_faults;
    SHOAL_TRY_STATUS(check(n, f));
    StatisticsOf statistics(round);
    KrumScores scores(statistics->squared_distances());
    for (std::size_t left = n; left > 2 * f; --left) scores.remove(krum_row(scores, n, left, f));
    std::vector<Row> chosen;
    Selection selection;
    for (std::size_t i = 0; i < n; ++i) {
      if (scores.present(i)) continue;
      chosen.push_back(round.rows[i]);
      selection.kept.push_back(round.senders[i]);
    }
    coordinate_mean_around_median(chosen, 2 * f, out, round.pool);
    return selection;
  }
};

Result<std::unique_ptr<Rule>> make_bulyan(const NoSettings&) {
  return {std::make_unique<Bulyan>()};
}

}  // namespace

CatalogueEntry<Rule> bulyan_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "bulyan", "the middle values of n-2f rows that Krum chose one by one; n >= 4f+3",
      "1802.07927", &make_bulyan);
}

}  // namespace shoal

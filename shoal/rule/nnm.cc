#include "shoal/rule/nnm.h"

#include "shoal/math/mix.h"
#include "shoal/rule/choose.h"
#include "shoal/rule/coordinate_rules.h"

namespace shoal {
namespace {

// The `count` rows nearest to row i, which comes first in the race.
std::vector<std::uint32_t> nearest(const PairMatrix& distances, std::size_t i, std::size_t count) {
  const auto begin = distances.values.begin() + static_cast<std::ptrdiff_t>(i * distances.n);
  std::vector<double> keys(begin, begin + static_cast<std::ptrdiff_t>(distances.n));
  keys[i] = -1.0;
  return smallest(keys, count);
}

class Nnm : public PreAggregator {
 public:
  bool mixes_senders() const override { return true; }
  Status check(std::size_t n, std::size_t f) const override { return check_majority("nnm", n, f); }

  Result<std::vector<Row>> transform(const RoundView& round, MadeRows& made) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    const PairMatrix& distances = statistics->squared_distances();
    std::vector<std::vector<std::uint32_t>> neighbours;
    for (std::size_t i = 0; i < round.size(); ++i)
      neighbours.push_back(nearest(distances, i, round.size() - round.declared_faults));
    const auto means = made.make(round.size(), round.dimension());
    mean_of_subsets(round.rows, neighbours, means, round.pool);
    return std::vector<Row>(means.begin(), means.end());
  }
};

Result<std::unique_ptr<PreAggregator>> make_nnm(const NoSettings&) {
  return {std::make_unique<Nnm>()};
}

}  // namespace

CatalogueEntry<PreAggregator> nnm_entry() {
  return catalogue_entry<PreAggregator, NoSettings>(
      "nnm", "every row becomes the mean of its n-f nearest; n > 2f", "2302.01772", &make_nnm);
}

}  // namespace shoal

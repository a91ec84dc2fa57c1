#include "shoal/rule/nnm.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "shoal/math/mix.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/round_statistics.h"

namespace shoal {
namespace {

// Row numbers of the `count` rows nearest to row i, increasing; i itself comes first in the race.
std::vector<std::uint32_t> nearest(const PairMatrix& distances, std::size_t i, std::size_t count) {
  std::vector<std::uint32_t> order(distances.n);
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    if ((a == i) != (b == i)) return a == i;
    if (distances.at(i, a) != distances.at(i, b)) return distances.at(i, a) < distances.at(i, b);
    return a < b;
  });
  order.resize(count);
  std::sort(order.begin(), order.end());
  return order;
}

class Nnm : public PreAggregator {
 public:
  bool mixes_senders() const override { return true; }
  Status check(std::size_t n, std::size_t f) const override { return check_majority("nnm", n, f); }

  Status transform(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    std::optional<RoundStatistics> own;
    if (!round.statistics) own.emplace(round.rows, round.pool);
    const PairMatrix& distances = (round.statistics ? *round.statistics : *own).squared_distances();
    std::vector<std::vector<std::uint32_t>> neighbours;
    for (std::size_t i = 0; i < round.size(); ++i)
      neighbours.push_back(nearest(distances, i, round.size() - round.declared_faults));
    mean_of_subsets(round.rows, neighbours, out, round.pool);
    return ok_status();
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

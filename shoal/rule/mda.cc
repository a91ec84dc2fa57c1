#include "shoal/rule/mda.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/rule/choose.h"
#include "shoal/rule/coordinate_rules.h"

namespace shoal {
namespace {

double binomial(std::size_t n, std::size_t k) {
  double product = 1.0;
  for (std::size_t i = 1; i <= k; ++i)
    product *= static_cast<double>(n - k + i) / static_cast<double>(i);
  return product;
}

// The walk: rows are added in increasing order, so the first subset found is the lexicographically
// first of its diameter.
class SmallestDiameter {
 public:
  SmallestDiameter(const PairMatrix& distances, std::size_t size)
      : distances_(distances), size_(size) {
    extend(0, 0.0);
  }
  const std::vector<std::uint32_t>& best() const { return best_; }

 private:
  void extend(std::size_t first, double diameter) {
    if (!best_.empty() && diameter >= best_diameter_) return;
    if (chosen_.size() == size_) {
      best_ = chosen_;
      best_diameter_ = diameter;
      return;
    }
    const std::size_t last = distances_.n - (size_ - chosen_.size());
    for (std::size_t row = first; row <= last; ++row) {
      double wider = diameter;
      for (const std::uint32_t other : chosen_) wider = std::max(wider, distances_.at(other, row));
      chosen_.push_back(static_cast<std::uint32_t>(row));
      extend(row + 1, wider);
      chosen_.pop_back();
    }
  }

  const PairMatrix& distances_;
  std::size_t size_;
  std::vector<std::uint32_t> chosen_;
  std::vector<std::uint32_t> best_;  // empty: none yet
  double best_diameter_ = 0.0;       // squared
};

class Mda : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override {
    SHOAL_TRY_STATUS(check_majority("mda", n, f));
    const double subsets = binomial(n, f);
    if (subsets <= kSubsetsMax) return ok_status();
    return limit_exceeded(fmt::format(
        "mda looks at all C(n, f) = C({}, {}) = {:.3g} subsets and the limit is {:.0f}; "
        "use fewer rows or another rule, such as multi_krum",
        n, f, subsets, kSubsetsMax));
  }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    const SmallestDiameter walk(statistics->squared_distances(),
                                round.size() - round.declared_faults);
    return keep_mean(round, walk.best(), out);
  }
};

Result<std::unique_ptr<Rule>> make_mda(const NoSettings&) { return {std::make_unique<Mda>()}; }

}  // namespace

CatalogueEntry<Rule> mda_entry() {
  return catalogue_entry<Rule, NoSettings>(
      "mda", "the mean of the n-f rows of least diameter; n > 2f, few subsets", "1905.03853",
      &make_mda);
}

}  // namespace shoal

#include "shoal/rule/cge.h"

#include "shoal/rule/choose.h"
#include "shoal/rule/coordinate_rules.h"

namespace shoal {
namespace {

class Cge : public Rule {
 public:
  Status check(std::size_t n, std::size_t f) const override { return check_majority("cge", n, f); }

  Result<Selection> aggregate(const RoundView& round, std::span<float> out) override {
    SHOAL_TRY_STATUS(check(round.size(), round.declared_faults));
    StatisticsOf statistics(round);
    const std::size_t kept = round.size() - round.declared_faults;
    return keep_mean(round, smallest(statistics->squared_norms(), kept), out);
  }
};

Result<std::unique_ptr<Rule>> make_cge(const NoSettings&) { return {std::make_unique<Cge>()}; }

}  // namespace

CatalogueEntry<Rule> cge_entry() {
  return catalogue_entry<Rule, NoSettings>("cge", "the mean of the n-f shortest rows; n > 2f",
                                           "2008.04699", &make_cge);
}

}  // namespace shoal

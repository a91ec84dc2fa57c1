// The rules and pre-aggregators an experiment can name.
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/mean.h"
#include "shoal/rule/nnm.h"
#include "shoal/rule/rule.h"

namespace shoal {

const Catalogue<Rule>& rules() {
  static const Catalogue<Rule> all("rule", {
                                               mean_entry(),
                                               coordinate_median_entry(),
                                               trimmed_mean_entry(),
                                           });
  return all;
}

const Catalogue<PreAggregator>& pre_aggregators() {
  static const Catalogue<PreAggregator> all("pre-aggregator", {nnm_entry()});
  return all;
}

}  // namespace shoal

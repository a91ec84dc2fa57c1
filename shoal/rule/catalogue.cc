// The rules and pre-aggregators an experiment can name.
#include "shoal/rule/centred_clipping.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/flag.h"
#include "shoal/rule/foolsgold.h"
#include "shoal/rule/geometric_median.h"
#include "shoal/rule/mean.h"
#include "shoal/rule/mud_hog.h"
#include "shoal/rule/nnm.h"
#include "shoal/rule/rule.h"
#include "shoal/rule/sign_majority.h"
#include "shoal/rule/spectral_rules.h"

namespace shoal {

const Catalogue<Rule>& rules() {
  static const Catalogue<Rule> all("rule", {
                                               mean_entry(),
                                               coordinate_median_entry(),
                                               trimmed_mean_entry(),
                                               geometric_median_entry(),
                                               rfa_entry(),
                                               centred_clipping_entry(),
                                               caf_entry(),
                                               smea_entry(),
                                               flag_entry(),
                                               foolsgold_entry(),
                                               mud_hog_entry(),
                                               sign_majority_entry(),
                                           });
  return all;
}

const Catalogue<PreAggregator>& pre_aggregators() {
  static const Catalogue<PreAggregator> all("pre-aggregator", {nnm_entry()});
  return all;
}

}  // namespace shoal

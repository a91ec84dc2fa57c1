// The rules and pre-aggregators an experiment can name.
#include "shoal/rule/bucketing.h"
#include "shoal/rule/bulyan.h"
#include "shoal/rule/centred_clipping.h"
#include "shoal/rule/cge.h"
#include "shoal/rule/clipping.h"
#include "shoal/rule/coordinate_rules.h"
#include "shoal/rule/flag.h"
#include "shoal/rule/foolsgold.h"
#include "shoal/rule/geometric_median.h"
#include "shoal/rule/hierarchy.h"
#include "shoal/rule/krum.h"
#include "shoal/rule/majority_vote.h"
#include "shoal/rule/mda.h"
#include "shoal/rule/mean.h"
#include "shoal/rule/mud_hog.h"
#include "shoal/rule/nearest_neighbours.h"
#include "shoal/rule/nnm.h"
#include "shoal/rule/norm_clipping.h"
#include "shoal/rule/rule.h"
#include "shoal/rule/sign_majority.h"
#include "shoal/rule/spectral_rules.h"
#include "shoal/rule/zeno.h"
#include "shoal/rule/zeno_plus_plus.h"

namespace shoal {

const Catalogue<Rule>& rules() {
  static const Catalogue<Rule> all("rule", {
                                               mean_entry(),
                                               coordinate_median_entry(),
                                               trimmed_mean_entry(),
                                               mean_around_median_entry(),
                                               phocas_entry(),
                                               krum_entry(),
                                               multi_krum_entry(),
                                               bulyan_entry(),
                                               mda_entry(),
                                               cge_entry(),
                                               nearest_neighbours_entry(),
                                               zeno_entry(),
                                               zeno_plus_plus_entry(),
                                               norm_clipping_entry(),
                                               weak_dp_entry(),
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
  static const Catalogue<PreAggregator> all("pre-aggregator", {
                                                                  nnm_entry(),
                                                                  bucketing_entry(),
                                                                  clipping_entry(),
                                                                  arc_entry(),
                                                                  majority_vote_entry(),
                                                                  hierarchy_entry(),
                                                              });
  return all;
}

}  // namespace shoal

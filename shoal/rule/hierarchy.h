// The hierarchical step of DETOX (Rajput et al. 2019, 1907.12205): rows are put into buckets at
// random, a rule of its own makes one row of every bucket, and the pipeline's rule goes across.
//
//   before = [{ kind = "hierarchy", buckets = 5, rule = "mean" }]        # then coordinate_median
//   before = [{ kind = "hierarchy", buckets = 2, rule = { kind = "multi_krum", m = 1 } }]
//
// The n rows, permuted anew for every round and receiver, are cut into buckets whose sizes differ
// by at most one. The inner rule (a name or a table, which may have a `before` of its own) is
// checked for either size with all f liars in that bucket; f liars may also spoil f buckets, as
// they do those of a mean, so f stays for the rule across. An inner rule must not need more
// than rows, nor remember anything: buckets are others every round. Costs what the inner rule does.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

CatalogueEntry<PreAggregator> hierarchy_entry();

}  // namespace shoal

// FoolsGold (Fung et al. 2018, 1808.04866, algorithm 1): senders whose sums of all rows so far
// point the same way are taken for one liar under several names and lose their weight.
//
//   cs_ij = cosine of the sums H_i and H_j, cs_ii = 0;  v_i = max_j cs_ij
//   where v_i < v_j: cs_ij <- cs_ij v_i / v_j                            (pardon)
//   w_i = 1 - max_j cs_ij clipped to [0, 1], divided by the largest, .99 for 1
//   w_i <- ln(w_i / (1 - w_i)) + .5 clipped to [0, 1]
//
// A weight below 1e-9 before it is divided is 0: float rows cannot be more parallel. A sum of zeros
// has cosine 0 with all. One sender alone has weight 1. Where all weights are 0 (all sums parallel,
// so nobody is trusted) the aggregate is the zero row and nobody is kept. Honest senders with the
// same data point the same way, too, and lose their weight: this rule is for data that differ.
// Claimed weights and f are ignored; a sender may miss rounds, its history stays.
//
// Memory n d floats; O(n^2 d / 2) for the inner products of the sums.
#pragma once

#include "shoal/rule/rule.h"

namespace shoal {

enum class FoolsgoldOutput { kNormalised, kSum };

struct FoolsgoldSettings {
  FoolsgoldOutput output = FoolsgoldOutput::kNormalised;
};
void describe(Settings& s, FoolsgoldSettings& v);

CatalogueEntry<Rule> foolsgold_entry();

}  // namespace shoal

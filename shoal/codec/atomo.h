// ATOMO: atoms of each tensor kept at random (Wang et al. 2018, 1806.04090), with the probabilities
// that make the variance least (atom_probabilities.h) and divided by them. Unbiased with variance
// factor n / s - 1 for n atoms: that is the variance of p = s / n, which the solver's is never
// above.
//
// A tensor goes as it is when s atoms take as many floats as its entries, or it has one atom only,
// as tensors of one dimension have one triplet. Two rules of other people's code, both BIASED, with
// nothing left to state: resample_empty draws again when no atom was picked; fixed_rank, until
// exactly s are (or all there are, when fewer).
//
// Wire, per tensor: its entries as f32 when it goes as it is, else the atoms (atoms.h). An atom is
// never sent for a tensor of zeros.
#pragma once

#include "shoal/codec/atoms.h"
#include "shoal/codec/codec.h"

namespace shoal {

struct AtomoSettings {
  AtomKind atoms = AtomKind::kSpectral;
  double budget = 3.0;
  bool resample_empty = false;
  bool fixed_rank = false;
};
void describe(Settings& s, AtomoSettings& v);

CatalogueEntry<Codec> atomo_entry();

}  // namespace shoal

// Top-K: the k entries of largest magnitude (Stich et al. 2018, 1809.07599; Lin et al. 2018,
// 1712.01887). Contractive with 1 - k/d, biased: use it with error feedback. Ties go to the lower
// index, so the message is a pure function of the row.
//
// Wire: per tensor (or once for the whole row) the index code's bytes (index_code.h), then the kept
// values (sparse.h). k follows from the settings and the layout and is not sent. O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/index_code.h"
#include "shoal/codec/parts.h"
#include "shoal/codec/value_type.h"

namespace shoal {

// Exactly one of ratio and k is above 0.
struct TopKSettings {
  double ratio = 0.0;
  std::int64_t k = 0;
  Scope scope = Scope::kLayer;
  IndexCode index_code = IndexCode::kAuto;
  ValueType value_type = ValueType::kF32;
};
void describe(Settings& s, TopKSettings& v);

CatalogueEntry<Codec> top_k_entry();

}  // namespace shoal

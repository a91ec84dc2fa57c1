// Threshold: the entries of magnitude tau or more. How many they are is part of the message.
// Biased, and no contraction can be stated: a row below tau everywhere is dropped as a whole.
//
// Wire: per tensor (or once for the whole row) the count k as u32 and the index code's bytes
// (index_code.h); then the kept values (sparse.h). O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/index_code.h"
#include "shoal/codec/parts.h"
#include "shoal/codec/value_type.h"

namespace shoal {

struct ThresholdSettings {
  double tau = 0.001;
  Scope scope = Scope::kLayer;
  IndexCode index_code = IndexCode::kAuto;
  ValueType value_type = ValueType::kF32;
};
void describe(Settings& s, ThresholdSettings& v);

CatalogueEntry<Codec> threshold_entry();

}  // namespace shoal

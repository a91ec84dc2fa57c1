// Dense codec: every value, as f32, f16 or bf16. Wire: 4d or 2d bytes, nothing else. O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/value_type.h"

namespace shoal {

struct DenseSettings {
  ValueType value_type = ValueType::kF32;
};
void describe(Settings& s, DenseSettings& v);

CatalogueEntry<Codec> dense_entry();

}  // namespace shoal

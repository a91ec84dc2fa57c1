// Natural compression: every entry to one of the two powers of two around it (Horvath et al. 2019,
// 1905.10988). Between 2^e and 2^(e+1) the upper one is taken with probability |v| / 2^e - 1:
// unbiased with variance factor 1/8, whatever the row.
//
// The paper sends sign and exponent, 9 bits. Here it is a byte: a part says its largest exponent E,
// and 7 bits count down from it, 0 standing for zero. Entries below 2^(E - 126), and denormal ones
// beside large ones, become 0 or the least power in reach, still unbiased; they add less than
// d 2^-190 ||v||^2 to the variance, far below the rounding of any float sum. So a message is a
// ninth shorter than the paper's and no entry crosses a byte.
//
// Wire, per tensor (or once for the whole row): E as i16, -149 to 127; then a byte an entry, the
// sign in the top bit and below it 0 for zero or c for 2^(E - 127 + c). Entries beyond 2^127 are
// refused: the power above them is no float. O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/parts.h"

namespace shoal {

struct NaturalSettings {
  Scope scope = Scope::kLayer;
};
void describe(Settings& s, NaturalSettings& v);

CatalogueEntry<Codec> natural_entry();

}  // namespace shoal

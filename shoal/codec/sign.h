// Sign: one bit an entry (Bernstein et al. 2018, 1802.04434; with scale, Karimireddy et al. 2019,
// 1901.09847). Bit 1 is negative; zeros of both signs are sent as +.
//
// scaled: a part is decoded as +-a with a = ||v||_1 / d, the best scale there is: the loss is
// ||v||^2 - ||v||_1^2 / d, at most (1 - 1/d) ||v||^2. (A dense row does far better than the stated
// 1/d, which a row of one entry reaches.) Not scaled: +-1, with no contraction; for majority votes.
//
// Wire, per tensor (or once for the whole row): the scale as f32 when there is one, then
// ceil(d / 8) bytes, bits filled from the least significant, the last byte with zeros. O(d).
#pragma once

#include "shoal/codec/codec.h"
#include "shoal/codec/parts.h"

namespace shoal {

struct SignSettings {
  bool scaled = true;
  Scope scope = Scope::kLayer;
};
void describe(Settings& s, SignSettings& v);

CatalogueEntry<Codec> sign_entry();

}  // namespace shoal

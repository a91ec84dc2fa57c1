// Attacks that look at nothing. On the wire ordinary messages, but for rows that are not finite: no
// codec encodes those, and receivers refuse them.
//
//   constant     the same value everywhere
//   zero         a constant of 0
//   uniform      values from [0, 1), each liar its own
//   not_finite   rows of NaN, +infinity or -infinity: tests that receivers screen them
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

struct ConstantSettings {
  double value = -100.0;
};
void describe(Settings& s, ConstantSettings& v);

enum class NotFinite { kNan, kInfinity, kMinusInfinity };
struct NotFiniteSettings {
  NotFinite value = NotFinite::kNan;
};
void describe(Settings& s, NotFiniteSettings& v);

CatalogueEntry<Attack> constant_entry();
CatalogueEntry<Attack> zero_entry();
CatalogueEntry<Attack> uniform_entry();
CatalogueEntry<Attack> not_finite_entry();

}  // namespace shoal

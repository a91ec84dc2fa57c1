// Attacks that need no cleverness; on the wire they are ordinary messages.
//
//   none            liars send what an honest node would
//   sign_flip       -scale times the own row, or times the honest mean
//   gaussian_noise  normal values of the given sigma around zero, the own row or the honest mean;
//                   every liar draws its own
#pragma once

#include "shoal/attack/attack.h"

namespace shoal {

enum class AttackCentre { kZero, kOwn, kMean };

struct SignFlipSettings {
  double scale = 1.0;
  AttackCentre of = AttackCentre::kOwn;
};
void describe(Settings& s, SignFlipSettings& v);

struct GaussianNoiseSettings {
  double sigma = 200.0;
  AttackCentre around = AttackCentre::kZero;
};
void describe(Settings& s, GaussianNoiseSettings& v);

CatalogueEntry<Attack> none_entry();
CatalogueEntry<Attack> sign_flip_entry();
CatalogueEntry<Attack> gaussian_noise_entry();

}  // namespace shoal

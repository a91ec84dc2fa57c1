// Constraint sets of a variational inequality, through their projections: prox of the indicator h,
// the same for every step size. A set holds each tensor of the parameters for itself, so that the
// two players of a saddle problem have one each.
//
//   none       everything
//   box        |z_i| <= radius
//   l2_ball    |z| <= radius
//   simplex    z_i >= 0 and sum z_i = radius: mixed strategies for radius 1
//
// The simplex takes a sort (Held, Wolfe and Crowder 1974): O(d log d). The others are O(d).
#pragma once

#include <span>

#include "shoal/base/settings.h"
#include "shoal/model/layout.h"

namespace shoal {

enum class ConstraintKind { kNone, kBox, kL2Ball, kSimplex };

struct ConstraintSettings {
  ConstraintKind constraint = ConstraintKind::kNone;
  double radius = 1.0;
};
void describe(Settings& s, ConstraintSettings& v);

// Replaces z, of the length of the layout, by the nearest point of the set.
template <class Scalar>
void project(const ConstraintSettings& settings, const Layout& layout, std::span<Scalar> z);

}  // namespace shoal

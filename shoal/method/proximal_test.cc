#include "shoal/method/proximal.h"

#include <cmath>
#include <gtest/gtest.h>
#include <vector>

#include "shoal/base/random.h"

namespace shoal {
namespace {

Layout two_tensors() {
  Layout layout;
  layout.add("x", {3});
  layout.add("y", {2});
  return layout;
}

std::vector<double> projected(ConstraintKind kind, double radius, std::vector<double> z) {
  project<double>({kind, radius}, two_tensors(), z);
  return z;
}

TEST(Proximal, KnownProjections) {
  const std::vector<double> z = {3.0, -4.0, 0.0, 0.25, 0.5};
  EXPECT_EQ(projected(ConstraintKind::kNone, 1.0, z), z);
  EXPECT_EQ(projected(ConstraintKind::kBox, 2.0, z), (std::vector<double>{2, -2, 0, 0.25, 0.5}));
  EXPECT_EQ(projected(ConstraintKind::kL2Ball, 2.5, z),
            (std::vector<double>{1.5, -2, 0, 0.25, 0.5}));
  EXPECT_EQ(projected(ConstraintKind::kSimplex, 1.0, z),
            (std::vector<double>{1, 0, 0, 0.375, 0.625}));
}

// The nearest point: no random point of the set lies on the far side of the supporting plane.
TEST(Proximal, NoPointOfTheSetIsNearer) {
  RandomStream stream(1, purpose("projections"));
  for (const ConstraintKind kind :
       {ConstraintKind::kBox, ConstraintKind::kL2Ball, ConstraintKind::kSimplex})
    for (int trial = 0; trial < 300; ++trial) {
      std::vector<double> z(5), other(5);
      for (double& value : z) value = 2.0 * stream.normal();
      for (double& value : other) value = 2.0 * stream.normal();
      const auto nearest = projected(kind, 1.0, z);
      const auto again = projected(kind, 1.0, nearest);
      const auto inside = projected(kind, 1.0, other);
      double product = 0.0;
      for (std::size_t i = 0; i < 5; ++i) {
        EXPECT_NEAR(again[i], nearest[i], 1e-12);
        product += (z[i] - nearest[i]) * (inside[i] - nearest[i]);
      }
      EXPECT_LE(product, 1e-12);
      if (kind == ConstraintKind::kSimplex) {
        EXPECT_NEAR(nearest[0] + nearest[1] + nearest[2], 1.0, 1e-12);
        EXPECT_NEAR(nearest[3] + nearest[4], 1.0, 1e-12);
      }
    }
}

}  // namespace
}  // namespace shoal

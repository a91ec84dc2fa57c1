#include "shoal/method/proximal.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

namespace shoal {

void describe(Settings& s, ConstraintSettings& v) {
  s.choice("constraint", v.constraint, "the set that holds each tensor of the solution",
           {{"none", ConstraintKind::kNone},
            {"box", ConstraintKind::kBox},
            {"l2_ball", ConstraintKind::kL2Ball},
            {"simplex", ConstraintKind::kSimplex}});
  s.real("radius", v.radius, "bound of the box or ball, sum of the simplex", {.range = above(0)});
}

namespace {

template <class Scalar>
void to_ball(double radius, std::span<Scalar> z) {
  double square = 0.0;
  for (const Scalar value : z) square += static_cast<double>(value) * static_cast<double>(value);
  const double norm = std::sqrt(square);
  if (!(norm > radius)) return;
  const auto factor = static_cast<Scalar>(radius / norm);
  for (Scalar& value : z) value *= factor;
}

// max(z - threshold, 0), with the threshold that makes it sum to the radius.
template <class Scalar>
void to_simplex(double radius, std::span<Scalar> z) {
  std::vector<double> falling(z.begin(), z.end());
  std::sort(falling.begin(), falling.end(), std::greater<>());
  double sum = 0.0, threshold = 0.0;
  for (std::size_t i = 0; i < falling.size(); ++i) {
    sum += falling[i];
    const double candidate = (sum - radius) / static_cast<double>(i + 1);
    if (falling[i] <= candidate) break;
    threshold = candidate;
  }
  for (Scalar& value : z)
    value = static_cast<Scalar>(std::max(static_cast<double>(value) - threshold, 0.0));
}

}  // namespace

template <class Scalar>
void project(const ConstraintSettings& settings, const Layout& layout, std::span<Scalar> z) {
  const auto bound = static_cast<Scalar>(settings.radius);
  for (const TensorInfo& tensor : layout.tensors()) {
    const auto part = z.subspan(tensor.offset, tensor.size);
    switch (settings.constraint) {
      case ConstraintKind::kNone:
        return;
      case ConstraintKind::kBox:
        for (Scalar& value : part) value = std::clamp(value, -bound, bound);
        break;
      case ConstraintKind::kL2Ball:
        to_ball(settings.radius, part);
        break;
      case ConstraintKind::kSimplex:
        to_simplex(settings.radius, part);
        break;
    }
  }
}

template void project<float>(const ConstraintSettings&, const Layout&, std::span<float>);
template void project<double>(const ConstraintSettings&, const Layout&, std::span<double>);

}  // namespace shoal

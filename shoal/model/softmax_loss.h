// Cross entropy of one row: ln(sum of e^z_k) - z_label, with the largest score taken out first, so
// that no exponential overflows. Shared by softmax regression and the networks.
#pragma once

#include <algorithm>
#include <cstddef>

#include "shoal/base/portable_math.h"
#include "shoal/model/exponential.h"

namespace shoal {

// The largest of `classes` scores, `stride` apart; the first of equals.
template <class Scalar>
std::size_t largest_score(const Scalar* scores, std::size_t classes, std::size_t stride) {
  std::size_t best = 0;
  for (std::size_t k = 1; k < classes; ++k)
    if (scores[k * stride] > scores[best * stride]) best = k;
  return best;
}

// The row's loss.
template <class Scalar>
double cross_entropy(const Scalar* scores, std::size_t classes, std::size_t stride,
                     std::size_t label) {
  const double top = scores[largest_score(scores, classes, stride) * stride];
  double sum = 0.0;
  for (std::size_t k = 0; k < classes; ++k) sum += fast_exp(scores[k * stride] - top);
  return portable_log(sum) - (scores[label * stride] - top);
}

// The row's loss; overwrites the scores with `weight` times its gradient, probability - [k =
// label].
template <class Scalar>
double cross_entropy_gradient(Scalar* scores, std::size_t classes, std::size_t stride,
                              std::size_t label, double weight) {
  const double top = scores[largest_score(scores, classes, stride) * stride];
  const double chosen = scores[label * stride];
  double sum = 0.0;
  for (std::size_t k = 0; k < classes; ++k) {
    const double e = fast_exp(scores[k * stride] - top);
    scores[k * stride] = static_cast<Scalar>(e);
    sum += e;
  }
  const double scale = 1.0 / sum;
  for (std::size_t k = 0; k < classes; ++k)
    scores[k * stride] = static_cast<Scalar>(
        weight * (static_cast<double>(scores[k * stride]) * scale - (k == label ? 1.0 : 0.0)));
  return portable_log(sum) - (chosen - top);
}

}  // namespace shoal

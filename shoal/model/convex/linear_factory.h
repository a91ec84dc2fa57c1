// From a shape and the name of a row's loss to a factory in both precisions.
#pragma once

#include <memory>

#include "shoal/model/both_precisions.h"
#include "shoal/model/convex/linear.h"

namespace shoal {

// Settings that ridge, logistic and softmax regression share.
struct LinearSettings {
  double l2 = 0.0;
  bool bias = true;
  double initial_scale = 0.0;
};

inline void describe(Settings& s, LinearSettings& v) {
  s.real("l2", v.l2, "weight of |W|^2 / 2 in the loss; the bias is not penalised",
         {.range = at_least(0)});
  s.flag("bias", v.bias, "whether scores have a constant term");
  s.real("initial_scale", v.initial_scale,
         "standard deviation of the initial weights; 0 starts from zero", {.range = at_least(0)});
}

template <template <class> class Loss>
std::unique_ptr<ModelFactory> linear_factory(const LinearSettings& settings, const Dataset& data,
                                             std::size_t outputs, bool flat) {
  pin_eigen_blocking();
  const LinearShape shape{data.features, outputs,     flat,
                          settings.bias, settings.l2, settings.initial_scale};
  return std::make_unique<BothPrecisions>(
      [shape] {
        return std::make_unique<LinearModel<float>>(shape, std::make_shared<Loss<float>>());
      },
      [shape] {
        return std::make_unique<LinearModel<double>>(shape, std::make_shared<Loss<double>>());
      });
}

}  // namespace shoal

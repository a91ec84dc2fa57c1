// A factory of models that come in float and in double.
#pragma once

#include <memory>
#include <utility>

#include "shoal/model/factory.h"

namespace shoal {

class BothPrecisions final : public ModelFactory {
 public:
  BothPrecisions(MakeModel<float> in_float, MakeModel<double> in_double)
      : float_(std::move(in_float)), double_(std::move(in_double)) {}
  Result<MakeModel<float>> in_float() const override { return float_; }
  Result<MakeModel<double>> in_double() const override { return double_; }

 private:
  MakeModel<float> float_;
  MakeModel<double> double_;
};

}  // namespace shoal

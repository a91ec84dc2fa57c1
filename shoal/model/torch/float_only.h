// A factory of models that come in float only.
#pragma once

#include <string>
#include <utility>

#include "shoal/model/factory.h"

namespace shoal {

class FloatOnly final : public ModelFactory {
 public:
  FloatOnly(std::string name, MakeModel<float> make)
      : name_(std::move(name)), make_(std::move(make)) {}
  Result<MakeModel<float>> in_float() const override { return make_; }
  Result<MakeModel<double>> in_double() const override {
    return unsupported("model '" + name_ +
                       "' comes in float only; a study in double takes mlp or a convex model");
  }

 private:
  std::string name_;
  MakeModel<float> make_;
};

}  // namespace shoal

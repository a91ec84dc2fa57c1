// Which models there are, by name: a factory makes calculators for the shape of a data set.
#pragma once

#include <vector>

#include "shoal/base/catalogue.h"
#include "shoal/data/dataset.h"
#include "shoal/model/model.h"

namespace shoal {

class ModelFactory {
 public:
  virtual ~ModelFactory() = default;
  // How to make a calculator, or an error when this model does not come in that precision.
  virtual Result<MakeModel<float>> in_float() const = 0;
  virtual Result<MakeModel<double>> in_double() const = 0;
};

// Made for the shape and classes of a training set; a mismatch is an error that says both.
using ModelEntry = CatalogueEntry<ModelFactory, const Dataset&>;

// All models by name (catalogue.cc): convex ones, and those on LibTorch where it is built in.
const Catalogue<ModelFactory, const Dataset&>& models();

// The models of shoal/model/torch; without LibTorch, entries of the same names that say what to
// install (shoal/model/no_torch).
std::vector<ModelEntry> torch_model_entries();

}  // namespace shoal

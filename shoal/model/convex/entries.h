// The convex models of the catalogue.
#pragma once

#include "shoal/model/factory.h"

namespace shoal {

ModelEntry quadratic_entry();
ModelEntry ridge_entry();
ModelEntry logistic_entry();
ModelEntry softmax_entry();
ModelEntry bilinear_saddle_entry();
ModelEntry robust_logistic_entry();

}  // namespace shoal

// What every Model checks of its arguments: own invariants, broken only by a caller's mistake.
#pragma once

#include <span>

#include "shoal/base/check.h"
#include "shoal/model/model.h"

namespace shoal {

template <class Scalar>
void check_call(const Layout& layout, std::size_t features, std::span<const Scalar> parameters,
                const Batch& batch) {
  SHOAL_CHECK(parameters.size() == layout.size(), "the parameters do not fit the model's layout");
  SHOAL_CHECK(batch.data != nullptr && batch.data->features == features,
              "a batch comes from a data set of another width than the model was made for");
  SHOAL_CHECK(!batch.rows.empty(), "a batch needs at least one row");
}

}  // namespace shoal

// The models by name.
#include <algorithm>
#include <iterator>
#include <utility>

#include "shoal/model/convex/entries.h"
#include "shoal/model/factory.h"
#include "shoal/model/network/entries.h"

namespace shoal {

const Catalogue<ModelFactory, const Dataset&>& models() {
  static const Catalogue<ModelFactory, const Dataset&> all("model", [] {
    std::vector<ModelEntry> entries = {
        quadratic_entry(),       ridge_entry(),           logistic_entry(), softmax_entry(),
        bilinear_saddle_entry(), robust_logistic_entry(), mlp_entry()};
    std::ranges::move(torch_model_entries(), std::back_inserter(entries));
    return entries;
  }());
  return all;
}

}  // namespace shoal

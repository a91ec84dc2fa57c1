#include "shoal/method/method.h"

namespace shoal {

Result<RowPlace> Method::rows(const MethodParts&) const {
  return unsupported(
      "attacks on messages forge rows that are their sender's own, and this method sends none: "
      "sums made on the way, differences to what its receivers remember, or no rows at all; use a "
      "federated method, a gossip method that sends models, or collective = \"gather\"");
}

}  // namespace shoal

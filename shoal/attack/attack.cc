#include "shoal/attack/attack.h"

namespace shoal {

Status Attack::check(std::size_t, std::size_t) const { return ok_status(); }

}  // namespace shoal

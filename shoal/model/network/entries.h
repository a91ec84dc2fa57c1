// The networks that need no LibTorch.
#pragma once

#include "shoal/model/factory.h"

namespace shoal {

ModelEntry mlp_entry();

}  // namespace shoal

// The two numbers everything is keyed by.
#pragma once

#include <cstdint>

namespace shoal {

using NodeId = std::uint32_t;
// A round of a server or a step of a peer, from 0.
using Step = std::uint32_t;

}  // namespace shoal

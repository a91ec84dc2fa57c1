// An operator new that fails on demand, in a program of its own.
#pragma once

namespace shoal {

// From now on `count` allocations of this thread succeed, and all later ones throw std::bad_alloc.
void fail_after(long count);
// They succeed again; whether one has failed.
bool stop_failing();

}  // namespace shoal

// LibTorch, oneDNN and OpenBLAS each start threads of their own and then split sums by how many
// they have. shoal's workers compute alone instead: the bits of a result must not depend on the
// machine's cores or on OMP_NUM_THREADS, and the pool already keeps every core busy.
#pragma once

namespace shoal {

// Makes every library below compute in the calling thread from now on. Cheap after the first call
// in a thread.
void compute_in_this_thread_only();

}  // namespace shoal

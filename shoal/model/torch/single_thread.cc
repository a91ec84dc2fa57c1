#include "shoal/model/torch/single_thread.h"

#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <mutex>

namespace shoal {
namespace {

// OpenBLAS is what Debian's LibTorch multiplies matrices with, under its own name or as
// libblas.so.3. The reference BLAS, its possible substitute, has no threads and no such function.
void stop_blas_threads() {
  using SetThreads = void (*)(int);
  if (void* const symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))
    reinterpret_cast<SetThreads>(symbol)(1);
}

}  // namespace

void compute_in_this_thread_only() {
  static std::once_flag once;
  std::call_once(once, stop_blas_threads);
  // OpenMP keeps its number of threads per calling thread.
  thread_local const bool alone = [] {
    at::set_num_threads(1);
    return true;
  }();
  static_cast<void>(alone);
}

}  // namespace shoal

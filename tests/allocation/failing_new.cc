// In a file of its own, where no compiler sees both ends of an allocation.
#include "tests/allocation/failing_new.h"

#include <cstdlib>
#include <new>

namespace shoal {
namespace {

thread_local long allowed = -1;  // below 0: all
thread_local bool has_failed = false;

}  // namespace

void fail_after(long count) {
  has_failed = false;
  allowed = count;
}

bool stop_failing() {
  allowed = -1;
  return has_failed;
}

}  // namespace shoal

void* operator new(std::size_t size) {
  if (shoal::allowed == 0) {
    shoal::has_failed = true;
    throw std::bad_alloc();
  }
  if (shoal::allowed > 0) --shoal::allowed;
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

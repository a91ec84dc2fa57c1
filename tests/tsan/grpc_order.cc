// Tells ThreadSanitizer what happens before what inside gRPC, which Debian ships without
// instrumentation: its locks (those of Abseil), and that a callback comes after the call that asked
// for it. The functions here stand before those of the shared libraries under the same names.
//
// What we do not say, it reports: two threads of ours, or two callbacks, that touch the same thing
// without a lock of ours in between. Costs nothing outside of a build with SHOAL_SANITIZE_THREADS.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <mutex>
#include <sanitizer/tsan_interface.h>
#include <unordered_map>

namespace {

// Of the shared libraries.
template <class Function>
Function* real(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

char order;  // stands for everything that goes through gRPC's interface

using Run = void (*)(grpc_completion_queue_functor*, int);

struct Callbacks {
  std::mutex mutex;
  std::unordered_map<grpc_completion_queue_functor*, Run> of_functor;
};
Callbacks& callbacks() {
  static Callbacks* const all = new Callbacks;  // gRPC's threads live longer than statics
  return *all;
}

void run_in_order(grpc_completion_queue_functor* functor, int ok) {
  __tsan_acquire(&order);
  Run run = nullptr;
  {
    const std::lock_guard lock(callbacks().mutex);
    run = callbacks().of_functor.at(functor);
  }
  run(functor, ok);
  __tsan_release(&order);
}

}  // namespace

extern "C" {

grpc_call_error grpc_call_start_batch(grpc_call* call, const grpc_op* ops, size_t count, void* tag,
                                      void* reserved) {
  static const auto next = real(&grpc_call_start_batch, "grpc_call_start_batch");
  // All calls here are of the callback interface, whose tags are functors.
  auto* functor = static_cast<grpc_completion_queue_functor*>(tag);
  if (functor != nullptr && functor->functor_run != &run_in_order) {
    const std::lock_guard lock(callbacks().mutex);
    callbacks().of_functor[functor] = functor->functor_run;
    functor->functor_run = &run_in_order;
  }
  __tsan_release(&order);
  return next(call, ops, count, tag, reserved);
}

// The first thing that is done for a call that comes in.
void* grpc_call_arena_alloc(grpc_call* call, size_t size) {
  static const auto next = real(&grpc_call_arena_alloc, "grpc_call_arena_alloc");
  __tsan_acquire(&order);
  return next(call, size);
}

// The last thing a server does before it takes calls.
void grpc_server_start(grpc_server* server) {
  static const auto next = real(&grpc_server_start, "grpc_server_start");
  __tsan_release(&order);
  next(server);
}

void mutex_lock(void* mutex) __asm__("_ZN4absl7debian35Mutex4LockEv");
void mutex_lock(void* mutex) {
  static const auto next = real(&mutex_lock, "_ZN4absl7debian35Mutex4LockEv");
  next(mutex);
  __tsan_acquire(mutex);
}

bool mutex_try_lock(void* mutex) __asm__("_ZN4absl7debian35Mutex7TryLockEv");
bool mutex_try_lock(void* mutex) {
  static const auto next = real(&mutex_try_lock, "_ZN4absl7debian35Mutex7TryLockEv");
  const bool locked = next(mutex);
  if (locked) __tsan_acquire(mutex);
  return locked;
}

void mutex_unlock(void* mutex) __asm__("_ZN4absl7debian35Mutex6UnlockEv");
void mutex_unlock(void* mutex) {
  static const auto next = real(&mutex_unlock, "_ZN4absl7debian35Mutex6UnlockEv");
  __tsan_release(mutex);
  next(mutex);
}

void condition_wait(void* condition,
                    void* mutex) __asm__("_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
void condition_wait(void* condition, void* mutex) {
  static const auto next = real(&condition_wait, "_ZN4absl7debian37CondVar4WaitEPNS0_5MutexE");
  __tsan_release(mutex);
  next(condition, mutex);
  __tsan_acquire(mutex);
}

}  // extern "C"

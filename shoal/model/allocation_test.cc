// Once scratch memory has its size, convex models and the perceptron allocate nothing.
#include <cstdlib>
#include <gtest/gtest.h>

#include "shoal/model/model_checks.h"

// Sanitizers bring an allocator of their own, which must not be replaced.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__)

namespace {
thread_local long allocations = 0;
}

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
  ++allocations;
  return __libc_malloc(size);
}

namespace shoal {
namespace {

template <class Scalar>
long allocations_of(const char* kind, const Dataset& data) {
  const auto model = model_of<Scalar>(table({{"kind", kind}}), data);
  const Rows rows = all_rows(data);
  std::vector<Scalar> parameters(model->size());
  std::vector<Scalar> gradient(model->size());
  model->gradient(parameters, {&data, rows}, gradient);
  model->evaluate(parameters, {&data, rows});
  const long before = allocations;
  for (int i = 0; i < 3; ++i) {
    model->gradient(parameters, {&data, rows}, gradient);
    model->evaluate(parameters, {&data, rows});
  }
  return allocations - before;
}

TEST(Allocation, NoneInTheSteadyState) {
  const long before = allocations;
  std::free(std::malloc(100));
  const bool counts = allocations > before;
  if (!counts) GTEST_SKIP() << "malloc cannot be counted here";
  const Dataset images = blobs({1, 28, 28}, 10, 300);
  EXPECT_EQ(allocations_of<float>("softmax", images), 0);
  EXPECT_EQ(allocations_of<double>("softmax", images), 0);
  EXPECT_EQ(allocations_of<float>("mlp", images), 0);
  EXPECT_EQ(allocations_of<double>("logistic", blobs({1000}, 2, 300)), 0);
  EXPECT_EQ(allocations_of<float>("ridge", blobs({10}, 0, 2000)), 0);
}

}  // namespace
}  // namespace shoal

#endif

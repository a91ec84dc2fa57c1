// What codecs ask of the allocator: nothing in the steady state, and never more than a row for what
// a short message announces.
#include <algorithm>
#include <cstdlib>

#include "shoal/codec/codec_test_tools.h"

// Sanitizers bring an allocator of their own, which must not be replaced.
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {
thread_local long allocations = 0;
thread_local std::size_t largest_allocation = 0;
}  // namespace

extern "C" void* __libc_malloc(std::size_t size);
extern "C" void* malloc(std::size_t size) {
  ++allocations;
  largest_allocation = std::max(largest_allocation, size);
  return __libc_malloc(size);
}

namespace shoal {
namespace {

bool can_count() {
  const long before = allocations;
  std::free(std::malloc(100));
  return allocations > before;
}

// Except for the layout of kept values in a composition, with a few blocks a tensor.
TEST(CodecAllocation, NoneInTheSteadyState) {
  if (!can_count()) GTEST_SKIP() << "malloc cannot be counted here";
  RandomStream stream(1, purpose("allocation"));
  Layout layout;
  layout.add("a", {70000});
  layout.add("b", {3000});
  std::vector<float> row(layout.size()), decoded(layout.size());
  for (float& value : row) value = static_cast<float>(stream.normal());
  ByteWriter out;
  for (const Table& table : all_codec_settings()) {
    if (table.find("values")) continue;
    const auto codec = made(table);
    long before = 0;
    for (int call = 0; call < 3; ++call) {
      out.clear();
      before = allocations;
      ASSERT_TRUE(codec->encode(row, layout, draws_of(1), out).ok());
      ASSERT_TRUE(codec->decode(out.bytes(), layout, draws_of(1).shared, decoded).ok());
    }
    EXPECT_EQ(allocations, before) << *table.find("kind")->as<std::string>();
  }
}

TEST(CodecAllocation, ShortMessagesAskForNoMoreThanARow) {
  if (!can_count()) GTEST_SKIP() << "malloc cannot be counted here";
  const std::size_t size = 1 << 20;
  std::vector<float> row(size);
  RandomStream stream(7, purpose("garbage"));
  for (const Table& table : all_codec_settings()) {
    const auto codec = made(table);
    for (int attempt = 0; attempt < 4; ++attempt) {
      Bytes garbage(1024, attempt == 0 ? std::byte{0xff} : std::byte{0});
      if (attempt >= 2)
        for (std::byte& byte : garbage) byte = static_cast<std::byte>(stream.below(256));
      largest_allocation = 0;
      (void)codec->decode(garbage, layout_of(size), draws_of(1).shared, row);
      ASSERT_LE(largest_allocation, size * sizeof(float)) << *table.find("kind")->as<std::string>();
    }
  }
}

}  // namespace
}  // namespace shoal

#endif

#include "shoal/math/random_bits.h"

#include <gtest/gtest.h>
#include <vector>

#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

// Random lengths in a row, so that calls begin at every place of a block.
TEST(RandomBits, AreThoseOfTheStream) {
  on_every_simd_target([](const char* target) {
    SCOPED_TRACE(target);
    RandomStream lengths(1, purpose("lengths"));
    for (const std::uint64_t seed : {0ull, 7ull, 0xfedcba9876543210ull}) {
      RandomStream one(seed, purpose("bits"), 3, 0xffffffff), many = one;
      for (int call = 0; call < 200; ++call) {
        std::vector<std::uint32_t> words(lengths.below(call < 150 ? 20 : 3000), 7u);
        fill_bits(many, words);
        for (std::size_t i = 0; i < words.size(); ++i) ASSERT_EQ(words[i], one.bits32()) << i;
      }
      EXPECT_EQ(one.bits64(), many.bits64());
    }
  });
}

TEST(RandomBits, PhiloxKnownAnswer) {
  // Random123's kat_vectors: philox4x32-10, zero counter and key.
  RandomStream stream(0, Purpose{0}, 0, 0);
  std::vector<std::uint32_t> words(4);
  fill_bits(stream, words);
  EXPECT_EQ(words, (std::vector<std::uint32_t>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
}

}  // namespace
}  // namespace shoal

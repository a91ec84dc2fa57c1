#include "shoal/net/receipts.h"

#include <gtest/gtest.h>

#include "shoal/net/limits.h"
#include "shoal/net/nonce_window.h"

namespace shoal {
namespace {

constexpr Tag kTag = tag("update");

Digest digest(int value) {
  Digest made{};
  made[0] = static_cast<std::byte>(value);
  return made;
}

TEST(Receipts, AreCountedAndFoundForEver) {
  Receipts receipts;
  EXPECT_EQ(receipts.add(7, kTag, 0, digest(1)).number, 1u);
  EXPECT_EQ(receipts.add(3, kTag, 0, digest(2)).number, 2u);
  EXPECT_EQ(receipts.add(3, tag("other"), 0, digest(3)).number, 3u);
  EXPECT_EQ(receipts.add(3, kTag, 1, digest(4)).number, 4u);
  receipts.trim_before(2);
  EXPECT_EQ(receipts.find(7, kTag, 0)->sha256, digest(1));
  EXPECT_EQ(receipts.find(3, kTag, 1)->number, 4u);
  EXPECT_FALSE(receipts.find(7, kTag, 1));
  EXPECT_EQ(receipts.count(3), 3u);
  const auto all = receipts.of_round(0);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].from, 3u);
  EXPECT_EQ(all[2].from, 7u);
}

TEST(Receipts, OfARepeatedRoundAreForgotten) {
  Receipts receipts;
  receipts.add(1, kTag, 0, digest(1));
  receipts.add(1, kTag, 1, digest(2));
  receipts.add(1, kTag, 2, digest(3));
  receipts.trim_before(3);
  receipts.forget_from(1);
  EXPECT_TRUE(receipts.find(1, kTag, 0));
  EXPECT_FALSE(receipts.find(1, kTag, 1));
  EXPECT_FALSE(receipts.find(1, kTag, 2));
  EXPECT_EQ(receipts.count(1), 1u);
  EXPECT_EQ(receipts.add(1, kTag, 1, digest(4)).number, 4u);
}

TEST(Receipts, ComeBackWithTheirNumbers) {
  Receipts receipts;
  EXPECT_TRUE(receipts.restore({2, kTag, {digest(1), 0, 9}}));
  EXPECT_TRUE(receipts.restore({1, kTag, {digest(2), 0, 4}}));
  EXPECT_FALSE(receipts.restore({1, kTag, {digest(3), 0, 5}}));
  EXPECT_EQ(receipts.find(1, kTag, 0)->sha256, digest(2));
  EXPECT_EQ(receipts.add(1, kTag, 1, digest(4)).number, 10u);
}

Nonce nonce(std::uint64_t value) {
  Nonce made{};
  std::memcpy(made.data(), &value, sizeof value);
  return made;
}

TEST(NonceWindow, RemembersTwiceTheSkewPerMember) {
  NonceWindow window;
  window.add(1, nonce(1), 100.0);
  EXPECT_TRUE(window.seen(1, nonce(1)));
  EXPECT_FALSE(window.seen(2, nonce(1)));
  window.expire(100.0 + 2 * kClockSkew_s);
  EXPECT_TRUE(window.seen(1, nonce(1)));
  window.expire(1, 100.5 + 2 * kClockSkew_s);
  EXPECT_FALSE(window.seen(1, nonce(1)));
}

TEST(NonceWindow, IsBounded) {
  NonceWindow window;
  for (std::uint64_t i = 0; i < kNoncesPerClientMax; ++i) {
    ASSERT_FALSE(window.full(1));
    window.add(1, nonce(i), static_cast<double>(i) * 1e-3);
  }
  EXPECT_TRUE(window.full(1));
  EXPECT_FALSE(window.full(2));
  window.expire(2.0 * kClockSkew_s + 1.0005);
  EXPECT_FALSE(window.full(1));
  EXPECT_FALSE(window.seen(1, nonce(1000)));
  EXPECT_TRUE(window.seen(1, nonce(1001)));
}

}  // namespace
}  // namespace shoal

// Feedback whose messages are lost, saved or changed on the way: both sides keep one state.
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/codec/feedback.h"
#include "shoal/codec/feedback_test_tools.h"

namespace shoal {
namespace {

template <class Scalar>
class FeedbackState : public FeedbackIn<Scalar> {};
TYPED_TEST_SUITE(FeedbackState, Precisions);

// The start is sent again, in the same form, when it was lost.
TYPED_TEST(FeedbackState, ALostStartIsMadeAgain) {
  Pair<TypeParam> pair(starting(kEf21, ShiftStart::kFull), 3);
  pair.send(*top_k(1), {3, 1, 1}, true);
  EXPECT_EQ(pair.send(*top_k(1), {2, 5, 1}), (std::vector<TypeParam>{2, 5, 1}));
  EXPECT_EQ(pair.send(*top_k(1), {2, 5, 3}), (std::vector<TypeParam>{2, 5, 3}));
  EXPECT_LT(pair.bytes.size(), 12u);
}

// One message in three is lost: both sides keep one shift (Pair::send looks).
TYPED_TEST(FeedbackState, LostMessages) {
  const std::size_t size = 40;
  for (const Feedback& feedback : all_kinds(size)) {
    Pair<TypeParam> pair(feedback, size);
    RandomStream stream(5, purpose("feedback"));
    const auto codec = top_k(4);
    for (int t = 0; t < 200; ++t)
      pair.send(*codec, this->normal_row(size, stream), stream.below(3) == 0);
  }
}

TYPED_TEST(FeedbackState, AnErrorChangesNothing) {
  for (const Feedback& feedback : all_kinds(4)) {
    Pair<TypeParam> pair(feedback, 4);
    pair.send(*top_k(1), {3, 2, 1, 1});
    ByteWriter before, after, out;
    pair.sender.save(before);
    const std::vector<TypeParam> broken{1, static_cast<TypeParam>(NAN), 1, 1};
    EXPECT_FALSE(
        pair.sender.encode(*top_k(1), broken, pair.layout, codec_draws(1, 0, 9), out).ok());
    pair.sender.save(after);
    EXPECT_FALSE(pair.sender.unsettled());
    EXPECT_EQ(before.bytes(), after.bytes());
  }
}

TYPED_TEST(FeedbackState, SavesItselfBetweenMessageAndAnswer) {
  const auto codec = top_k(2);
  for (const Feedback& feedback : all_kinds(4)) {
    Pair<TypeParam> pair(feedback, 4);
    pair.send(*codec, {4, 3, 2, 1});
    ByteWriter out;
    const std::vector<TypeParam> row{1, 1, 5, 1};
    ASSERT_TRUE(pair.sender.encode(*codec, row, pair.layout, codec_draws(1, 0, 1), out).ok());
    ByteWriter saved, received;
    pair.sender.save(saved);
    pair.receiver.save(received);
    FeedbackSender<TypeParam> restored(feedback, 4), wrong_size(feedback, 5);
    FeedbackReceiver<TypeParam> receiver(feedback, 4);
    ByteReader reader(saved.bytes()), again(saved.bytes()), third(received.bytes());
    ASSERT_TRUE(restored.load(reader).ok());
    EXPECT_FALSE(wrong_size.load(again).ok());
    ASSERT_TRUE(receiver.load(third).ok());
    EXPECT_EQ(receiver.shift_checksum(), pair.receiver.shift_checksum());
    EXPECT_TRUE(restored.unsettled());
    restored.settle(true);
    pair.sender.settle(true);
    ByteWriter one, other;
    restored.save(one);
    pair.sender.save(other);
    EXPECT_EQ(one.bytes(), other.bytes());
    for (std::size_t cut = 0; cut < saved.size(); ++cut) {
      ByteReader half(ByteView(saved.bytes()).first(cut));
      EXPECT_FALSE(restored.load(half).ok());
    }
  }
}

TYPED_TEST(FeedbackState, StartsAnewOnBothSides) {
  for (const Feedback& feedback : {feedback_of(0.5, 1.0), ef_phase(7, 2)}) {
    Pair<TypeParam> pair(feedback, 3);
    pair.send(*top_k(1), {3, 1, 2});
    const auto error = this->copy(pair.sender.error());
    const std::uint32_t moved = pair.sender.shift_checksum();
    pair.sender.restart();
    EXPECT_NE(pair.sender.shift_checksum(), moved);
    EXPECT_EQ(this->copy(pair.sender.error()), error);
    pair.receiver.restart();
    pair.send(*top_k(1), {3, 1, 2});
  }
}

// Bytes that are cut, longer or changed give an error or a finite step, and never more.
TYPED_TEST(FeedbackState, TrustsNoBytes) {
  for (const Feedback& feedback : {ef_diana(rand_k(4, "node", true), 0.5), ef_phase(1, 3)}) {
    Pair<TypeParam> pair(feedback, 8);
    RandomStream stream(14, purpose("feedback"));
    pair.send(*top_k(2), this->normal_row(8, stream));
    const Bytes good = pair.bytes;
    std::vector<TypeParam> row(8), step;
    const RandomStream shared = shared_draws(1, 0);
    const auto decodes = [&](ByteView bytes) {
      return pair.receiver.decode(*top_k(2), bytes, pair.layout, shared, row, step).ok();
    };
    ASSERT_TRUE(decodes(good));
    for (std::size_t cut = 0; cut < good.size(); ++cut)
      EXPECT_FALSE(decodes(ByteView(good).first(cut)));
    Bytes longer = good;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decodes(longer));
    for (int t = 0; t < 2000; ++t) {
      Bytes changed = good;
      for (int k = 0; k < 3; ++k)
        changed[stream.below(changed.size())] = static_cast<std::byte>(stream.below(256));
      if (!decodes(changed)) continue;
      for (const TypeParam value : step) EXPECT_TRUE(std::isfinite(value));
      pair.receiver.squared_norm(row, step);
    }
  }
}

// A shift that would leave the finite numbers is seen before it moves.
TEST(Feedback, AnOverflowOfTheShiftIsSeen) {
  FeedbackReceiver<float> receiver(kEf21, 1);
  std::vector<float> row{3e38f};
  EXPECT_TRUE(std::isfinite(receiver.squared_norm(row, {})));
  receiver.count(row, {});
  row = {3e38f};
  EXPECT_FALSE(std::isfinite(receiver.squared_norm(row, {})));
}

}  // namespace
}  // namespace shoal

// The worked examples of EControl, EF21 and EF, their identities, and messages that are lost.
#include "shoal/codec/feedback.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Rows = std::vector<std::vector<float>>;

constexpr Feedback kEf{1.0f, 0.0f};
constexpr Feedback kEf21{0.0f, 1.0f};

std::unique_ptr<Codec> top_k(std::int64_t k, const char* value_type = "f32") {
  Table table;
  table.set("kind", "top_k");
  table.set("k", k);
  table.set("scope", "global");
  table.set("value_type", value_type);
  return codecs().make(table, "[codec]").value();
}
std::unique_ptr<Codec> dense() {
  Table table;
  table.set("kind", "dense");
  return codecs().make(table, "[codec]").value();
}

Layout layout_of(std::size_t size) {
  Layout layout;
  layout.add("x", {static_cast<std::uint32_t>(size)});
  return layout;
}

// A sender and its receiver, and the line between them.
struct Pair {
  Pair(const Feedback& feedback, std::size_t size)
      : layout(layout_of(size)), sender(feedback, size), receiver(feedback, size) {}

  // The receiver's estimate; nothing comes of a message that is lost.
  std::vector<float> send(const Codec& codec, const std::vector<float>& row, bool lost = false) {
    ByteWriter out;
    const Draws draws = codec_draws(1, 0, round++);
    EXPECT_TRUE(sender.encode(codec, row, layout, draws, out).ok());
    message = {sender.sent().begin(), sender.sent().end()};
    std::vector<float> estimate(row.size());
    if (!lost) {
      EXPECT_TRUE(codec.decode(out.bytes(), layout, draws.shared, estimate).ok());
      const double norm = receiver.squared_norm(estimate);
      receiver.count(estimate);
      double expected = 0.0;
      for (const float value : estimate) expected += double{value} * value;
      EXPECT_NEAR(norm, expected, 1e-5 * expected + 1e-30);
    }
    sender.settle(!lost);
    EXPECT_EQ(sender.shift_checksum(), receiver.shift_checksum());
    EXPECT_TRUE(std::ranges::equal(sender.shift(), receiver.shift()));
    return estimate;
  }

  Layout layout;
  FeedbackSender sender;
  FeedbackReceiver receiver;
  Step round = 0;
  std::vector<float> message;  // the last D
};

std::vector<float> normal_row(std::size_t size, RandomStream& stream) {
  std::vector<float> row(size);
  for (float& value : row) value = static_cast<float>(stream.normal());
  return row;
}

const Rows kGradients = {{3, 1}, {1, 2}, {1, 1}};

TEST(Feedback, EcontrolExample) {
  Pair pair({0.5f, 1.0f}, 2);
  Rows messages, errors, shifts;
  for (const auto& gradient : kGradients) {
    pair.send(*top_k(1), gradient);
    messages.push_back(pair.message);
    errors.emplace_back(pair.sender.error().begin(), pair.sender.error().end());
    shifts.emplace_back(pair.sender.shift().begin(), pair.sender.shift().end());
  }
  EXPECT_EQ(messages, (Rows{{3, 0}, {0, 2.5}, {-3, 0}}));
  EXPECT_EQ(errors, (Rows{{0, 1}, {-2, 0.5}, {-1, -1}}));
  EXPECT_EQ(shifts, (Rows{{3, 0}, {3, 2.5}, {0, 2.5}}));
}

TEST(Feedback, Ef21Example) {
  Pair pair(kEf21, 2);
  Rows messages, estimates;
  for (const auto& gradient : kGradients) {
    estimates.push_back(pair.send(*top_k(1), gradient));
    messages.push_back(pair.message);
  }
  EXPECT_EQ(messages, (Rows{{3, 0}, {-2, 0}, {0, 1}}));
  EXPECT_EQ(estimates, (Rows{{3, 0}, {1, 0}, {1, 1}}));
  EXPECT_TRUE(pair.sender.error().empty());
}

TEST(Feedback, EfExample) {
  Pair pair(kEf, 2);
  Rows messages, errors;
  for (const auto& gradient : kGradients) {
    EXPECT_EQ(pair.send(*top_k(1), gradient), pair.message);
    messages.push_back(pair.message);
    errors.emplace_back(pair.sender.error().begin(), pair.sender.error().end());
  }
  EXPECT_EQ(messages, (Rows{{3, 0}, {0, 3}, {2, 0}}));
  EXPECT_EQ(errors, (Rows{{0, 1}, {1, 0}, {0, 1}}));
}

// e_T = sum_t g_t - sum_t h_{t+1}, however many messages of whatever rounding there are.
TEST(Feedback, NothingIsForgotten) {
  const std::size_t size = 64;
  for (const Feedback feedback : {kEf, Feedback{0.25f, 1.0f}}) {
    Pair pair(feedback, size);
    RandomStream stream(4, purpose("feedback"));
    std::vector<double> balance(size, 0.0);
    const auto codec = top_k(6, "bf16");
    for (int t = 0; t < 200; ++t) {
      const std::vector<float> row = normal_row(size, stream);
      const std::vector<float> estimate = pair.send(*codec, row);
      for (std::size_t c = 0; c < size; ++c) balance[c] += double{row[c]} - estimate[c];
    }
    for (std::size_t c = 0; c < size; ++c) EXPECT_NEAR(balance[c], pair.sender.error()[c], 1e-3);
  }
}

// One message in three is lost: both sides keep one shift (Pair::send looks), and the error of EF
// holds all that did not come.
TEST(Feedback, LostMessages) {
  const std::size_t size = 40;
  for (const Feedback feedback : {kEf, kEf21, Feedback{0.2f, 1.0f}, Feedback{0.0f, 0.5f}}) {
    Pair pair(feedback, size);
    RandomStream stream(5, purpose("feedback"));
    std::vector<double> balance(size, 0.0);
    const auto codec = top_k(4);
    for (int t = 0; t < 300; ++t) {
      const std::vector<float> row = normal_row(size, stream);
      const std::vector<float> estimate = pair.send(*codec, row, stream.below(3) == 0);
      for (std::size_t c = 0; c < size; ++c) balance[c] += double{row[c]} - estimate[c];
    }
    if (feedback.keeps_shift()) continue;
    for (std::size_t c = 0; c < size; ++c) EXPECT_NEAR(balance[c], pair.sender.error()[c], 1e-3);
  }
}

TEST(Feedback, ALosslessCodecLeavesNothingOver) {
  RandomStream stream(6, purpose("feedback"));
  for (const Feedback feedback : {kEf, kEf21, Feedback{0.3f, 1.0f}}) {
    Pair pair(feedback, 16);
    for (int t = 0; t < 5; ++t) {
      const std::vector<float> row = normal_row(16, stream);
      const std::vector<float> estimate = pair.send(*dense(), row);
      for (std::size_t c = 0; c < 16; ++c) EXPECT_NEAR(estimate[c], row[c], 1e-6);
      for (const float value : pair.sender.error()) EXPECT_NEAR(value, 0.0, 1e-6);
    }
  }
}

TEST(Feedback, EcontrolWithoutFeedbackIsEf21BitForBit) {
  Pair control({0.0f, 1.0f}, 32), ef21(kEf21, 32);
  RandomStream stream(7, purpose("feedback"));
  for (int t = 0; t < 50; ++t) {
    const std::vector<float> row = normal_row(32, stream);
    EXPECT_EQ(control.send(*top_k(3), row), ef21.send(*top_k(3), row));
  }
}

// With constant rows, ||g - h||^2 shrinks by the contraction at least (2106.05203).
TEST(Feedback, Ef21ClosesInOnAConstant) {
  RandomStream stream(8, purpose("feedback"));
  const std::vector<float> row = normal_row(100, stream);
  Pair pair(kEf21, 100);
  double before = 0.0;
  for (const float value : row) before += double{value} * value;
  for (int t = 0; t < 10; ++t) {
    const std::vector<float> estimate = pair.send(*top_k(10), row);
    double after = 0.0;
    for (std::size_t c = 0; c < row.size(); ++c) after += std::pow(row[c] - estimate[c], 2);
    EXPECT_LE(after, 0.9 * before + 1e-9);
    before = after;
  }
  EXPECT_NEAR(before, 0.0, 1e-9);
}

// Three workers of Beznosikov et al., on which Top-1 without memory diverges (top_k_test.cc).
TEST(Feedback, RepairsTopK) {
  for (const Feedback feedback : {kEf, kEf21, Feedback{1.0f / 3, 1.0f}}) {
    for (const char* type : {"f32", "bf16"}) {
      std::vector<Pair> pairs(3, Pair(feedback, 3));
      std::vector<float> x{1, 1, 1};
      for (int t = 0; t < 4000; ++t) {
        std::vector<float> total(3, 0.0f);
        for (std::size_t worker = 0; worker < 3; ++worker) {
          double a[3] = {2, 2, 2};
          a[worker] = -3;
          const double product = a[0] * x[0] + a[1] * x[1] + a[2] * x[2];
          std::vector<float> row(3);
          for (std::size_t c = 0; c < 3; ++c)
            row[c] = static_cast<float>(0.02 * (2 * product * a[c] + 0.5 * x[c]));
          const auto estimate = pairs[worker].send(*top_k(1, type), row);
          for (std::size_t c = 0; c < 3; ++c) total[c] += estimate[c];
        }
        for (std::size_t c = 0; c < 3; ++c) x[c] -= total[c] / 3;
      }
      EXPECT_LT(std::hypot(x[0], x[1], x[2]), 1e-3) << feedback.eta << " " << type;
    }
  }
}

TEST(Feedback, AnErrorChangesNothing) {
  Pair pair({0.5f, 1.0f}, 3);
  pair.send(*top_k(1), {3, 2, 1});
  const std::vector<float> before(pair.sender.error().begin(), pair.sender.error().end());
  ByteWriter out;
  const std::vector<float> broken{1, NAN, 1};
  EXPECT_FALSE(pair.sender.encode(*top_k(1), broken, pair.layout, codec_draws(1, 0, 9), out).ok());
  EXPECT_FALSE(pair.sender.unsettled());
  EXPECT_TRUE(std::ranges::equal(before, pair.sender.error()));
}

TEST(Feedback, SavesItselfBetweenMessageAndAnswer) {
  const auto codec = top_k(2);
  Pair pair({0.5f, 1.0f}, 4);
  pair.send(*codec, {4, 3, 2, 1});
  ByteWriter out;
  ASSERT_TRUE(
      pair.sender
          .encode(*codec, std::vector<float>{1, 1, 5, 1}, pair.layout, codec_draws(1, 0, 1), out)
          .ok());
  ByteWriter saved;
  pair.sender.save(saved);
  FeedbackSender restored({0.5f, 1.0f}, 4), wrong_size({0.5f, 1.0f}, 5);
  ByteReader reader(saved.bytes()), again(saved.bytes());
  ASSERT_TRUE(restored.load(reader).ok());
  EXPECT_FALSE(wrong_size.load(again).ok());
  EXPECT_TRUE(restored.unsettled());
  restored.settle(true);
  pair.sender.settle(true);
  EXPECT_TRUE(std::ranges::equal(restored.error(), pair.sender.error()));
  EXPECT_EQ(restored.shift_checksum(), pair.sender.shift_checksum());
}

TEST(Feedback, StartsAnewOnBothSides) {
  Pair pair({0.5f, 1.0f}, 2);
  pair.send(*top_k(1), {3, 1});
  const std::uint32_t moved = pair.sender.shift_checksum();
  pair.sender.restart();
  EXPECT_NE(pair.sender.shift_checksum(), moved);
  EXPECT_THAT(pair.sender.error(), ElementsAre(0, 1));
  pair.receiver.restart();
  pair.send(*top_k(1), {3, 1});
}

TEST(Feedback, CodecsItDoesNotGoWith) {
  const Layout layout = layout_of(10);
  FeedbackSettings diana{.kind = FeedbackKind::kDiana};
  EXPECT_THAT(make_feedback(diana, *top_k(1), layout).error().message, HasSubstr("unbiased"));
  EXPECT_EQ(make_feedback(diana, *dense(), layout)->shift_rate, 1.0f);
  const FeedbackSettings control{.kind = FeedbackKind::kEcontrol};
  EXPECT_FLOAT_EQ(make_feedback(control, *top_k(2), layout)->eta, 0.2f);
  EXPECT_THAT(
      make_feedback({.kind = FeedbackKind::kEf, .eta = 0.1}, *top_k(1), layout).error().message,
      HasSubstr("econtrol"));
  EXPECT_FALSE(make_feedback({}, *top_k(1), layout)->any());
}

}  // namespace
}  // namespace shoal

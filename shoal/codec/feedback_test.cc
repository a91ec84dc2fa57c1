// The worked examples of EControl, EF21 and EF, the identities of all kinds, and messages that are
// lost; in both precisions. What settings are refused: feedback_settings_test.cc.
#include "shoal/codec/feedback.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;

Feedback feedback_of(double eta, double shift_rate) {
  Feedback feedback;
  feedback.eta = eta;
  feedback.shift_rate = shift_rate;
  return feedback;
}
const Feedback kEf = feedback_of(1.0, 0.0);
const Feedback kEf21 = feedback_of(0.0, 1.0);

std::unique_ptr<Codec> top_k(std::int64_t k, const char* value_type = "f32") {
  return made(
      table_of({{"kind", "top_k"}, {"k", k}, {"scope", "global"}, {"value_type", value_type}}));
}
std::unique_ptr<Codec> dense() { return made(table_of({{"kind", "dense"}})); }
Table rand_k(std::int64_t k, const char* seed_mode, bool scaled) {
  return table_of({{"kind", "rand_k"},
                   {"k", k},
                   {"scope", "global"},
                   {"seed_mode", seed_mode},
                   {"scaled", scaled}});
}

Feedback ef_diana(const Table& shift_codec, double rate) {
  Feedback feedback = feedback_of(1.0, rate);
  feedback.shift_codec = made(shift_codec);
  return feedback;
}
Feedback ef_phase(std::uint32_t phase, std::uint32_t repetitions) {
  Feedback feedback = feedback_of(1.0, 1.0);
  feedback.phase = phase;
  feedback.repetitions = repetitions;
  return feedback;
}
Feedback starting(Feedback feedback, ShiftStart start) {
  feedback.start = start;
  return feedback;
}

// Every kind, for rows of `size` entries.
std::vector<Feedback> all_kinds(std::int64_t size) {
  Feedback averaging = kEf21;
  averaging.momentum_in = 0.3;
  return {kEf,
          kEf21,
          averaging,
          starting(kEf21, ShiftStart::kFull),
          feedback_of(0.2, 1.0),
          starting(feedback_of(0.2, 1.0), ShiftStart::kFull),
          starting(feedback_of(0.2, 1.0), ShiftStart::kCompressed),
          feedback_of(0.0, 0.5),
          ef_diana(rand_k(size / 2, "node", true), 0.4),
          ef_diana(rand_k(size / 2, "shared", true), 0.5),
          ef_phase(5, 3),
          ef_phase(1, 1)};
}

// A sender and its receiver, and the line between them.
template <class Scalar>
struct Pair {
  using Row = std::vector<Scalar>;
  Pair(const Feedback& feedback, std::size_t size)
      : feedback(feedback),
        layout(layout_of(size)),
        sender(feedback, size),
        receiver(feedback, size) {}

  // The receiver's estimate; nothing comes of a message that is lost.
  Row send(const Codec& codec, const Row& row, bool lost = false) {
    ByteWriter out;
    const Draws draws = codec_draws(1, node, round++);
    EXPECT_TRUE(sender.encode(codec, row, layout, draws, out).ok());
    bytes = out.bytes();
    message = {sender.sent().begin(), sender.sent().end()};
    Row estimate(row.size());
    EXPECT_TRUE(
        check_feedback_message<Scalar>(feedback, codec, bytes, layout, draws.shared, estimate)
            .ok());
    if (lost)
      std::fill(estimate.begin(), estimate.end(), Scalar{0});
    else
      receive(codec, draws, estimate);
    sender.settle(!lost);
    EXPECT_EQ(sender.shift_checksum(), receiver.shift_checksum());
    EXPECT_TRUE(std::ranges::equal(sender.shift(), receiver.shift()));
    return estimate;
  }

  void receive(const Codec& codec, const Draws& draws, Row& estimate) {
    Row step;
    EXPECT_TRUE(receiver.decode(codec, bytes, layout, draws.shared, estimate, step).ok());
    EXPECT_TRUE(std::ranges::equal(estimate, sender.sent()));
    EXPECT_TRUE(std::ranges::equal(step, sender.shift_step()));
    const double norm = receiver.squared_norm(estimate, step);
    receiver.count(estimate, step);
    double expected = 0.0;
    for (const Scalar value : estimate) expected += double{value} * value;
    EXPECT_NEAR(norm, expected, 1e-5 * expected + 1e-30);
  }

  Feedback feedback;
  Layout layout;
  FeedbackSender<Scalar> sender;
  FeedbackReceiver<Scalar> receiver;
  NodeId node = 0;
  Step round = 0;
  Row message;  // the last D
  Bytes bytes;
};

template <class Scalar>
class FeedbackIn : public ::testing::Test {
 protected:
  using Row = std::vector<Scalar>;
  using Rows = std::vector<Row>;

  static Row normal_row(std::size_t size, RandomStream& stream) {
    Row row(size);
    for (Scalar& value : row) value = static_cast<Scalar>(stream.normal());
    return row;
  }
  // Whole numbers in -8..8: sums of a few are exact in float.
  static Row whole_row(std::size_t size, RandomStream& stream) {
    Row row(size);
    for (Scalar& value : row) value = static_cast<Scalar>(stream.below(17)) - Scalar{8};
    return row;
  }
  static Row copy(std::span<const Scalar> row) { return {row.begin(), row.end()}; }
  static double squared(const Row& row) {
    double sum = 0.0;
    for (const Scalar value : row) sum += double{value} * value;
    return sum;
  }
  const Rows gradients_{{3, 1}, {1, 2}, {1, 1}};
};
using Precisions = ::testing::Types<float, double>;
TYPED_TEST_SUITE(FeedbackIn, Precisions);

TYPED_TEST(FeedbackIn, EcontrolExample) {
  using Rows = std::vector<std::vector<TypeParam>>;
  Pair<TypeParam> pair(feedback_of(0.5, 1.0), 2);
  Rows messages, errors, shifts;
  for (const auto& gradient : this->gradients_) {
    pair.send(*top_k(1), gradient);
    messages.push_back(pair.message);
    errors.push_back(this->copy(pair.sender.error()));
    shifts.push_back(this->copy(pair.sender.shift()));
  }
  EXPECT_EQ(messages, (Rows{{3, 0}, {0, 2.5}, {-3, 0}}));
  EXPECT_EQ(errors, (Rows{{0, 1}, {-2, 0.5}, {-1, -1}}));
  EXPECT_EQ(shifts, (Rows{{3, 0}, {3, 2.5}, {0, 2.5}}));
}

TYPED_TEST(FeedbackIn, Ef21Example) {
  using Rows = std::vector<std::vector<TypeParam>>;
  Pair<TypeParam> pair(kEf21, 2);
  Rows messages, estimates;
  for (const auto& gradient : this->gradients_) {
    estimates.push_back(pair.send(*top_k(1), gradient));
    messages.push_back(pair.message);
  }
  EXPECT_EQ(messages, (Rows{{3, 0}, {-2, 0}, {0, 1}}));
  EXPECT_EQ(estimates, (Rows{{3, 0}, {1, 0}, {1, 1}}));
  EXPECT_TRUE(pair.sender.error().empty());
}

TYPED_TEST(FeedbackIn, EfExample) {
  using Rows = std::vector<std::vector<TypeParam>>;
  Pair<TypeParam> pair(kEf, 2);
  Rows messages, errors;
  for (const auto& gradient : this->gradients_) {
    EXPECT_EQ(pair.send(*top_k(1), gradient), pair.message);
    messages.push_back(pair.message);
    errors.push_back(this->copy(pair.sender.error()));
  }
  EXPECT_EQ(messages, (Rows{{3, 0}, {0, 3}, {2, 0}}));
  EXPECT_EQ(errors, (Rows{{0, 1}, {1, 0}, {0, 1}}));
}

// The first message of each way to begin, for the row (3, 1, 1).
TYPED_TEST(FeedbackIn, WaysToBegin) {
  const auto begun = [](ShiftStart start) {
    Pair<TypeParam> pair(starting(feedback_of(0.5, 1.0), start), 3);
    pair.send(*top_k(1), {3, 1, 1});
    return pair;
  };
  const auto full = begun(ShiftStart::kFull);
  EXPECT_EQ(full.bytes.size(), 12u);
  EXPECT_THAT(full.sender.shift(), ElementsAre(3, 1, 1));
  EXPECT_THAT(full.sender.error(), ElementsAre(0, 0, 0));
  const auto compressed = begun(ShiftStart::kCompressed);
  EXPECT_LT(compressed.bytes.size(), 12u);
  EXPECT_THAT(compressed.sender.shift(), ElementsAre(3, 0, 0));
  EXPECT_THAT(compressed.sender.error(), ElementsAre(0, 0, 0));
  const auto zero = begun(ShiftStart::kZero);
  EXPECT_THAT(zero.sender.shift(), ElementsAre(3, 0, 0));
  EXPECT_THAT(zero.sender.error(), ElementsAre(0, 1, 1));
}

// The start is sent again, in the same form, when it was lost.
TYPED_TEST(FeedbackIn, ALostStartIsMadeAgain) {
  Pair<TypeParam> pair(starting(kEf21, ShiftStart::kFull), 3);
  pair.send(*top_k(1), {3, 1, 1}, true);
  EXPECT_EQ(pair.send(*top_k(1), {2, 5, 1}), (std::vector<TypeParam>{2, 5, 1}));
  EXPECT_EQ(pair.send(*top_k(1), {2, 5, 3}), (std::vector<TypeParam>{2, 5, 3}));
  EXPECT_LT(pair.bytes.size(), 12u);
}

// With b = 1/2: v = (4, 0), then (2, 3), then (2, 3).
TYPED_TEST(FeedbackIn, Ef21AveragesItsRows) {
  Feedback feedback = kEf21;
  feedback.momentum_in = 0.5;
  Pair<TypeParam> pair(feedback, 2);
  using Row = std::vector<TypeParam>;
  EXPECT_EQ(pair.send(*dense(), {4, 0}), (Row{4, 0}));
  EXPECT_EQ(pair.send(*dense(), {0, 6}, true), (Row{0, 0}));  // v moves all the same
  EXPECT_EQ(pair.send(*dense(), {2, 3}), (Row{2, 3}));
}

// e_T = sum_t g_t - sum_t h_{t+1}, however many messages of whatever rounding there are. In double
// the error holds what rounding to float and bf16 lost, so the balance is exact to double.
TYPED_TEST(FeedbackIn, NothingIsForgotten) {
  const std::size_t size = 64;
  const double tolerance = std::is_same_v<TypeParam, float> ? 1e-3 : 1e-11;
  for (const Feedback& feedback :
       {kEf, feedback_of(0.25, 1.0), starting(feedback_of(0.25, 1.0), ShiftStart::kFull),
        ef_diana(rand_k(32, "node", true), 0.5), ef_phase(20, 4)}) {
    for (const bool loses : {false, true}) {
      Pair<TypeParam> pair(feedback, size);
      RandomStream stream(4, purpose("feedback"));
      std::vector<double> balance(size, 0.0);
      const auto codec = top_k(6, "bf16");
      for (int t = 0; t < 200; ++t) {
        const auto row = this->normal_row(size, stream);
        // What a lost message left out of the shift is not all in e.
        const bool lost = loses && !feedback.keeps_shift() && stream.below(3) == 0;
        const auto estimate = pair.send(*codec, row, lost);
        for (std::size_t c = 0; c < size; ++c) balance[c] += double{row[c]} - estimate[c];
      }
      for (std::size_t c = 0; c < size; ++c)
        EXPECT_NEAR(balance[c], pair.sender.error()[c], tolerance);
    }
  }
}

// One message in three is lost: both sides keep one shift (Pair::send looks).
TYPED_TEST(FeedbackIn, LostMessages) {
  const std::size_t size = 40;
  for (const Feedback& feedback : all_kinds(size)) {
    Pair<TypeParam> pair(feedback, size);
    RandomStream stream(5, purpose("feedback"));
    const auto codec = top_k(4);
    for (int t = 0; t < 200; ++t)
      pair.send(*codec, this->normal_row(size, stream), stream.below(3) == 0);
  }
}

TYPED_TEST(FeedbackIn, ALosslessCodecLeavesNothingOver) {
  RandomStream stream(6, purpose("feedback"));
  std::vector<Feedback> kinds = all_kinds(16);
  kinds.push_back(feedback_of(0.0, 1.0));
  for (const Feedback& feedback : kinds) {
    if (feedback.momentum_in < 1.0) continue;
    Pair<TypeParam> pair(feedback, 16);
    for (int t = 0; t < 8; ++t) {
      const auto row = this->normal_row(16, stream);
      const auto estimate = pair.send(*dense(), row);
      for (std::size_t c = 0; c < 16; ++c) EXPECT_NEAR(estimate[c], row[c], 1e-5);
      for (const TypeParam value : pair.sender.error()) EXPECT_NEAR(value, 0.0, 1e-5);
      const bool follows = feedback.eta < 1.0 && feedback.shift_rate == 1.0;
      for (std::size_t c = 0; follows && c < 16; ++c)
        EXPECT_NEAR(pair.sender.shift()[c], row[c], 1e-5);
    }
  }
}

// Equal messages from two machines that should be one.
template <class Scalar>
void expect_alike(const Feedback& one, const Feedback& other, const char* what) {
  Pair<Scalar> a(one, 32), b(other, 32);
  RandomStream stream(7, purpose("feedback"));
  for (int t = 0; t < 50; ++t) {
    std::vector<Scalar> row(32);
    for (Scalar& value : row) value = static_cast<Scalar>(stream.normal());
    a.send(*top_k(3), row);
    b.send(*top_k(3), row);
    EXPECT_EQ(a.message, b.message) << what;
  }
}

TYPED_TEST(FeedbackIn, OneMachine) {
  constexpr double kFrozen = 1e-300;  // a shift that does not leave 0
  for (const ShiftStart start : {ShiftStart::kFull, ShiftStart::kZero})
    expect_alike<TypeParam>(starting(feedback_of(0.0, 1.0), start), starting(kEf21, start),
                            "econtrol without feedback is ef21");
  expect_alike<TypeParam>(starting(kEf21, ShiftStart::kCompressed), kEf21,
                          "nothing is forgotten where nothing is kept");
  expect_alike<TypeParam>(feedback_of(1.0, kFrozen), kEf, "econtrol with h = 0 and eta = 1 is ef");
  expect_alike<TypeParam>(ef_diana(rand_k(16, "node", true), kFrozen), kEf,
                          "ef_diana with h = 0 is ef");
}

// With constant rows, ||g - h||^2 shrinks by the contraction at least (2106.05203).
TYPED_TEST(FeedbackIn, Ef21ClosesInOnAConstant) {
  RandomStream stream(8, purpose("feedback"));
  const auto row = this->normal_row(100, stream);
  Pair<TypeParam> pair(kEf21, 100);
  double before = this->squared(row);
  for (int t = 0; t < 10; ++t) {
    const auto estimate = pair.send(*top_k(10), row);
    double after = 0.0;
    for (std::size_t c = 0; c < row.size(); ++c) after += std::pow(row[c] - estimate[c], 2);
    EXPECT_LE(after, 0.9 * before + 1e-9);
    before = after;
  }
  EXPECT_NEAR(before, 0.0, 1e-9);
}

// R repetitions leave at most (1 - delta)^R of the square, and nothing when R = d/k.
TYPED_TEST(FeedbackIn, ARefreshClosesInOnItsRow) {
  RandomStream stream(9, purpose("feedback"));
  const auto row = this->normal_row(100, stream);
  for (const std::uint32_t repetitions : {1u, 4u, 10u}) {
    Pair<TypeParam> pair(ef_phase(1000, repetitions), 100);
    pair.send(*top_k(10), row);
    auto left = row;
    for (std::size_t c = 0; c < row.size(); ++c) left[c] -= pair.sender.shift()[c];
    EXPECT_LE(this->squared(left), std::pow(0.9, repetitions) * this->squared(row));
    const double exact = repetitions == 10 ? 1e-12 : HUGE_VAL;
    EXPECT_LE(this->squared(left), exact);
    const std::size_t refresh = pair.bytes.size();
    pair.send(*top_k(10), row);
    EXPECT_GT(refresh, repetitions * pair.bytes.size());
  }
}

// Three workers of Beznosikov et al. (2002.12410), on which Top-1 without memory diverges by
// 1 + 11 gamma/6 a step (top_k_test.cc), with the same gamma.
TYPED_TEST(FeedbackIn, RepairsTopK) {
  for (const Feedback& feedback : {kEf, kEf21, feedback_of(1.0 / 3, 1.0),
                                   starting(feedback_of(1.0 / 3, 1.0), ShiftStart::kFull),
                                   ef_phase(20, 2), ef_diana(rand_k(1, "node", true), 1.0 / 3)}) {
    for (const char* type : {"f32", "bf16"}) {
      std::vector<Pair<TypeParam>> pairs(3, Pair<TypeParam>(feedback, 3));
      for (NodeId worker = 0; worker < 3; ++worker) pairs[worker].node = worker;
      std::vector<double> x{1, 1, 1};
      for (int t = 0; t < 2000; ++t) {
        std::vector<double> total(3, 0.0);
        for (std::size_t worker = 0; worker < 3; ++worker) {
          double a[3] = {2, 2, 2};
          a[worker] = -3;
          const double product = a[0] * x[0] + a[1] * x[1] + a[2] * x[2];
          std::vector<TypeParam> row(3);
          for (std::size_t c = 0; c < 3; ++c)
            row[c] = static_cast<TypeParam>(0.05 * (2 * product * a[c] + 0.5 * x[c]));
          const auto estimate = pairs[worker].send(*top_k(1, type), row);
          for (std::size_t c = 0; c < 3; ++c) total[c] += estimate[c];
        }
        for (std::size_t c = 0; c < 3; ++c) x[c] -= total[c] / 3;
      }
      EXPECT_LT(std::hypot(x[0], x[1], x[2]), 1e-3) << feedback.eta << " " << type;
    }
  }
}

// n = 2, d = 2, grad f_i = x + c_i with c = (3, 1), (-3, 1), Top-1, gamma = 1: messages cancel.
TYPED_TEST(FeedbackIn, TheCancellationTrap) {
  using Row = std::vector<TypeParam>;
  struct Trap {
    explicit Trap(const Feedback& feedback) : pairs(2, Pair<TypeParam>(feedback, 2)) {}
    void round() {
      const Row c[2] = {{3, 1}, {-3, 1}};
      const Row at = x;
      for (std::size_t i = 0; i < 2; ++i) {
        const auto estimate = pairs[i].send(*top_k(1), {at[0] + c[i][0], at[1] + c[i][1]});
        for (std::size_t k = 0; k < 2; ++k) x[k] -= estimate[k] / 2;
      }
    }
    Row x{0, 0};
    std::vector<Pair<TypeParam>> pairs;
  };
  Trap plain{Feedback{}}, ef{kEf}, shifted{ef_phase(1000, 2)};
  for (int t = 0; t < 3; ++t) {
    plain.round();
    ef.round();
    EXPECT_THAT(ef.x, ElementsAre(0, 0));
    for (const auto& pair : ef.pairs) EXPECT_THAT(pair.sender.error(), ElementsAre(0, t + 1));
  }
  EXPECT_THAT(plain.x, ElementsAre(0, 0));
  ef.round();
  EXPECT_THAT(ef.x, ElementsAre(0, -4));
  EXPECT_THAT(ef.pairs[0].sender.error(), ElementsAre(3, 0));
  EXPECT_THAT(ef.pairs[1].sender.error(), ElementsAre(-3, 0));
  // The first refresh takes in c_i whole, so nothing is left to send: x = x* at once.
  shifted.round();
  EXPECT_THAT(shifted.pairs[1].sender.shift(), ElementsAre(-3, 1));
  EXPECT_THAT(shifted.pairs[1].message, ElementsAre(0, 0));
  EXPECT_THAT(shifted.x, ElementsAre(0, -1));
}

// DIANA with the identity is gradient descent.
TYPED_TEST(FeedbackIn, DianaOfTheIdentity) {
  Pair<TypeParam> pair(feedback_of(0.0, 1.0), 20);
  RandomStream stream(10, purpose("feedback"));
  for (int t = 0; t < 30; ++t) {
    const auto row = this->whole_row(20, stream);
    EXPECT_EQ(pair.send(*dense(), row), row);
  }
}

// x - mean_i e_i moves by exactly -mean_i g_i, for any codec and any rows (whole numbers: exactly).
TYPED_TEST(FeedbackIn, TheVirtualIterateOfEf) {
  std::vector<std::unique_ptr<Codec>> codecs;
  codecs.push_back(top_k(3));
  codecs.push_back(made(rand_k(3, "node", false)));
  codecs.push_back(made(table_of({{"kind", "grbs"}, {"compression_ratio", 4}, {"blocks", 8}})));
  for (const auto& codec : codecs) {
    std::vector<Pair<TypeParam>> pairs(4, Pair<TypeParam>(kEf, 24));
    for (NodeId i = 0; i < 4; ++i) pairs[i].node = i;
    std::vector<double> x(24, 0.0), virtual_x(24, 0.0);
    RandomStream stream(11, purpose("feedback"));
    for (int t = 0; t < 60; ++t) {
      for (auto& pair : pairs) {
        const auto row = this->whole_row(24, stream);
        const auto estimate = pair.send(*codec, row);
        for (std::size_t c = 0; c < 24; ++c) {
          x[c] -= estimate[c] / 4.0;
          virtual_x[c] -= row[c] / 4.0;
        }
      }
      for (std::size_t c = 0; c < 24; ++c) {
        double error = 0.0;
        for (const auto& pair : pairs) error += pair.sender.error()[c] / 4.0;
        EXPECT_EQ(x[c] - error, virtual_x[c]);
      }
    }
  }
}

// EF of a linear codec on n workers is EF on one worker with the mean row. The wire is float, so
// this is exact where float is: with whole numbers and n a power of two.
TYPED_TEST(FeedbackIn, EfLinearIsOneWorker) {
  for (const Table& table :
       {rand_k(5, "shared", false), table_of({{"kind", "grbs"}, {"compression_ratio", 6}}),
        table_of(
            {{"kind", "random_block"}, {"k", 4}, {"seed_mode", "shared"}, {"scaled", false}})}) {
    const auto codec = made(table);
    EXPECT_TRUE(codec->properties(layout_of(30)).linear);
    std::vector<Pair<TypeParam>> pairs(4, Pair<TypeParam>(kEf, 30));
    for (NodeId i = 0; i < 4; ++i) pairs[i].node = i;
    Pair<TypeParam> one(kEf, 30);
    RandomStream stream(12, purpose("feedback"));
    for (int t = 0; t < 100; ++t) {
      std::vector<TypeParam> mean_row(30, TypeParam{0}), mean(30, TypeParam{0});
      for (auto& pair : pairs) {
        const auto row = this->whole_row(30, stream);
        const auto estimate = pair.send(*codec, row);
        for (std::size_t c = 0; c < 30; ++c) {
          mean_row[c] += row[c] / 4;
          mean[c] += estimate[c] / 4;
        }
      }
      EXPECT_EQ(one.send(*codec, mean_row), mean);
    }
  }
}

// A receiver of the means of messages knows the mean of the estimates.
TYPED_TEST(FeedbackIn, OneReceiverForTheMean) {
  for (const Feedback& feedback : all_kinds(24)) {
    std::vector<Pair<TypeParam>> pairs(4, Pair<TypeParam>(feedback, 24));
    FeedbackReceiver<TypeParam> mean_receiver(feedback, 24);
    RandomStream stream(13, purpose("feedback"));
    for (int t = 0; t < 40; ++t) {
      std::vector<TypeParam> mean(24, 0), mean_sent(24, 0), mean_step;
      for (auto& pair : pairs) {
        ByteWriter out;
        const Draws draws = codec_draws(1, pair.node, pair.round++);
        const auto row = this->normal_row(24, stream);
        ASSERT_TRUE(pair.sender.encode(*top_k(3), row, pair.layout, draws, out).ok());
        std::vector<TypeParam> estimate(24), step;
        ASSERT_TRUE(
            pair.receiver.decode(*top_k(3), out.bytes(), pair.layout, draws.shared, estimate, step)
                .ok());
        mean_step.resize(step.size());
        for (std::size_t c = 0; c < 24; ++c) mean_sent[c] += estimate[c] / 4;
        for (std::size_t c = 0; c < step.size(); ++c) mean_step[c] += step[c] / 4;
        pair.receiver.count(estimate, step);
        pair.sender.settle(true);
        for (std::size_t c = 0; c < 24; ++c) mean[c] += estimate[c] / 4;
      }
      mean_receiver.count(mean_sent, mean_step);
      for (std::size_t c = 0; c < 24; ++c) EXPECT_NEAR(mean_sent[c], mean[c], 1e-4);
    }
  }
}

TYPED_TEST(FeedbackIn, AnErrorChangesNothing) {
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

TYPED_TEST(FeedbackIn, SavesItselfBetweenMessageAndAnswer) {
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

TYPED_TEST(FeedbackIn, StartsAnewOnBothSides) {
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
TYPED_TEST(FeedbackIn, TrustsNoBytes) {
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

// What the tests of feedback share: feedbacks of every kind, a sender and its receiver, and rows;
// in either precision.
#pragma once

#include <algorithm>
#include <gtest/gtest.h>

#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/feedback.h"

namespace shoal {

inline Feedback feedback_of(double eta, double shift_rate) {
  Feedback feedback;
  feedback.eta = eta;
  feedback.shift_rate = shift_rate;
  return feedback;
}
inline const Feedback kEf = feedback_of(1.0, 0.0);
inline const Feedback kEf21 = feedback_of(0.0, 1.0);

inline std::unique_ptr<Codec> top_k(std::int64_t k, const char* value_type = "f32") {
  return made(
      table_of({{"kind", "top_k"}, {"k", k}, {"scope", "global"}, {"value_type", value_type}}));
}
inline std::unique_ptr<Codec> dense() { return made(table_of({{"kind", "dense"}})); }
inline Table rand_k(std::int64_t k, const char* seed_mode, bool scaled) {
  return table_of({{"kind", "rand_k"},
                   {"k", k},
                   {"scope", "global"},
                   {"seed_mode", seed_mode},
                   {"scaled", scaled}});
}

inline Feedback ef_diana(const Table& shift_codec, double rate) {
  Feedback feedback = feedback_of(1.0, rate);
  feedback.shift_codec = made(shift_codec);
  return feedback;
}
inline Feedback ef_phase(std::uint32_t phase, std::uint32_t repetitions) {
  Feedback feedback = feedback_of(1.0, 1.0);
  feedback.phase = phase;
  feedback.repetitions = repetitions;
  return feedback;
}
inline Feedback starting(Feedback feedback, ShiftStart start) {
  feedback.start = start;
  return feedback;
}

// Every kind, for rows of `size` entries.
inline std::vector<Feedback> all_kinds(std::int64_t size) {
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

}  // namespace shoal

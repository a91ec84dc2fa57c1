// Feedback: what a sender, and with it the receiver, remembers of a row that is sent every round,
// so that a codec's losses are made up for. Five published methods are one machine:
//
//   u = eta e + (g - h)      sent: D = C(u)      the receiver's estimate of g: h + D
//   e <- e + (g - h) - D     the sender's error, when eta > 0
//   h <- h + a D             the shift, on both sides, when a > 0
//
//               eta       a    codec        state          paper
//   ef          1         0    contractive  e              1809.07599, 1901.09847
//   ef21        0         1    contractive  h              2106.05203
//   econtrol    eta       1    contractive  e, h           2311.05645
//   diana       0         a    unbiased     h              1901.09269    a <= 1/(1 + omega)
//
// The DECODED message is subtracted and added, with all its rounding, so both sides hold the same
// shift to the bit. They keep it so when messages are lost: the sender moves nothing before it
// knows whether its last message was counted (settle), and a message that was not counts as D = 0,
// so that e holds all of it. shift_checksum() goes with every message; where the two sides differ
// all the same (a sender came back without its state), both restart() with h = 0.
//
// Wire: what the codec writes. State: d floats each for e, h and the message not yet settled.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/codec/codec.h"

namespace shoal {

enum class FeedbackKind { kNone, kEf, kEf21, kEcontrol, kDiana };

struct FeedbackSettings {
  FeedbackKind kind = FeedbackKind::kNone;
  double eta = 0.0;         // of EControl; 0: the codec's contraction
  double shift_rate = 0.0;  // of DIANA; 0: 1 / (1 + omega)
};
void describe(Settings& s, FeedbackSettings& v);

// The two numbers of the machine.
struct Feedback {
  float eta = 0.0f;
  float shift_rate = 0.0f;

  bool any() const { return keeps_error() || keeps_shift(); }
  bool keeps_error() const { return eta > 0.0f; }
  bool keeps_shift() const { return shift_rate > 0.0f; }
};
// Error: why this codec does not go with this feedback.
Result<Feedback> make_feedback(const FeedbackSettings& settings, const Codec& codec,
                               const Layout& layout);

class FeedbackSender {
 public:
  FeedbackSender(const Feedback& feedback, std::size_t size);

  // Appends the encoding of eta e + (row - h) to `out`. The message before it has been settled. On
  // an error nothing changes.
  Status encode(const Codec& codec, std::span<const float> row, const Layout& layout,
                const Draws& draws, ByteWriter& out);
  bool unsettled() const { return !sent_.empty(); }
  // Whether the receiver counted the last message.
  void settle(bool counted);
  // The receiver has lost our shift, or we have: h = 0 on both sides. e stays.
  void restart();

  std::span<const float> error() const { return error_; }  // empty when it is not kept
  std::span<const float> shift() const { return shift_; }
  std::span<const float> sent() const { return sent_; }  // D, until it is settled
  std::uint32_t shift_checksum() const;

  void save(ByteWriter& out) const;
  // Into an object of the same feedback and size; else an error.
  Status load(ByteReader& in);

 private:
  Feedback feedback_;
  std::size_t size_;
  std::vector<float> error_;
  std::vector<float> shift_;
  std::vector<float> sent_;
};

// The receiver's half, for one sender.
class FeedbackReceiver {
 public:
  FeedbackReceiver(const Feedback& feedback, std::size_t size);

  // ||h + D||^2, of the row that a decoded message D stands for.
  double squared_norm(std::span<const float> sent) const;
  // The decoded message counts: `row` holds D, and then the estimate h + D; h moves.
  void count(std::span<float> row);
  void restart();

  std::span<const float> shift() const { return shift_; }
  std::uint32_t shift_checksum() const;

  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  Feedback feedback_;
  std::vector<float> shift_;
};

}  // namespace shoal

// Feedback: what a sender, and with it the receiver, remembers of a row that is sent every round,
// so that a codec's losses are made up for. The published methods are one machine:
//
//   u = eta e + (g - h)      sent: D = C(u)      the receiver's estimate of g: h + D
//   e <- e + (g - h) - D     the sender's error, when eta > 0
//   h <- h + a M             the shift, on both sides, when a > 0; M is D unless said otherwise
//
//               eta       a    codec C                M            state    paper
//   ef          1         0    contractive                         e        1809.07599, 1901.09847
//   ef_linear   1         0    linear, contractive                 e        2009.02388
//   ef21        0         1    contractive            D            h (v)    2106.05203, 2305.15155
//   econtrol    eta       1    contractive            D            e, h     2311.05645
//   diana       0         a    unbiased               D            h        1901.09269
//   ef_diana    1         a    contractive            Q(g - h)     e, h     2010.12292
//   ef_phase    1         1    contractive            a refresh    e, h     2009.02388
//
//   a <= 1/(1 + omega) of the unbiased codec: C of diana, Q (shift_codec) of ef_diana, which sends
//   both. A refresh comes with every P-th message that counts, the first one included: R times
//   c = C(g - h - M), M <- M + c, and the message's own g - h is what is left then. It fixes the
//   shift for P rounds, so g should be a full gradient: a mini-batch's noise would stay as long.
//   ef_linear is ef with a promise that messages can be summed: the mean of n workers' messages is
//   then the message of their mean row. ef21 takes g through v <- (1 - b) v + b g, b = momentum_in.
//
// h_init is how ef21 and econtrol begin: with the whole row as the first message, uncompressed
// (full); with C of it, what C loses being forgotten (compressed); or like any other (zero), where
// it stays in e. The rows of econtrol are gradients, those of the ef family may as well be steps:
// e is in the units of the rows.
//
// The DECODED message is subtracted and added, with all its rounding, so both sides hold the same
// shift to the bit, and in double e also holds what rounding to float lost. They keep it so when
// messages are lost: the sender moves nothing before it knows whether its last message was counted
// (settle), and a message that was not counts as D = 0, so that e holds all of it.
// shift_checksum() goes with every message; where the two sides differ all the same (a sender came
// back without its state), both restart() with h = 0.
//
// Wire: what the codec writes; ef_diana and refreshes begin with 4 bytes of length and the bytes of
// each further body. State: d scalars each for e, h, v and the message not yet settled.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/codec/codec.h"

namespace shoal {

enum class FeedbackKind { kNone, kEf, kEfLinear, kEf21, kEcontrol, kDiana, kEfDiana, kEfPhase };
enum class ShiftStart { kFull, kCompressed, kZero };

struct FeedbackSettings {
  FeedbackKind kind = FeedbackKind::kNone;
  double eta = 0.0;         // of EControl; 0: the codec's contraction
  double shift_rate = 0.0;  // of DIANA and ef_diana; 0: 1 / (1 + omega)
  ShiftStart h_init = ShiftStart::kFull;
  double momentum_in = 1.0;      // of EF21
  std::int64_t phase = 200;      // of ef_phase: P
  std::int64_t repetitions = 8;  // of ef_phase: R
  Table shift_codec = {};        // of ef_diana: kind and settings of Q
};
// All but shift_codec, which is a table or a codec's name (composition.h).
void describe(Settings& s, FeedbackSettings& v);

// Whether messages are differences to a shift that both sides keep.
bool keeps_shift(FeedbackKind kind);

// The numbers of the machine.
struct Feedback {
  double eta = 0.0;
  double shift_rate = 0.0;
  ShiftStart start = ShiftStart::kZero;
  double momentum_in = 1.0;
  std::uint32_t phase = 0;  // 0: no refreshes
  std::uint32_t repetitions = 0;
  std::shared_ptr<const Codec> shift_codec = nullptr;  // null: the message itself moves the shift

  bool any() const { return keeps_error() || keeps_shift(); }
  bool keeps_error() const { return eta > 0.0; }
  bool keeps_shift() const { return shift_rate > 0.0; }
  // Every message is one body of the codec.
  bool sends_plain_bodies() const {
    return phase == 0 && !shift_codec && start != ShiftStart::kFull;
  }
};
// Error: why this codec does not go with this feedback.
Result<Feedback> make_feedback(const FeedbackSettings& settings, const Codec& codec,
                               const Layout& layout);
// One sentence about settings that are allowed and known to go wrong.
std::optional<std::string> feedback_warning(const FeedbackSettings& settings, const Codec& codec,
                                            const Layout& layout);

// Scalar is float or double: what state is kept in. Bodies are float on the wire.
template <class Scalar>
class FeedbackSender {
 public:
  FeedbackSender(const Feedback& feedback, std::size_t size);

  // Appends the message of the row to `out`. The message before it has been settled. On an error
  // nothing changes, and `out` is of no use.
  Status encode(const Codec& codec, std::span<const Scalar> row, const Layout& layout,
                const Draws& draws, ByteWriter& out);
  bool unsettled() const { return !sent_.empty(); }
  // Whether the receiver counted the last message.
  void settle(bool counted);
  // The receiver has lost our shift, or we have: h = 0 on both sides. e stays.
  void restart();

  std::span<const Scalar> error() const { return error_; }  // empty when it is not kept
  std::span<const Scalar> shift() const { return shift_; }
  std::span<const Scalar> sent() const { return sent_; }  // D, until it is settled
  // M, until it is settled; empty when it is D or none.
  std::span<const Scalar> shift_step() const { return step_; }
  // The same on both sides as long as they hold the same shift and count the same messages.
  std::uint32_t shift_checksum() const;

  void save(ByteWriter& out) const;
  // Into an object of the same feedback and size; else an error.
  Status load(ByteReader& in);

 private:
  std::vector<Scalar> averaged(std::span<const Scalar> row) const;
  Status encode_step(const Codec& codec, const Layout& layout, const Draws& draws,
                     std::vector<Scalar>& news, std::vector<Scalar>& step, ByteWriter& out) const;

  Feedback feedback_;
  std::size_t size_;
  std::uint32_t counted_ = 0;     // messages that counted, since the last restart
  std::vector<Scalar> momentum_;  // v; empty before the first row
  std::vector<Scalar> error_;
  std::vector<Scalar> shift_;
  std::vector<Scalar> sent_;
  std::vector<Scalar> step_;
};

// The receiver's half, for one sender; or, as all of it is linear, for the means of the messages of
// several senders who lose none.
template <class Scalar>
class FeedbackReceiver {
 public:
  FeedbackReceiver(const Feedback& feedback, std::size_t size);

  // Reads a message of the sender: `row` becomes D, `step` M when it is not D, else empty. Both are
  // finite as far as the codec looks; `step` always is.
  Status decode(const Codec& codec, ByteView bytes, const Layout& layout,
                const RandomStream& shared, std::span<Scalar> row, std::vector<Scalar>& step) const;
  // ||h + D||^2, of the row that a decoded message stands for. Infinite also when the shift would
  // be.
  double squared_norm(std::span<const Scalar> row, std::span<const Scalar> step) const;
  // The decoded message counts: `row` holds D, and then the estimate of the row; h moves.
  void count(std::span<Scalar> row, std::span<const Scalar> step);
  void restart();

  std::span<const Scalar> shift() const { return shift_; }
  std::uint32_t shift_checksum() const;

  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  void check_sizes(std::span<const Scalar> row, std::span<const Scalar> step) const;

  Feedback feedback_;
  std::uint32_t counted_ = 0;
  std::vector<Scalar> shift_;
};

// For who does not keep the sender's shift: whether the bytes are a message of this feedback at any
// time. `row` becomes its D.
template <class Scalar>
Status check_feedback_message(const Feedback& feedback, const Codec& codec, ByteView bytes,
                              const Layout& layout, const RandomStream& shared,
                              std::span<Scalar> row);

}  // namespace shoal

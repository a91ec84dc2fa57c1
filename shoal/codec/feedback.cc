#include "shoal/codec/feedback.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/base/crc32c.h"
#include "shoal/codec/dense.h"
#include "shoal/codec/row.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

template <class Scalar>
std::uint32_t checksum(std::span<const Scalar> shift, std::uint32_t counted) {
  const std::uint32_t both[2] = {crc32c(std::as_bytes(shift)), counted};
  return crc32c(std::as_bytes(std::span(both)));
}

// What a message is made of, which both sides know from how many have counted.
enum class MessageForm {
  kUsual,
  kFullStart,        // the row itself
  kCompressedStart,  // C of the row; what it loses is forgotten
  kRefresh           // bodies for the shift, then the message's own
};

MessageForm form_of(const Feedback& feedback, std::uint32_t counted) {
  if (feedback.phase > 0 && counted % feedback.phase == 0) return MessageForm::kRefresh;
  if (counted > 0 || !feedback.keeps_shift()) return MessageForm::kUsual;
  if (feedback.start == ShiftStart::kFull) return MessageForm::kFullStart;
  if (feedback.start == ShiftStart::kCompressed) return MessageForm::kCompressedStart;
  return MessageForm::kUsual;
}

const Codec& codec_of_row(MessageForm form, const Codec& codec) {
  static const std::unique_ptr<const Codec> dense = dense_entry().make(Table{}, "dense").value();
  return form == MessageForm::kFullStart ? *dense : codec;
}

// Appends the row to `out`; `decoded` is what a receiver makes of it.
template <class Scalar>
Status encode_body(const Codec& codec, std::span<const Scalar> row, const Layout& layout,
                   const Draws& draws, ByteWriter& out, std::vector<Scalar>& decoded) {
  std::vector<float> scratch;
  const std::size_t begin = out.size();
  SHOAL_TRY_STATUS(encode_row<Scalar>(codec, row, layout, draws, scratch, out));
  decoded.resize(row.size());
  return decode_row<Scalar>(codec, ByteView(out.bytes()).subspan(begin), layout, draws.shared,
                            scratch, decoded);
}

// The same behind its length, for a body that is not the last one.
template <class Scalar>
Status encode_further_body(const Codec& codec, std::span<const Scalar> row, const Layout& layout,
                           const Draws& draws, ByteWriter& out, std::vector<Scalar>& decoded) {
  ByteWriter body;
  SHOAL_TRY_STATUS(encode_body(codec, row, layout, draws, body, decoded));
  out.number<std::uint32_t>(static_cast<std::uint32_t>(body.size()));
  out.raw(body.bytes());
  return ok_status();
}

template <class Scalar>
Status decode_further_body(const Codec& codec, ByteReader& in, const Layout& layout,
                           const RandomStream& shared, std::span<Scalar> row) {
  SHOAL_TRY(const auto size, in.number<std::uint32_t>());
  SHOAL_TRY(const ByteView body, in.raw(size));
  std::vector<float> scratch;
  return decode_row<Scalar>(codec, body, layout, shared, scratch, row);
}

template <class Scalar>
Status decode_message(const Feedback& feedback, const Codec& codec, MessageForm form,
                      ByteView bytes, const Layout& layout, const RandomStream& shared,
                      std::span<Scalar> row, std::vector<Scalar>& step) {
  ByteReader in(bytes);
  step.clear();
  if (feedback.shift_codec) {
    step.resize(row.size());
    SHOAL_TRY_STATUS(decode_further_body<Scalar>(*feedback.shift_codec, in, layout,
                                                 further_stream(shared, 1), step));
  } else if (form == MessageForm::kRefresh) {
    step.assign(row.size(), Scalar{0});
    std::vector<Scalar> part(row.size());
    for (std::uint32_t r = 1; r <= feedback.repetitions; ++r) {
      SHOAL_TRY_STATUS(
          decode_further_body<Scalar>(codec, in, layout, further_stream(shared, r), part));
      axpy(Scalar{1}, part, step);
    }
  }
  if (!all_finite(step)) return invalid_argument("what moves the shift is not finite");
  std::vector<float> scratch;
  return decode_row<Scalar>(codec_of_row(form, codec), bytes.subspan(in.offset()), layout, shared,
                            scratch, row);
}

// h + a M of one entry, in the same arithmetic on both sides of the wire.
template <class Scalar>
Scalar moved_shift(const Feedback& feedback, Scalar shift, std::size_t i,
                   std::span<const Scalar> sent, std::span<const Scalar> step) {
  const Scalar usual = feedback.phase > 0 ? Scalar{0} : sent[i];
  return shift + static_cast<Scalar>(feedback.shift_rate) * (step.empty() ? usual : step[i]);
}

template <class Scalar>
Status load_row(ByteReader& in, std::span<Scalar> row, const char* what) {
  std::vector<Scalar> stored(row.size());
  SHOAL_TRY_STATUS(in.numbers_into(std::span<Scalar>(stored)));
  if (!all_finite(stored)) return corrupt(fmt::format("a stored {} is NaN or infinite", what));
  std::copy(stored.begin(), stored.end(), row.begin());
  return ok_status();
}

// A row that may not be there.
template <class Scalar>
void save_optional(std::span<const Scalar> row, ByteWriter& out) {
  out.number<std::uint8_t>(row.empty() ? 0 : 1);
  if (!row.empty()) out.numbers(row);
}
template <class Scalar>
Status load_optional(ByteReader& in, std::size_t size, std::vector<Scalar>& row, const char* what) {
  SHOAL_TRY(const auto there, in.number<std::uint8_t>());
  if (there > 1) return corrupt(fmt::format("a stored {} is neither there nor not", what));
  row.clear();
  if (there == 0) return ok_status();
  row.resize(size);
  return load_row<Scalar>(in, row, what);
}

}  // namespace

template <class Scalar>
FeedbackSender<Scalar>::FeedbackSender(const Feedback& feedback, std::size_t size)
    : feedback_(feedback), size_(size) {
  if (feedback.keeps_error()) error_.assign(size, Scalar{0});
  if (feedback.keeps_shift()) shift_.assign(size, Scalar{0});
}

// v, or the row itself without momentum.
template <class Scalar>
std::vector<Scalar> FeedbackSender<Scalar>::averaged(std::span<const Scalar> row) const {
  std::vector<Scalar> average(row.begin(), row.end());
  if (momentum_.empty()) return average;
  const auto b = static_cast<Scalar>(feedback_.momentum_in);
  for (std::size_t i = 0; i < size_; ++i) average[i] = (Scalar{1} - b) * momentum_[i] + b * row[i];
  return average;
}

// What moves the shift when it is not the message: `step`, and its bytes. A refresh moves it before
// the message, so `news` shrinks.
template <class Scalar>
Status FeedbackSender<Scalar>::encode_step(const Codec& codec, const Layout& layout,
                                           const Draws& draws, std::vector<Scalar>& news,
                                           std::vector<Scalar>& step, ByteWriter& out) const {
  if (feedback_.shift_codec)
    return encode_further_body<Scalar>(*feedback_.shift_codec, news, layout,
                                       further_draws(draws, 1), out, step);
  if (form_of(feedback_, counted_) != MessageForm::kRefresh) return ok_status();
  step.assign(size_, Scalar{0});
  std::vector<Scalar> part;
  for (std::uint32_t r = 1; r <= feedback_.repetitions; ++r) {
    SHOAL_TRY_STATUS(
        encode_further_body<Scalar>(codec, news, layout, further_draws(draws, r), out, part));
    axpy(Scalar{1}, part, step);
    axpy(Scalar{-1}, part, news);
  }
  return ok_status();
}

template <class Scalar>
Status FeedbackSender<Scalar>::encode(const Codec& codec, std::span<const Scalar> row,
                                      const Layout& layout, const Draws& draws, ByteWriter& out) {
  SHOAL_CHECK(row.size() == size_, "feedback keeps one entry per entry of the row");
  SHOAL_CHECK(!unsettled(), "a message is settled before the next is encoded");
  const MessageForm form = form_of(feedback_, counted_);
  const bool starts = form == MessageForm::kFullStart || form == MessageForm::kCompressedStart;
  std::vector<Scalar> average = averaged(row);
  std::vector<Scalar> news = average;  // g - h
  if (!shift_.empty()) axpy(Scalar{-1}, shift_, news);
  std::vector<Scalar> step, sent;
  SHOAL_TRY_STATUS(encode_step(codec, layout, draws, news, step, out));
  std::vector<Scalar> input = news;  // u
  if (!error_.empty() && !starts) axpy(static_cast<Scalar>(feedback_.eta), error_, input);
  SHOAL_TRY_STATUS(encode_body<Scalar>(codec_of_row(form, codec), input, layout, draws, out, sent));
  if (!error_.empty() && form != MessageForm::kCompressedStart) axpy(Scalar{1}, news, error_);
  if (feedback_.momentum_in < 1.0) momentum_ = std::move(average);
  sent_ = std::move(sent);
  step_ = std::move(step);
  return ok_status();
}

template <class Scalar>
void FeedbackSender<Scalar>::settle(bool counted) {
  if (counted && unsettled()) {
    if (!error_.empty() && form_of(feedback_, counted_) != MessageForm::kCompressedStart)
      axpy(Scalar{-1}, sent_, error_);
    for (std::size_t i = 0; i < shift_.size(); ++i)
      shift_[i] = moved_shift<Scalar>(feedback_, shift_[i], i, sent_, step_);
    ++counted_;
  }
  sent_ = {};
  step_ = {};
}

template <class Scalar>
void FeedbackSender<Scalar>::restart() {
  settle(false);
  counted_ = 0;
  std::fill(shift_.begin(), shift_.end(), Scalar{0});
}

template <class Scalar>
std::uint32_t FeedbackSender<Scalar>::shift_checksum() const {
  return checksum(shift(), counted_);
}

template <class Scalar>
void FeedbackSender<Scalar>::save(ByteWriter& out) const {
  out.number<std::uint32_t>(counted_);
  out.numbers(error());
  out.numbers(shift());
  save_optional<Scalar>(momentum_, out);
  save_optional<Scalar>(sent_, out);
  save_optional<Scalar>(step_, out);
}

template <class Scalar>
Status FeedbackSender<Scalar>::load(ByteReader& in) {
  FeedbackSender stored(feedback_, size_);
  SHOAL_TRY(stored.counted_, in.number<std::uint32_t>());
  SHOAL_TRY_STATUS(load_row<Scalar>(in, stored.error_, "error"));
  SHOAL_TRY_STATUS(load_row<Scalar>(in, stored.shift_, "shift"));
  SHOAL_TRY_STATUS(load_optional(in, size_, stored.momentum_, "average of rows"));
  SHOAL_TRY_STATUS(load_optional(in, size_, stored.sent_, "message"));
  SHOAL_TRY_STATUS(load_optional(in, size_, stored.step_, "step of a shift"));
  *this = std::move(stored);
  return ok_status();
}

template <class Scalar>
FeedbackReceiver<Scalar>::FeedbackReceiver(const Feedback& feedback, std::size_t size)
    : feedback_(feedback) {
  if (feedback.keeps_shift()) shift_.assign(size, Scalar{0});
}

template <class Scalar>
Status FeedbackReceiver<Scalar>::decode(const Codec& codec, ByteView bytes, const Layout& layout,
                                        const RandomStream& shared, std::span<Scalar> row,
                                        std::vector<Scalar>& step) const {
  return decode_message(feedback_, codec, form_of(feedback_, counted_), bytes, layout, shared, row,
                        step);
}

template <class Scalar>
double FeedbackReceiver<Scalar>::squared_norm(std::span<const Scalar> row,
                                              std::span<const Scalar> step) const {
  if (shift_.empty()) return shoal::squared_norm(row);
  check_sizes(row, step);
  const bool refresh = form_of(feedback_, counted_) == MessageForm::kRefresh;
  double sum = 0.0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Scalar moved = moved_shift<Scalar>(feedback_, shift_[i], i, row, step);
    if (!std::isfinite(moved)) return std::numeric_limits<double>::infinity();
    const double value = (refresh ? moved : shift_[i]) + row[i];
    sum += value * value;
  }
  return sum;
}

template <class Scalar>
void FeedbackReceiver<Scalar>::count(std::span<Scalar> row, std::span<const Scalar> step) {
  const bool refresh = form_of(feedback_, counted_) == MessageForm::kRefresh;
  ++counted_;
  if (shift_.empty()) return;
  check_sizes(row, step);
  for (std::size_t i = 0; i < row.size(); ++i) {
    const Scalar before = shift_[i];
    shift_[i] = moved_shift<Scalar>(feedback_, before, i, row, step);
    row[i] = (refresh ? shift_[i] : before) + row[i];
  }
}

template <class Scalar>
void FeedbackReceiver<Scalar>::check_sizes(std::span<const Scalar> row,
                                           std::span<const Scalar> step) const {
  SHOAL_CHECK(row.size() == shift_.size(), "feedback keeps one entry per entry of the row");
  SHOAL_CHECK(step.empty() || step.size() == row.size(), "a step of the shift's length");
}

template <class Scalar>
void FeedbackReceiver<Scalar>::restart() {
  counted_ = 0;
  std::fill(shift_.begin(), shift_.end(), Scalar{0});
}

template <class Scalar>
std::uint32_t FeedbackReceiver<Scalar>::shift_checksum() const {
  return checksum(shift(), counted_);
}

template <class Scalar>
void FeedbackReceiver<Scalar>::save(ByteWriter& out) const {
  out.number<std::uint32_t>(counted_);
  out.numbers(shift());
}

template <class Scalar>
Status FeedbackReceiver<Scalar>::load(ByteReader& in) {
  SHOAL_TRY(const auto counted, in.number<std::uint32_t>());
  SHOAL_TRY_STATUS(load_row<Scalar>(in, shift_, "shift"));
  counted_ = counted;
  return ok_status();
}

template <class Scalar>
Status check_feedback_message(const Feedback& feedback, const Codec& codec, ByteView bytes,
                              const Layout& layout, const RandomStream& shared,
                              std::span<Scalar> row) {
  std::vector<Scalar> step;
  // The form of the first message, then that of a later one.
  const MessageForm form = form_of(feedback, 0);
  const Status first =
      decode_message<Scalar>(feedback, codec, form, bytes, layout, shared, row, step);
  if (first.ok() || form == MessageForm::kUsual) return first;
  return decode_message<Scalar>(feedback, codec, MessageForm::kUsual, bytes, layout, shared, row,
                                step);
}

template class FeedbackSender<float>;
template class FeedbackSender<double>;
template class FeedbackReceiver<float>;
template class FeedbackReceiver<double>;
template Status check_feedback_message<float>(const Feedback&, const Codec&, ByteView,
                                              const Layout&, const RandomStream&, std::span<float>);
template Status check_feedback_message<double>(const Feedback&, const Codec&, ByteView,
                                               const Layout&, const RandomStream&,
                                               std::span<double>);

}  // namespace shoal

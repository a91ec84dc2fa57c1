#include "shoal/codec/feedback.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/crc32c.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

std::uint32_t checksum(std::span<const float> shift) { return crc32c(std::as_bytes(shift)); }

// h <- h + a D, in the same arithmetic on both sides of the wire.
void move_shift(float rate, std::span<const float> sent, std::span<float> shift) {
  for (std::size_t i = 0; i < shift.size(); ++i) shift[i] += rate * sent[i];
}

Status load_row(ByteReader& in, std::span<float> row, const char* what) {
  std::vector<float> stored(row.size());
  SHOAL_TRY_STATUS(in.numbers_into(std::span<float>(stored)));
  if (!all_finite(stored)) return corrupt(fmt::format("a stored {} is NaN or infinite", what));
  std::copy(stored.begin(), stored.end(), row.begin());
  return ok_status();
}

Error needs_contraction(const char* kind) {
  return invalid_argument(fmt::format(
      "feedback = \"{}\" needs a contractive codec and this one is not, so the error would grow; "
      "use one that keeps entries (top_k) or scales down, or feedback = \"diana\" or \"none\"",
      kind));
}

}  // namespace

void describe(Settings& s, FeedbackSettings& v) {
  s.choice("feedback", v.kind, "what is remembered of what the codec left out",
           {{"none", FeedbackKind::kNone},
            {"ef", FeedbackKind::kEf},
            {"ef21", FeedbackKind::kEf21},
            {"econtrol", FeedbackKind::kEcontrol},
            {"diana", FeedbackKind::kDiana}},
           {.paper = "1901.09847, 2106.05203, 2311.05645, 1901.09269"});
  s.real("eta", v.eta,
         "share of the error that econtrol feeds back; 0: the codec's contraction, and it diverges "
         "at a few times that",
         {.range = at_least(0).up_to(1), .paper = "2311.05645"});
  s.real("shift_rate", v.shift_rate,
         "share of a message that diana adds to the shift; 0: 1/(1 + omega), its largest",
         {.range = at_least(0).up_to(1), .paper = "1901.09269"});
}

Result<Feedback> make_feedback(const FeedbackSettings& settings, const Codec& codec,
                               const Layout& layout) {
  const CodecProperties properties = codec.properties(layout);
  if (settings.eta > 0.0 && settings.kind != FeedbackKind::kEcontrol)
    return invalid_argument("eta belongs to feedback = \"econtrol\"; leave it out");
  if (settings.shift_rate > 0.0 && settings.kind != FeedbackKind::kDiana)
    return invalid_argument("shift_rate belongs to feedback = \"diana\"; leave it out");
  Feedback feedback;
  switch (settings.kind) {
    case FeedbackKind::kNone:
      return feedback;
    case FeedbackKind::kEf:
      if (!properties.contraction) return needs_contraction("ef");
      feedback.eta = 1.0f;
      return feedback;
    case FeedbackKind::kEf21:
      if (!properties.contraction) return needs_contraction("ef21");
      feedback.shift_rate = 1.0f;
      return feedback;
    case FeedbackKind::kEcontrol:
      if (!properties.contraction) return needs_contraction("econtrol");
      feedback.eta =
          static_cast<float>(settings.eta > 0.0 ? settings.eta : *properties.contraction);
      feedback.shift_rate = 1.0f;
      return feedback;
    case FeedbackKind::kDiana:
      break;
  }
  if (!properties.variance_factor)
    return invalid_argument(
        "feedback = \"diana\" needs an unbiased codec and this one is biased; use a random one "
        "(rand_k, qsgd, natural), or feedback = \"ef21\"");
  const double rate_max = 1.0 / (1.0 + *properties.variance_factor);
  if (settings.shift_rate > rate_max)
    return invalid_argument(
        fmt::format("shift_rate = {} is above 1/(1 + omega) = {:.4g}, beyond "
                    "which diana's shift runs away; set it to 0 for that",
                    settings.shift_rate, rate_max));
  feedback.shift_rate =
      static_cast<float>(settings.shift_rate > 0.0 ? settings.shift_rate : rate_max);
  return feedback;
}

FeedbackSender::FeedbackSender(const Feedback& feedback, std::size_t size)
    : feedback_(feedback), size_(size) {
  if (feedback.keeps_error()) error_.assign(size, 0.0f);
  if (feedback.keeps_shift()) shift_.assign(size, 0.0f);
}

Status FeedbackSender::encode(const Codec& codec, std::span<const float> row, const Layout& layout,
                              const Draws& draws, ByteWriter& out) {
  SHOAL_CHECK(row.size() == size_, "feedback keeps one entry per entry of the row");
  SHOAL_CHECK(!unsettled(), "a message is settled before the next is encoded");
  std::vector<float> news(row.begin(), row.end());  // g - h
  if (!shift_.empty()) axpy(-1.0f, shift_, news);
  std::vector<float> input = news;  // u
  if (!error_.empty()) scaled_sum(1.0f, news, feedback_.eta, error_, input);
  const std::size_t begin = out.size();
  SHOAL_TRY_STATUS(codec.encode(input, layout, draws, out));
  SHOAL_TRY_STATUS(codec.decode(ByteView(out.bytes()).subspan(begin), layout, draws.shared, input));
  if (!error_.empty()) axpy(1.0f, news, error_);
  sent_ = std::move(input);
  return ok_status();
}

void FeedbackSender::settle(bool counted) {
  if (counted && unsettled()) {
    if (!error_.empty()) axpy(-1.0f, sent_, error_);
    move_shift(feedback_.shift_rate, sent_, shift_);
  }
  sent_ = {};
}

void FeedbackSender::restart() {
  settle(false);
  std::fill(shift_.begin(), shift_.end(), 0.0f);
}

std::uint32_t FeedbackSender::shift_checksum() const { return checksum(shift_); }

void FeedbackSender::save(ByteWriter& out) const {
  out.number<std::uint8_t>(unsettled() ? 1 : 0);
  for (const auto& row : {std::span(error_), std::span(shift_), std::span(sent_)})
    out.numbers(std::span<const float>(row));
}

Status FeedbackSender::load(ByteReader& in) {
  SHOAL_TRY(const auto unsettled, in.number<std::uint8_t>());
  FeedbackSender stored(feedback_, size_);
  SHOAL_TRY_STATUS(load_row(in, stored.error_, "error"));
  SHOAL_TRY_STATUS(load_row(in, stored.shift_, "shift"));
  if (unsettled > 1) return corrupt("a stored feedback is neither settled nor not");
  if (unsettled == 1) stored.sent_.resize(size_);
  SHOAL_TRY_STATUS(load_row(in, stored.sent_, "message"));
  *this = std::move(stored);
  return ok_status();
}

FeedbackReceiver::FeedbackReceiver(const Feedback& feedback, std::size_t size)
    : feedback_(feedback) {
  if (feedback.keeps_shift()) shift_.assign(size, 0.0f);
}

double FeedbackReceiver::squared_norm(std::span<const float> sent) const {
  if (shift_.empty()) return shoal::squared_norm(sent);
  SHOAL_CHECK(sent.size() == shift_.size(), "feedback keeps one entry per entry of the row");
  double sum = 0.0;
  for (std::size_t i = 0; i < sent.size(); ++i) {
    const double value = shift_[i] + sent[i];
    sum += value * value;
  }
  return sum;
}

void FeedbackReceiver::count(std::span<float> row) {
  if (shift_.empty()) return;
  SHOAL_CHECK(row.size() == shift_.size(), "feedback keeps one entry per entry of the row");
  for (std::size_t i = 0; i < shift_.size(); ++i) {
    const float sent = row[i];
    row[i] = shift_[i] + sent;
    shift_[i] += feedback_.shift_rate * sent;
  }
}

void FeedbackReceiver::restart() { std::fill(shift_.begin(), shift_.end(), 0.0f); }

std::uint32_t FeedbackReceiver::shift_checksum() const { return checksum(shift_); }

void FeedbackReceiver::save(ByteWriter& out) const { out.numbers(std::span<const float>(shift_)); }

Status FeedbackReceiver::load(ByteReader& in) { return load_row(in, shift_, "shift"); }

}  // namespace shoal

// Arbitrary bytes as messages of a feedback with a shift: whatever is taken in leaves the receiver
// with finite rows, and whoever keeps no shift takes it, too. The first 3 bytes choose the
// feedback, the codec and the layout; then messages of up to 255 bytes behind a byte of length.
#include "shoal/codec/feedback.h"

#include "fuzz/codec_fuzz.h"

namespace shoal {
namespace {

FeedbackSettings settings_of(std::uint8_t choice) {
  constexpr FeedbackKind kKinds[] = {FeedbackKind::kEf21, FeedbackKind::kEcontrol,
                                     FeedbackKind::kEfPhase, FeedbackKind::kEfDiana};
  FeedbackSettings settings;
  settings.kind = kKinds[choice % 4];
  if (settings.kind == FeedbackKind::kEfPhase) {
    settings.phase = 1 + choice / 4 % 3;
    settings.repetitions = 1;
  }
  if (settings.kind == FeedbackKind::kEfDiana) {
    settings.shift_codec.set("kind", "rand_k");
    settings.shift_codec.set("k", 1);
    settings.shift_codec.set("ratio", 0.0);
    settings.shift_codec.set("scope", "global");
  }
  return settings;
}

void receive(const Codec& codec, const Feedback& feedback, const Layout& layout, ByteView bytes) {
  FeedbackReceiver<float> receiver(feedback, layout.size());
  std::vector<float> row(layout.size()), step, other(layout.size());
  const RandomStream shared = shared_draws(1, 0);
  while (!bytes.empty()) {
    const auto length =
        std::min<std::size_t>(std::to_integer<std::size_t>(bytes[0]), bytes.size() - 1);
    const ByteView message = bytes.subspan(1, length);
    bytes = bytes.subspan(1 + length);
    if (!receiver.decode(codec, message, layout, shared, row, step).ok()) continue;
    require(check_feedback_message<float>(feedback, codec, message, layout, shared, other).ok());
    if (!std::isfinite(receiver.squared_norm(row, step))) continue;
    receiver.count(row, step);
    for (const float value : receiver.shift()) require(std::isfinite(value));
  }
}

}  // namespace
}  // namespace shoal

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  Table table;
  table.set("kind", "top_k");
  table.set("ratio", 0.25);
  if (data[1] % 2 == 1) table.set("values", "natural");
  const auto codec = make_codec(table, "fuzz");
  require(codec.ok());
  const Layout layout = fuzz_layout(static_cast<std::uint8_t>(1 + data[2] % 40));
  const auto feedback = make_feedback(settings_of(data[0]), **codec, layout);
  if (!feedback.ok()) return 0;
  receive(**codec, *feedback, layout, bytes_behind(data, size, 3));
  return 0;
}

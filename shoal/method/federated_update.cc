// Reading an update that a client sent: nothing in it is believed before it is checked.
#include <cmath>
#include <fmt/format.h>

#include "shoal/math/vector.h"
#include "shoal/method/federated.h"

namespace shoal {
namespace {

// The tensor and index of the first entry that is no number.
Status check_finite(std::span<const float> row, const Layout& layout, std::string_view what) {
  const std::size_t at = first_not_finite(row);
  if (at == row.size()) return ok_status();
  const TensorInfo* holder = nullptr;
  for (const TensorInfo& tensor : layout.tensors())
    if (tensor.offset <= at) holder = &tensor;
  return invalid_argument(fmt::format("{}: {}[{}] is not finite", what,
                                      holder ? holder->name : "element",
                                      holder ? at - holder->offset : at));
}

// What was sent of the row, and of what moves the shift.
Status decode_delta(const FederatedJob& job, const Message& message,
                    const FeedbackReceiver<float>* memory, FederatedUpdate& update) {
  const Layout& layout = job.problem->models->layout();
  update.delta.resize(layout.size());
  SHOAL_TRY(const ByteView encoded, message.tensor("update"));
  const RandomStream shared = shared_draws(job.seed, message.round());
  if (memory) {
    SHOAL_TRY_STATUS(
        memory->decode(*job.codec, encoded, layout, shared, update.delta, update.shift_step));
  } else {
    SHOAL_TRY_STATUS(check_feedback_message<float>(job.feedback, *job.codec, encoded, layout,
                                                   shared, update.delta));
  }
  return check_finite(update.delta, layout, "the update");
}

}  // namespace

Status read_update(const FederatedJob& job, const Message& message, std::uint64_t rows_max,
                   const FeedbackReceiver<float>* memory, FederatedUpdate& update) {
  const Layout& layout = job.problem->models->layout();
  update.sender = message.sender();
  SHOAL_TRY_STATUS(decode_delta(job, message, memory, update));
  if (job.feedback.keeps_shift()) {
    SHOAL_TRY(const std::uint64_t shift, message.count("shift"));
    if (memory && shift != memory->shift_checksum())
      return invalid_argument("the update was encoded against a shift that is not ours");
  }
  if (memory || (job.update_norm_max > 0.0 && !job.feedback.keeps_shift())) {
    const double norm = std::sqrt(memory ? memory->squared_norm(update.delta, update.shift_step)
                                         : squared_norm(update.delta));
    if (!std::isfinite(norm))
      return invalid_argument("the update and the shift it belongs to overflow");
    if (job.update_norm_max > 0.0 && norm > job.update_norm_max)
      return invalid_argument(fmt::format("the update has norm {:.4g}; at most {:.4g} is taken",
                                          norm, job.update_norm_max));
  }
  SHOAL_TRY(const std::uint64_t rows, message.count("rows"));
  if (rows == 0 || rows > rows_max)
    return invalid_argument(fmt::format("node {} claims {} rows; it has between 1 and {}",
                                        update.sender, rows, rows_max));
  update.rows = static_cast<double>(rows);
  if (job.settings.normalise) {
    SHOAL_TRY(update.divisor, message.number("divisor"));
    if (!std::isfinite(update.divisor) || update.divisor <= 0.0)
      return invalid_argument(
          fmt::format("node {} claims the divisor {}", update.sender, update.divisor));
  }
  const CorrectionKind kind = job.settings.correction.kind;
  if (kind == CorrectionKind::kScaffold || kind == CorrectionKind::kMimeLite) {
    update.extra.resize(layout.size());
    SHOAL_TRY_STATUS(message.vector<float>("extra", update.extra));
    SHOAL_TRY_STATUS(check_finite(update.extra, layout, "the correction"));
  }
  return ok_status();
}

Status check_update(const FederatedJob& job, const Message& message, std::uint64_t rows_max) {
  if (message.tag() != kUpdateTag)
    return invalid_argument(
        fmt::format("a server takes updates, not '{}'", tag_text(message.tag())));
  // Gates call this for every update, on a few threads: no page of it is asked for twice.
  thread_local FederatedUpdate scratch;
  return read_update(job, message, rows_max, nullptr, scratch);
}

}  // namespace shoal

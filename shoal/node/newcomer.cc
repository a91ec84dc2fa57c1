#include "shoal/node/newcomer.h"

#include <fmt/format.h>

#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr Tag kNewcomer = tag("newcomer");

}  // namespace

Frame newcomer_frame(const Newcomer& newcomer) {
  MessageBuilder message(kNewcomer, newcomer.step);
  message.count("from", newcomer.missed_from);
  if (!newcomer.replica.empty()) message.tensor("x", newcomer.replica);
  return message.finish();
}

template <class Scalar>
Result<Newcomer> read_newcomer(const Frame& frame, std::size_t dimension, Step length) {
  SHOAL_TRY(const FrameHeader header, read_frame_header(*frame));
  const Message message(0, frame, header);
  if (header.tag != kNewcomer)
    return corrupt(fmt::format("the place to begin at comes as '{}'", tag_text(header.tag)));
  Newcomer newcomer;
  newcomer.step = header.round;
  SHOAL_TRY(const std::uint64_t from, message.count("from"));
  if (newcomer.step > length || from > newcomer.step || newcomer.step - from > kMissedStepsMax)
    return corrupt(fmt::format("told to begin at step {} of {} with those from {} on missed",
                               newcomer.step, length, from));
  newcomer.missed_from = static_cast<Step>(from);
  if (header.parts == 1) return newcomer;
  std::vector<Scalar> replica(dimension);
  SHOAL_TRY_STATUS(message.vector<Scalar>("x", replica));
  if (!all_finite(std::span<const Scalar>(replica)))
    return corrupt("the replica that we are given holds a value that is not finite");
  const ByteView bytes = std::as_bytes(std::span(replica));
  newcomer.replica.assign(bytes.begin(), bytes.end());
  return newcomer;
}

template Result<Newcomer> read_newcomer<float>(const Frame&, std::size_t, Step);
template Result<Newcomer> read_newcomer<double>(const Frame&, std::size_t, Step);

}  // namespace shoal

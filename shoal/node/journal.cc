#include "shoal/node/journal.h"

#include <fmt/format.h>

namespace shoal {

std::uint32_t FrameTable::index_of(const Frame& frame) {
  const auto [place, added] =
      indices_.try_emplace(frame.get(), static_cast<std::uint32_t>(frames_.size()));
  if (added) frames_.push_back(frame);
  return place->second;
}

Result<Frame> FrameTable::at(std::uint32_t index) const {
  if (index >= frames_.size())
    return corrupt(fmt::format("frame {} of {} in a checkpoint", index, frames_.size()));
  return frames_[index];
}

void FrameTable::save(ByteWriter& out) const {
  out.number<std::uint64_t>(frames_.size());
  for (const Frame& frame : frames_) out.block(*frame);
}

Status FrameTable::load(ByteReader& in) {
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < count; ++i) {
    SHOAL_TRY(const ByteView view, in.block());
    frames_.push_back(std::make_shared<const Bytes>(view.begin(), view.end()));
  }
  return ok_status();
}

void save_message(const Message& message, ByteWriter& out, FrameTable& frames) {
  out.number<std::uint32_t>(message.sender());
  out.number<std::uint32_t>(frames.index_of(message.frame()));
}

Result<Message> load_message(ByteReader& in, const FrameTable& frames) {
  SHOAL_TRY(const auto sender, in.number<std::uint32_t>());
  SHOAL_TRY(const auto index, in.number<std::uint32_t>());
  SHOAL_TRY(Frame frame, frames.at(index));
  SHOAL_TRY(const FrameHeader header, read_frame_header(*frame));
  return Message(sender, std::move(frame), header);
}

void save_input(const Input& input, ByteWriter& out, FrameTable& frames) {
  out.number<double>(input.time_s);
  out.number<std::uint8_t>(input.timed_out ? 1 : 0);
  out.number<std::uint32_t>(static_cast<std::uint32_t>(input.messages.size()));
  for (const Message& message : input.messages) save_message(message, out, frames);
  out.numbers<NodeId>(input.missing);
}

Result<Input> load_input(ByteReader& in, const FrameTable& frames) {
  Input input;
  SHOAL_TRY(input.time_s, in.number<double>());
  SHOAL_TRY(const auto timed_out, in.number<std::uint8_t>());
  input.timed_out = timed_out != 0;
  SHOAL_TRY(const auto count, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < count; ++i) {
    SHOAL_TRY(Message message, load_message(in, frames));
    input.messages.push_back(std::move(message));
  }
  SHOAL_TRY(input.missing, in.numbers<NodeId>());
  return input;
}

}  // namespace shoal

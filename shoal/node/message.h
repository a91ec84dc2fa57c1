// Messages: a tag, a round and named parts, as bytes.
//
// A frame, little-endian: u16 format (1), u16 number of parts, u32 round, u64 tag; then for every
// part u64 name, u32 length, u8 kind, three zero bytes, and its content. Tags and names are up to
// eight characters packed into a u64, so a frame can be read by eye. 16 bytes a frame, 16 a part.
//
// Sending shares one frame among all receivers. Receiving reads nothing but the header until the
// program asks for a part; every read is checked and returns a Result.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"

namespace shoal {

// Up to eight characters, packed; the rest zero.
enum class Tag : std::uint64_t {};

constexpr Tag tag(std::string_view name) {
  std::uint64_t packed = 0;
  for (std::size_t i = 0; i < name.size() && i < 8; ++i)
    packed |= static_cast<std::uint64_t>(static_cast<unsigned char>(name[i])) << (8 * i);
  return static_cast<Tag>(packed);
}
std::string tag_text(Tag tag);

using Frame = std::shared_ptr<const Bytes>;

enum class PartKind : std::uint8_t { kTensor = 1, kNumber = 2, kCount = 3, kBits = 4 };

// Builds a frame part by part.
class MessageBuilder {
 public:
  MessageBuilder(Tag tag, Step round);

  // Bytes that a codec wrote.
  MessageBuilder& tensor(std::string_view name, ByteView encoded);
  MessageBuilder& number(std::string_view name, double value);
  MessageBuilder& count(std::string_view name, std::uint64_t value);
  MessageBuilder& bits(std::string_view name, const std::vector<bool>& values);
  // Raw vectors of either precision, for peers that compress nothing.
  template <class Scalar>
  MessageBuilder& vector(std::string_view name, std::span<const Scalar> values) {
    return tensor(name, std::as_bytes(values));
  }

  Frame finish();

 private:
  void part(std::string_view name, PartKind kind, ByteView content);
  ByteWriter writer_;
  std::uint16_t parts_ = 0;
};

struct FrameHeader {
  Tag tag{};
  Step round = 0;
  std::uint16_t parts = 0;
};
// Reads and checks the first 16 bytes.
Result<FrameHeader> read_frame_header(ByteView frame);

// A received message: who sent what, and views of its parts.
class Message {
 public:
  Message() = default;
  Message(NodeId sender, Frame frame, const FrameHeader& header)
      : sender_(sender), header_(header), frame_(std::move(frame)) {}

  NodeId sender() const { return sender_; }
  Tag tag() const { return header_.tag; }
  Step round() const { return header_.round; }
  std::size_t size_bytes() const { return frame_->size(); }
  const Frame& frame() const { return frame_; }

  Result<ByteView> tensor(std::string_view name) const;
  Result<double> number(std::string_view name) const;
  Result<std::uint64_t> count(std::string_view name) const;
  Result<std::vector<bool>> bits(std::string_view name) const;
  // The same message with other content in one of its tensors.
  Result<Message> with_tensor(std::string_view name, ByteView content) const;
  // Copies a raw vector out; its length must be values.size().
  template <class Scalar>
  Status vector(std::string_view name, std::span<Scalar> values) const {
    SHOAL_TRY(const ByteView bytes, tensor(name));
    if (bytes.size() != values.size_bytes())
      return wrong_size(name, bytes.size(), values.size_bytes());
    if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return ok_status();
  }

 private:
  Result<ByteView> part(std::string_view name, PartKind kind) const;
  Error wrong_size(std::string_view name, std::size_t found, std::size_t expected) const;

  NodeId sender_ = 0;
  FrameHeader header_;
  Frame frame_;
};

}  // namespace shoal

#include "shoal/node/message.h"

#include <fmt/format.h>

namespace shoal {
namespace {

constexpr std::uint16_t kFormat = 1;
constexpr std::size_t kHeaderBytes = 16;
constexpr std::size_t kPartsMax = 4096;

}  // namespace

std::string tag_text(Tag tag) {
  std::string text;
  for (auto packed = static_cast<std::uint64_t>(tag); packed != 0; packed >>= 8) {
    const char c = static_cast<char>(packed & 0xff);
    text += c >= 0x20 && c < 0x7f ? c : '?';
  }
  return text;
}

MessageBuilder::MessageBuilder(Tag tag, Step round) {
  writer_.number<std::uint16_t>(kFormat);
  writer_.number<std::uint16_t>(0);  // parts, set by finish()
  writer_.number<std::uint32_t>(round);
  writer_.number<std::uint64_t>(static_cast<std::uint64_t>(tag));
}

void MessageBuilder::part(std::string_view name, PartKind kind, ByteView content) {
  SHOAL_CHECK(name.size() <= 8, "a part's name has at most eight characters");
  SHOAL_CHECK(content.size() <= 0xffffffffu, "a part has at most 4 GiB");
  writer_.number<std::uint64_t>(static_cast<std::uint64_t>(tag(name)));
  writer_.number<std::uint32_t>(static_cast<std::uint32_t>(content.size()));
  writer_.number<std::uint32_t>(static_cast<std::uint32_t>(kind));
  writer_.raw(content);
  ++parts_;
}

MessageBuilder& MessageBuilder::tensor(std::string_view name, ByteView encoded) {
  part(name, PartKind::kTensor, encoded);
  return *this;
}

MessageBuilder& MessageBuilder::number(std::string_view name, double value) {
  part(name, PartKind::kNumber, std::as_bytes(std::span<const double, 1>(&value, 1)));
  return *this;
}

MessageBuilder& MessageBuilder::count(std::string_view name, std::uint64_t value) {
  part(name, PartKind::kCount, std::as_bytes(std::span<const std::uint64_t, 1>(&value, 1)));
  return *this;
}

MessageBuilder& MessageBuilder::bits(std::string_view name, const std::vector<bool>& values) {
  ByteWriter packed;
  packed.number<std::uint64_t>(values.size());
  for (std::size_t i = 0; i < values.size(); i += 8) {
    std::uint8_t byte = 0;
    for (std::size_t j = i; j < values.size() && j < i + 8; ++j)
      byte |= static_cast<std::uint8_t>(values[j] ? 1u << (j - i) : 0u);
    packed.number(byte);
  }
  part(name, PartKind::kBits, packed.bytes());
  return *this;
}

Frame MessageBuilder::finish() {
  Bytes bytes = std::move(writer_).take();
  std::memcpy(bytes.data() + 2, &parts_, sizeof parts_);
  return std::make_shared<const Bytes>(std::move(bytes));
}

Result<FrameHeader> read_frame_header(ByteView frame) {
  ByteReader reader(frame);
  SHOAL_TRY(const auto format, reader.number<std::uint16_t>());
  SHOAL_TRY(const auto parts, reader.number<std::uint16_t>());
  SHOAL_TRY(const auto round, reader.number<std::uint32_t>());
  SHOAL_TRY(const auto packed, reader.number<std::uint64_t>());
  if (format != kFormat)
    return corrupt(
        fmt::format("a frame of format {}; this build reads format {}", format, kFormat));
  if (parts > kPartsMax)
    return limit_exceeded(fmt::format("a frame of {} parts; the limit is {}", parts, kPartsMax));
  return FrameHeader{static_cast<Tag>(packed), round, parts};
}

Result<ByteView> Message::part(std::string_view name, PartKind kind) const {
  const ByteView bytes = *frame_;
  ByteReader reader(bytes.subspan(kHeaderBytes));
  for (std::uint16_t i = 0; i < header_.parts; ++i) {
    SHOAL_TRY(const auto packed, reader.number<std::uint64_t>());
    SHOAL_TRY(const auto length, reader.number<std::uint32_t>());
    SHOAL_TRY(const auto found, reader.number<std::uint32_t>());
    SHOAL_TRY(const ByteView content, reader.raw(length));
    if (packed != static_cast<std::uint64_t>(shoal::tag(name))) continue;
    if (found != static_cast<std::uint32_t>(kind))
      return corrupt(fmt::format("part '{}' of a '{}' from node {} has kind {}, not {}", name,
                                 tag_text(tag()), sender_, found, static_cast<int>(kind)));
    return content;
  }
  return corrupt(
      fmt::format("a '{}' from node {} has no part '{}'", tag_text(tag()), sender_, name));
}

Result<Message> Message::with_tensor(std::string_view name, ByteView content) const {
  SHOAL_TRY(const ByteView old, tensor(name));
  const ByteView bytes = *frame_;
  const auto begin = static_cast<std::size_t>(old.data() - bytes.data());
  ByteWriter changed;
  // A part's length and kind stand right before its content.
  changed.raw(bytes.first(begin - 2 * sizeof(std::uint32_t)));
  changed.number<std::uint32_t>(static_cast<std::uint32_t>(content.size()));
  changed.number<std::uint32_t>(static_cast<std::uint32_t>(PartKind::kTensor));
  changed.raw(content);
  changed.raw(bytes.subspan(begin + old.size()));
  return Message(sender_, std::make_shared<const Bytes>(std::move(changed).take()), header_);
}

Error Message::wrong_size(std::string_view name, std::size_t found, std::size_t expected) const {
  return corrupt(fmt::format("part '{}' of a '{}' from node {} has {} bytes; {} expected", name,
                             tag_text(tag()), sender_, found, expected));
}

Result<ByteView> Message::tensor(std::string_view name) const {
  return part(name, PartKind::kTensor);
}

Result<double> Message::number(std::string_view name) const {
  SHOAL_TRY(const ByteView content, part(name, PartKind::kNumber));
  if (content.size() != sizeof(double)) return wrong_size(name, content.size(), sizeof(double));
  ByteReader reader(content);
  return reader.number<double>();
}

Result<std::uint64_t> Message::count(std::string_view name) const {
  SHOAL_TRY(const ByteView content, part(name, PartKind::kCount));
  if (content.size() != sizeof(std::uint64_t))
    return wrong_size(name, content.size(), sizeof(std::uint64_t));
  ByteReader reader(content);
  return reader.number<std::uint64_t>();
}

Result<std::vector<bool>> Message::bits(std::string_view name) const {
  SHOAL_TRY(const ByteView content, part(name, PartKind::kBits));
  ByteReader reader(content);
  SHOAL_TRY(const auto size, reader.number<std::uint64_t>());
  if (size > 8 * reader.left() || (size + 7) / 8 != reader.left())
    return corrupt(fmt::format("part '{}' from node {} declares {} bits in {} bytes", name, sender_,
                               size, reader.left()));
  std::vector<bool> values(size);
  for (std::size_t i = 0; i < size; i += 8) {
    SHOAL_TRY(const auto byte, reader.number<std::uint8_t>());
    for (std::size_t j = i; j < size && j < i + 8; ++j) values[j] = (byte >> (j - i)) & 1;
  }
  return values;
}

}  // namespace shoal

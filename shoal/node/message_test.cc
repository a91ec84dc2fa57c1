#include "shoal/node/message.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace shoal {
namespace {

Frame sample() {
  MessageBuilder builder(tag("update"), 7);
  const std::vector<float> values = {1.5f, -0.0f, std::numeric_limits<float>::denorm_min()};
  builder.vector<float>("model", values)
      .number("divisor", -2.5)
      .count("rows", std::uint64_t{1} << 63)
      .bits("mask", {true, false, false, true, true, false, true, false, true})
      .tensor("empty", {});
  return builder.finish();
}

Message message_of(Frame frame) {
  const FrameHeader header = read_frame_header(*frame).value();
  return Message(3, std::move(frame), header);
}

// Reads every part as every kind; whatever the bytes are, that ends with values or errors.
void read_all(const Bytes& bytes) {
  const auto header = read_frame_header(bytes);
  if (!header.ok()) return;
  const Message message(1, std::make_shared<const Bytes>(bytes), *header);
  for (const char* name : {"model", "divisor", "rows", "mask", "empty", "other"}) {
    std::vector<float> values(3);
    (void)message.tensor(name).ok();
    (void)message.number(name).ok();
    (void)message.count(name).ok();
    const auto bits = message.bits(name);
    EXPECT_TRUE(!bits.ok() || bits->size() <= 8 * bytes.size());
    (void)message.vector<float>(name, values).ok();
  }
}

TEST(Message, ReadsBackWhatWasBuilt) {
  const Message message = message_of(sample());
  EXPECT_EQ(message.sender(), 3u);
  EXPECT_EQ(tag_text(message.tag()), "update");
  EXPECT_EQ(message.round(), 7u);
  std::vector<float> values(3);
  ASSERT_TRUE(message.vector<float>("model", values).ok());
  EXPECT_EQ(values[0], 1.5f);
  EXPECT_TRUE(std::signbit(values[1]));
  EXPECT_EQ(values[2], std::numeric_limits<float>::denorm_min());
  EXPECT_EQ(message.number("divisor").value(), -2.5);
  EXPECT_EQ(message.count("rows").value(), std::uint64_t{1} << 63);
  EXPECT_EQ(message.bits("mask").value(),
            (std::vector<bool>{true, false, false, true, true, false, true, false, true}));
  EXPECT_TRUE(message.tensor("empty").value().empty());
  // 16 bytes a frame, 16 a part, and the contents: 12, 8, 8, 8 + 2, 0.
  EXPECT_EQ(message.size_bytes(), 16u + 5 * 16 + 12 + 8 + 8 + 10);
}

TEST(Message, BitsOfEverySize) {
  for (std::size_t size = 0; size <= 70; ++size) {
    std::vector<bool> bits(size);
    for (std::size_t i = 0; i < size; ++i) bits[i] = (i * 7 + size) % 3 == 0;
    MessageBuilder builder(tag("t"), 0);
    builder.bits("mask", bits);
    EXPECT_EQ(message_of(builder.finish()).bits("mask").value(), bits);
  }
}

TEST(Message, WrongQuestionsAreErrors) {
  const Message message = message_of(sample());
  std::vector<float> two(2);
  std::vector<double> three(3);
  EXPECT_FALSE(message.vector<float>("model", two).ok());
  EXPECT_FALSE(message.vector<double>("model", three).ok());
  EXPECT_FALSE(message.number("rows").ok());
  EXPECT_FALSE(message.count("divisor").ok());
  EXPECT_FALSE(message.tensor("mask").ok());
  const auto missing = message.tensor("nobody");
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find("'update' from node 3 has no part 'nobody'"),
            std::string::npos);
}

TEST(Message, TruncatedAtEveryByte) {
  const Bytes whole = *sample();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(read_frame_header(cut).ok(), size >= 16);
    read_all(cut);
    if (size < 16) continue;
    const Message message(1, std::make_shared<const Bytes>(cut), *read_frame_header(cut));
    EXPECT_FALSE(message.tensor("empty").ok()) << size;  // the last part is never complete
  }
}

TEST(Message, EveryFlippedBit) {
  const Bytes whole = *sample();
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    read_all(flipped);
    // The format, and any impossible number of parts, are refused at once.
    if (bit < 16) {
      EXPECT_FALSE(read_frame_header(flipped).ok()) << bit;
    }
  }
}

TEST(Message, OversizedCounts) {
  const Bytes whole = *sample();
  for (const std::uint16_t parts : {4096, 4097, 65535}) {
    Bytes many = whole;
    std::memcpy(many.data() + 2, &parts, sizeof parts);
    EXPECT_EQ(read_frame_header(many).ok(), parts <= 4096);
    read_all(many);
  }
  for (const std::uint32_t length : {0u, 13u, 1u << 31, 0xffffffffu}) {
    Bytes longer = whole;
    std::memcpy(longer.data() + 16 + 8, &length, sizeof length);
    read_all(longer);
    std::vector<float> values(3);
    const Message message(1, std::make_shared<const Bytes>(longer), *read_frame_header(longer));
    EXPECT_FALSE(message.vector<float>("model", values).ok());
  }
  // A bit set that declares more bits than it brings.
  for (const std::uint64_t size :
       {std::uint64_t{17}, std::uint64_t{1} << 32, ~std::uint64_t{0}, ~std::uint64_t{0} - 6}) {
    ByteWriter writer;
    writer.number<std::uint16_t>(1);
    writer.number<std::uint16_t>(1);
    writer.number<std::uint32_t>(0);
    writer.number<std::uint64_t>(static_cast<std::uint64_t>(tag("t")));
    writer.number<std::uint64_t>(static_cast<std::uint64_t>(tag("mask")));
    writer.number<std::uint32_t>(10);
    writer.number<std::uint32_t>(4);
    writer.number<std::uint64_t>(size);
    writer.number<std::uint16_t>(0xffff);
    const Bytes frame = std::move(writer).take();
    const Message message(1, std::make_shared<const Bytes>(frame), *read_frame_header(frame));
    EXPECT_FALSE(message.bits("mask").ok()) << size;
  }
}

TEST(Tag, IsReadByEye) {
  EXPECT_EQ(tag_text(tag("model")), "model");
  EXPECT_EQ(tag_text(tag("eightchr")), "eightchr");
  EXPECT_NE(tag("model"), tag("modem"));
  EXPECT_EQ(tag_text(static_cast<Tag>(0x0141)), "A?");  // what does not print
}

}  // namespace
}  // namespace shoal

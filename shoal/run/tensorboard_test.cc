#include "shoal/run/tensorboard.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <map>

namespace shoal {
namespace {

// A reader of its own: checksums bit by bit, protobuf fields by number.
std::uint32_t masked_bit_by_bit(const std::string& text) {
  std::uint32_t crc = 0xffffffffu;
  for (const char c : text)
    for (int bit = 0; bit < 8; ++bit) {
      const bool one = ((crc ^ (static_cast<unsigned char>(c) >> bit)) & 1u) != 0;
      crc = (crc >> 1) ^ (one ? 0x82f63b78u : 0u);
    }
  crc = ~crc;
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

struct Field {
  std::uint64_t integer = 0;
  std::string bytes;
};

std::uint64_t take_varint(const std::string& text, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(text.at(at++));
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

std::map<int, Field> fields_of(const std::string& message) {
  std::map<int, Field> fields;
  for (std::size_t at = 0; at < message.size();) {
    const std::uint64_t key = take_varint(message, at);
    Field& field = fields[static_cast<int>(key >> 3)];
    std::size_t length = 0;
    switch (key & 7) {
      case 0:
        field.integer = take_varint(message, at);
        break;
      case 1:
        length = 8;
        break;
      case 2:
        length = take_varint(message, at);
        break;
      case 5:
        length = 4;
        break;
      default:
        ADD_FAILURE() << "wire type " << (key & 7);
    }
    EXPECT_LE(at + length, message.size());
    field.bytes = message.substr(at, length);
    at += length;
  }
  return fields;
}

template <class T>
T number_at(const std::string& text, std::size_t at) {
  T value;
  std::memcpy(&value, text.substr(at, sizeof(T)).data(), sizeof(T));
  return value;
}

std::vector<std::string> records_of(const std::string& file) {
  std::vector<std::string> records;
  for (std::size_t at = 0; at < file.size();) {
    const auto length = number_at<std::uint64_t>(file, at);
    EXPECT_EQ(number_at<std::uint32_t>(file, at + 8), masked_bit_by_bit(file.substr(at, 8)));
    records.push_back(file.substr(at + 12, length));
    EXPECT_EQ(number_at<std::uint32_t>(file, at + 12 + length), masked_bit_by_bit(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(Tensorboard, EveryFigureComesBack) {
  std::vector<LedgerLine> lines;
  for (Step round : {0u, 1u, 300u}) {
    LedgerLine line{round, 12.5 * round, 1000u * round, 7, 60, {}};
    line.figures = {{"test_accuracy", 0.25 + 0.001 * round}, {"test_loss", -3.5e-9}};
    lines.push_back(line);
  }
  lines.back().figures.emplace_back("train_loss", std::numeric_limits<double>::infinity());
  const auto records = records_of(tensorboard_events(lines));
  ASSERT_EQ(records.size(), 1u + 3 * 5 + 1);
  EXPECT_EQ(fields_of(records[0])[3].bytes, "brain.Event:2");
  std::size_t next = 1;
  for (const LedgerLine& line : lines) {
    auto expected = line.figures;
    expected.insert(expected.begin(), {{"bytes_up", double(line.bytes_up)},
                                       {"bytes_down", double(line.bytes_down)},
                                       {"gradients", double(line.gradients)}});
    for (const auto& [name, value] : expected) {
      auto event = fields_of(records[next++]);
      EXPECT_EQ(number_at<double>(event[1].bytes, 0), line.time_s);
      EXPECT_EQ(event[2].integer, line.round);
      auto scalar = fields_of(fields_of(event[5].bytes)[1].bytes);
      EXPECT_EQ(scalar[1].bytes, name);
      EXPECT_EQ(number_at<float>(scalar[2].bytes, 0), static_cast<float>(value));
    }
  }
}

// Every event file that TensorFlow writes begins with these bytes: a version record of 24 bytes.
TEST(Tensorboard, BeginsLikeTensorFlowsOwn) {
  const std::string file = tensorboard_events({});
  EXPECT_EQ(file.substr(0, 13), std::string("\x18\0\0\0\0\0\0\0\xa3\x7f\x4b\x22\x09", 13));
  EXPECT_EQ(file.size(), 16u + 24u);
}

}  // namespace
}  // namespace shoal

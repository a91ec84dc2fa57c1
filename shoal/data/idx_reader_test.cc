#include "shoal/data/idx_reader.h"

#include <gtest/gtest.h>

#include "shoal/data/test_files.h"

namespace shoal {
namespace {

Bytes raw(std::initializer_list<int> values) {
  Bytes out;
  for (const int value : values) out.push_back(static_cast<std::byte>(value));
  return out;
}

// 2 x 3 bytes 1..6, written out by hand from the format's description.
Bytes small_file() { return raw({0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6}); }

TEST(IdxReader, ReadsBytesInOrder) {
  const auto array = parse_idx(small_file());
  ASSERT_TRUE(array.ok());
  EXPECT_EQ(array->type, ElementType::kU8);
  EXPECT_EQ(array->shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(array->data, raw({1, 2, 3, 4, 5, 6}));
}

TEST(IdxReader, TurnsBigEndianElementsRound) {
  const auto shorts = parse_idx(raw({0, 0, 0x0b, 1, 0, 0, 0, 2, 0x01, 0x02, 0xff, 0xfe}));
  ASSERT_TRUE(shorts.ok());
  EXPECT_EQ(to_integers(*shorts).value(), (std::vector<std::int32_t>{258, -2}));
  const auto floats = parse_idx(raw({0, 0, 0x0d, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0}));
  ASSERT_TRUE(floats.ok());
  float value = 0.0f;
  to_floats(*floats, 2.0, std::span(&value, 1));
  EXPECT_EQ(value, 3.0f);
  const auto doubles = parse_idx(raw({0, 0, 0x0e, 1, 0, 0, 0, 1, 0xc0, 0x04, 0, 0, 0, 0, 0, 0}));
  ASSERT_TRUE(doubles.ok());
  to_floats(*doubles, 1.0, std::span(&value, 1));
  EXPECT_EQ(value, -2.5f);
}

TEST(IdxReader, WritesWhatItReads) {
  for (const ElementType type : {ElementType::kU8, ElementType::kI8, ElementType::kI16,
                                 ElementType::kI32, ElementType::kF32, ElementType::kF64}) {
    TypedArray array{type, {3, 1, 2}, Bytes(6 * element_size(type))};
    for (std::size_t i = 0; i < array.data.size(); ++i) array.data[i] = std::byte(i * 7 + 1);
    const auto bytes = idx_bytes(array);
    ASSERT_TRUE(bytes.ok());
    for (const Bytes& file : {*bytes, gzipped(*bytes)}) {
      const auto again = parse_idx(file);
      ASSERT_TRUE(again.ok()) << again.error().message;
      EXPECT_EQ(again->type, type);
      EXPECT_EQ(again->shape, array.shape);
      EXPECT_EQ(again->data, array.data);
    }
  }
}

TEST(IdxReader, RefusesEveryTruncation) {
  for (const Bytes& whole : {small_file(), gzipped(small_file())}) {
    ASSERT_TRUE(parse_idx(whole).ok());
    for_each_truncation(whole, [](const Bytes& part, std::size_t length) {
      EXPECT_FALSE(parse_idx(part).ok()) << length;
    });
  }
}

TEST(IdxReader, RefusesEveryFlippedBitOfItsHeader) {
  // A flipped type (0x08 to 0x09) of the same size is the one other reading of these bytes.
  for_each_flip(small_file(), 12, [](const Bytes& flipped, std::size_t bit) {
    EXPECT_EQ(parse_idx(flipped).ok(), bit == 16) << bit;
  });
}

TEST(IdxReader, SurvivesEveryFlippedBitOfAGzippedFile) {
  const Bytes whole = gzipped(small_file());
  const auto right = parse_idx(whole);
  std::size_t accepted = 0;
  for_each_flip(whole, whole.size(), [&](const Bytes& flipped, std::size_t bit) {
    const auto array = parse_idx(flipped);
    // The time, flags and system of the gzip header (bytes 4 to 9) are not covered by its checksum.
    if (array.ok()) {
      EXPECT_EQ(array->data, right->data) << bit;
    }
    if (bit / 8 >= 10) accepted += array.ok();
  });
  // Behind the header only the unused bits that fill the last byte of the stream may differ.
  EXPECT_LT(accepted, 8u);
}

TEST(IdxReader, RefusesLyingLengths) {
  for (const int high : {0x7f, 0x80, 0xff}) {
    EXPECT_FALSE(parse_idx(raw({0, 0, 8, 1, high, 0xff, 0xff, 0xff, 1, 2})).ok());
    EXPECT_FALSE(parse_idx(gzipped(raw({0, 0, 8, 1, high, 0xff, 0xff, 0xff, 1, 2}))).ok());
  }
  // 2^32 x 2^32 bytes, and a product that wraps to 0 in 64 bits.
  EXPECT_FALSE(parse_idx(raw({0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255})).ok());
  EXPECT_FALSE(parse_idx(raw({0, 0, 8, 2, 128, 0, 0, 0, 128, 0, 0, 0})).ok());
  EXPECT_FALSE(parse_idx(raw({0, 0, 8, 3, 128, 0, 0, 0, 128, 0, 0, 0, 0, 0, 0, 4})).ok());
  const auto limited = parse_idx(gzipped(small_file()), 5);
  ASSERT_FALSE(limited.ok());
  EXPECT_EQ(limited.error().code, ErrorCode::kLimit);
}

TEST(IdxReader, RefusesTrailingBytes) {
  Bytes more = small_file();
  more.push_back(std::byte{0});
  EXPECT_FALSE(parse_idx(more).ok());
  EXPECT_FALSE(parse_idx(gzipped(more)).ok());
  Bytes twice = gzipped(small_file());
  twice.push_back(std::byte{0});
  EXPECT_FALSE(parse_idx(twice).ok());
}

TEST(IdxReader, NamesTheFileAndTheByte) {
  const std::string path = write_test_file("bad.idx", raw({0, 0, 7, 1, 0, 0, 0, 0}));
  const auto array = read_idx(path);
  ASSERT_FALSE(array.ok());
  EXPECT_NE(array.error().message.find(path), std::string::npos);
  EXPECT_NE(array.error().message.find("byte 2"), std::string::npos);
  EXPECT_EQ(read_idx(path + ".none").error().code, ErrorCode::kNotFound);
}

TEST(Gzip, StopsAtItsLimit) {
  const Bytes zeros(1 << 22);
  const Bytes bomb = gzipped(zeros);
  EXPECT_LT(bomb.size(), std::size_t{8192});
  EXPECT_EQ(gunzip(bomb, 1 << 20).error().code, ErrorCode::kLimit);
  EXPECT_EQ(gunzip(bomb, 1 << 22).value(), zeros);
  EXPECT_EQ(gunzip(gzipped({}), 0).value(), Bytes{});
}

}  // namespace
}  // namespace shoal

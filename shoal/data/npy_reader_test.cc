#include "shoal/data/npy_reader.h"

#include <cstring>
#include <gtest/gtest.h>

#include "shoal/data/test_files.h"

namespace shoal {
namespace {

// A file with the given dictionary; version 1 has a 2-byte length, later ones 4 bytes.
Bytes file_of(const std::string& dictionary, const Bytes& elements, int version = 1) {
  Bytes out = bytes_of("\x93NUMPY");
  out.push_back(static_cast<std::byte>(version));
  out.push_back(std::byte{0});
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    out.push_back(static_cast<std::byte>(dictionary.size() >> (8 * i)));
  const Bytes text = bytes_of(dictionary);
  out.insert(out.end(), text.begin(), text.end());
  out.insert(out.end(), elements.begin(), elements.end());
  return out;
}

Bytes counting(std::size_t count) {
  Bytes out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(static_cast<std::byte>(i));
  return out;
}

const char* kPlain = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }\n";

TEST(NpyReader, WritesTheHeaderThatNumPyWrites) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  const auto raw = std::as_bytes(std::span(values));
  const auto bytes = npy_bytes({ElementType::kF32, {2, 3}, {raw.begin(), raw.end()}});
  ASSERT_TRUE(bytes.ok());
  // numpy.save of a 2 x 3 float32 array: a header of 118 bytes behind 10, then the elements.
  std::string expected = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
  expected.resize(117, ' ');
  expected += '\n';
  EXPECT_EQ(bytes->size(), 128u + 24u);
  EXPECT_EQ(as_text(ByteView(*bytes).subspan(0, 10)),
            std::string_view("\x93NUMPY\x01\x00v\x00", 10));
  EXPECT_EQ(as_text(ByteView(*bytes).subspan(10, 118)), expected);
  const auto line = npy_bytes({ElementType::kU8, {4}, counting(4)});
  EXPECT_NE(as_text(*line).find("'shape': (4,), }"), std::string::npos);
}

TEST(NpyReader, RoundTripsThroughAFile) {
  for (const ElementType type : {ElementType::kF32, ElementType::kF64, ElementType::kI32,
                                 ElementType::kI64, ElementType::kU8})
    for (const std::vector<std::uint64_t>& shape :
         {std::vector<std::uint64_t>{}, {5}, {2, 3}, {2, 3, 4}, {0, 7}}) {
      const TypedArray array{type, shape, counting(array_bytes(shape, type).value())};
      const std::string path = write_test_file("round.npy", {});
      ASSERT_TRUE(write_npy(path, array).ok());
      const auto again = read_npy(path);
      ASSERT_TRUE(again.ok()) << again.error().message;
      EXPECT_EQ(again->type, type);
      EXPECT_EQ(again->shape, shape);
      EXPECT_EQ(again->data, array.data);
    }
  EXPECT_FALSE(
      write_npy("/tmp/x.npy", std::vector<std::uint64_t>{2, 2}, std::vector<float>(3)).ok());
}

TEST(NpyReader, TurnsFortranOrderToC) {
  // a[i][j][k] = 100 i + 10 j + k of shape (2, 3, 4), written with the first index fastest.
  Bytes elements;
  for (int k = 0; k < 4; ++k)
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 2; ++i) elements.push_back(static_cast<std::byte>(100 * i + 10 * j + k));
  const auto array =
      parse_npy(file_of("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3, 4), }", elements));
  ASSERT_TRUE(array.ok()) << array.error().message;
  for (int i = 0; i < 2; ++i)
    for (int j = 0; j < 3; ++j)
      for (int k = 0; k < 4; ++k)
        EXPECT_EQ(array->data[static_cast<std::size_t>((i * 3 + j) * 4 + k)],
                  static_cast<std::byte>(100 * i + 10 * j + k));
}

TEST(NpyReader, ReadsAllThreeVersions) {
  for (const int version : {1, 2, 3})
    EXPECT_EQ(parse_npy(file_of(kPlain, counting(6), version)).value().data, counting(6));
  EXPECT_EQ(parse_npy(file_of(kPlain, counting(6), 4)).error().code, ErrorCode::kUnsupported);
}

TEST(NpyReader, RefusesEveryTruncationAndSurvivesEveryFlip) {
  for (const int version : {1, 2}) {
    const Bytes whole = file_of(kPlain, counting(6), version);
    for_each_truncation(whole, [](const Bytes& part, std::size_t length) {
      EXPECT_FALSE(parse_npy(part).ok()) << length;
    });
    std::size_t read = 0;
    for_each_flip(whole, whole.size() - 6, [&](const Bytes& flipped, std::size_t) {
      const auto array = parse_npy(flipped);
      if (!array.ok()) return;
      ++read;
      EXPECT_EQ(array->data.size(), 6u);
    });
    // Flips that make another legal header exist (version 2 to 3, a space to a newline), not many.
    EXPECT_LT(read, 12u);
  }
}

TEST(NpyReader, RefusesMalformedHeaders) {
  const char* const headers[] = {
      "",
      "{",
      "{}",
      "{'descr': '|u1'}",
      "{'descr': '|u1', 'fortran_order': False}",
      "{'descr': '>f4', 'fortran_order': False, 'shape': (6,), }",
      "{'descr': '|O', 'fortran_order': False, 'shape': (6,), }",
      "{'descr': '|u1', 'fortran_order': 0, 'shape': (6,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': 6, }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (-6,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (6.0,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2 3,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), } x",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'shape': (6,), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), 'more': 1, }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (6",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (1,1,1,1,1,1,1,1,6), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (2147483648,), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
      "{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693952,), }",
      "{'descr': '|u1', 'fortran_order': True, 'shape': (9223372036854775808, 2, 3), }",
      "{'descr': '|u1', 'fortran_order': False, 'shape': (18446744073709551622,), }",
      "{'descr': '|u1\", 'fortran_order': False, 'shape': (6,), }"};
  for (const char* header : headers)
    EXPECT_FALSE(parse_npy(file_of(header, counting(6))).ok()) << header;
}

TEST(NpyReader, RefusesLyingHeaderLengths) {
  Bytes file = file_of(kPlain, counting(6), 2);
  for (const std::uint32_t length : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu}) {
    std::memcpy(file.data() + 8, &length, 4);
    EXPECT_FALSE(parse_npy(file).ok()) << length;
  }
}

}  // namespace
}  // namespace shoal

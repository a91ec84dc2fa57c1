// safetensors: what comes back is what was written, and nothing malformed gets in.
#include "shoal/model/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>

#include "shoal/base/file.h"
#include "shoal/base/random.h"

namespace shoal {
namespace {

// A file of that header and that many bytes of data.
Bytes file_of(const std::string& header, std::size_t data_bytes, std::uint64_t declared) {
  ByteWriter writer;
  writer.number<std::uint64_t>(declared);
  writer.raw(as_bytes(header));
  writer.extend(data_bytes);
  return std::move(writer).take();
}
Bytes file_of(const std::string& header, std::size_t data_bytes) {
  return file_of(header, data_bytes, header.size());
}

std::string tensor(const std::string& name, const std::string& shape, const std::string& offsets,
                   const std::string& dtype = "F32") {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{}]}})", name, dtype,
                     shape, offsets);
}

Layout small_layout() {
  Layout layout;
  layout.add("fc1.weight", {2, 3});
  layout.add("fc1.bias", {3});
  layout.add("scalar", {});
  return layout;
}

Bytes small_file() {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  return std::move(encode_safetensors(small_layout(), values, {{"format", "pt"}})).value();
}

TEST(SafeTensors, CanonicalBytes) {
  Layout layout;
  layout.add("w", {2});
  const std::vector<float> values = {1.0f, -2.0f};
  const auto encoded = encode_safetensors(layout, values);
  ASSERT_TRUE(encoded.ok());
  const std::string header = R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  ByteWriter expected;
  expected.number<std::uint64_t>(padded.size());
  expected.raw(as_bytes(padded));
  expected.number(1.0f);
  expected.number(-2.0f);
  EXPECT_EQ(*encoded, expected.bytes());
  EXPECT_EQ((8 + padded.size()) % 8, 0u);
}

TEST(SafeTensors, ComesBackBitForBit) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    RandomStream stream(seed, purpose("safetensors"));
    Layout layout;
    for (std::uint64_t t = stream.below(6); t > 0; --t) {
      std::vector<std::uint32_t> shape;
      for (std::uint64_t side = stream.below(4); side > 0; --side)
        shape.push_back(static_cast<std::uint32_t>(stream.below(5)));
      layout.add(fmt::format("t\"\\\n{}\u00e9{}", t, stream.below(1000)), shape);
    }
    std::vector<float> values(layout.size());  // any bits: NaN, -0 and denormals too
    for (float& value : values) value = std::bit_cast<float>(stream.bits32());
    const SafeTensors::Metadata metadata = {{"seed", fmt::format("{}\t\u4e2d", seed)}, {"", ""}};
    const auto encoded = encode_safetensors(layout, values, metadata);
    ASSERT_TRUE(encoded.ok()) << encoded.error().message;
    const auto parsed = parse_safetensors(*encoded);
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->metadata, metadata);
    ASSERT_EQ(parsed->values.size(), values.size());
    if (!values.empty()) {
      EXPECT_EQ(0, std::memcmp(parsed->values.data(), values.data(), values.size() * 4));
    }
    std::size_t elements = 0;
    for (const TensorInfo& found : parsed->layout.tensors()) elements += found.size;
    EXPECT_EQ(elements, values.size());
    EXPECT_EQ(parsed->layout.tensors().size(), layout.tensors().size());
  }
}

TEST(SafeTensors, HeaderOrderAndSpacesDoNotMatter) {
  const std::string header =
      "{ " + tensor("b", "1", "8,12") + " ,\n\t" +
      R"("a" : { "data_offsets" : [ 0 , 8 ], "shape":[2 ],"dtype":"F32"} } )";
  const auto parsed = parse_safetensors(file_of(header, 12));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->layout.tensors().size(), 2u);
  EXPECT_EQ(parsed->layout.tensors()[0].name, "a");
  EXPECT_EQ(parsed->layout.tensors()[1].name, "b");
  EXPECT_EQ(parsed->layout.tensors()[1].offset, 2u);
}

TEST(SafeTensors, EscapesAreRead) {
  const auto parsed =
      parse_safetensors(file_of("{" + tensor(R"(\u0041\n\ud83d\ude00\/)", "", "0,4") + "}", 4));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->layout.tensors()[0].name, "A\n\xf0\x9f\x98\x80/");
}

TEST(SafeTensors, EveryTruncationIsRefused) {
  const Bytes whole = small_file();
  ASSERT_TRUE(parse_safetensors(whole).ok());
  ASSERT_GT(whole.size(), 200u);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto parsed = parse_safetensors(ByteView(whole).first(size));
    EXPECT_FALSE(parsed.ok()) << size;
  }
  Bytes longer = whole;
  longer.push_back(std::byte{0});
  EXPECT_FALSE(parse_safetensors(longer).ok());
}

// A flipped bit may rename a tensor or change the metadata; it must not change anything else.
TEST(SafeTensors, EveryFlippedHeaderBitIsRefusedOrHarmless) {
  const Bytes whole = small_file();
  const auto original = parse_safetensors(whole);
  const std::size_t header_end = whole.size() - 10 * sizeof(float);
  int refused = 0;
  int renamed = 0;
  for (std::size_t bit = 0; bit < header_end * 8; ++bit) {
    Bytes flipped = whole;
    flipped[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto parsed = parse_safetensors(flipped);
    if (!parsed.ok()) {
      ++refused;
      continue;
    }
    EXPECT_EQ(parsed->values, original->values) << bit;
    ASSERT_EQ(parsed->layout.tensors().size(), 3u) << bit;
    bool same = parsed->metadata == original->metadata;
    for (std::size_t t = 0; t < 3; ++t) {
      EXPECT_EQ(parsed->layout.tensors()[t].shape, original->layout.tensors()[t].shape) << bit;
      same = same && parsed->layout.tensors()[t].name == original->layout.tensors()[t].name;
    }
    EXPECT_FALSE(same && bit / 8 < header_end - 8) << bit;  // only padding may flip unseen
    ++renamed;
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(renamed, 50);
}

TEST(SafeTensors, LyingLengthsAreRefused) {
  const std::string header = "{" + tensor("w", "2", "0,8") + "}";
  ASSERT_TRUE(parse_safetensors(file_of(header, 8)).ok());
  for (const std::uint64_t declared :
       {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{header.size() - 1},
        std::uint64_t{header.size() + 1}, std::uint64_t{header.size() + 9}, kSafeTensorsHeaderMax,
        kSafeTensorsHeaderMax + 1, std::uint64_t{1} << 31, std::uint64_t{1} << 32,
        std::uint64_t{1} << 63, std::numeric_limits<std::uint64_t>::max()})
    EXPECT_FALSE(parse_safetensors(file_of(header, 8, declared)).ok()) << declared;
}

using Headers = std::vector<std::pair<std::string, std::size_t>>;  // with bytes of data

// Names that are no UTF-8, or no JSON strings.
Headers malformed_names() {
  return {
      {"{\"\xff\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8},
      {"{" + tensor("\xc0\xaf", "2", "0,8") + "}", 8},      // overlong
      {"{" + tensor("\xed\xa0\x80", "2", "0,8") + "}", 8},  // a surrogate
      {"{" + tensor("\xf5\x80\x80\x80", "2", "0,8") + "}", 8},
      {"{" + tensor("\xe2\x82", "2", "0,8") + "}", 8},
      {"{" + tensor("\\ud800", "2", "0,8") + "}", 8},
      {"{" + tensor("\\udc00", "2", "0,8") + "}", 8},
      {"{" + tensor("\\ud800\\u0041", "2", "0,8") + "}", 8},
      {"{" + tensor("\\u12g4", "2", "0,8") + "}", 8},
      {"{" + tensor("\\x", "2", "0,8") + "}", 8},
      {"{" + tensor("a\nb", "2", "0,8") + "}", 8},
      {"{" + tensor(std::string("a\0b", 3), "2", "0,8") + "}", 8},
  };
}

Headers malformed_headers() {
  const std::string w = tensor("w", "2", "0,8");
  return {
      {"", 0},
      {" {}", 0},
      {"[]", 0},
      {"{}{}", 0},
      {"{} x", 0},
      {"{", 0},
      {"{" + w, 8},
      {"{" + w + ",}", 8},
      {"{" + w + "," + w + "}", 8},                                              // repeated name
      {"{" + tensor("a", "2", "0,8") + "," + tensor("b", "2", "0,8") + "}", 8},  // overlap
      {"{" + tensor("a", "2", "0,8") + "," + tensor("b", "2", "4,12") + "}", 12},
      {"{" + tensor("a", "1", "0,4") + "," + tensor("b", "1", "8,12") + "}", 12},  // gap
      {"{" + tensor("a", "1", "4,8") + "}", 8},                                    // gap at 0
      {"{" + w + "}", 12},                                                         // not to the end
      {"{" + w + "}", 4},                                                          // past the end
      {"{" + tensor("w", "2", "8,0") + "}", 8},
      {"{" + tensor("w", "3", "0,8") + "}", 8},
      {"{" + tensor("w", "-2", "0,8") + "}", 8},
      {"{" + tensor("w", "2.0", "0,8") + "}", 8},
      {"{" + tensor("w", "2e0", "0,8") + "}", 8},
      {"{" + tensor("w", "02", "0,8") + "}", 8},
      {"{" + tensor("w", "2,", "0,8") + "}", 8},
      {"{" + tensor("w", "[2]", "0,8") + "}", 8},
      {"{" + tensor("w", "null", "0,8") + "}", 8},
      {"{" + tensor("w", "2", "0") + "}", 8},
      {"{" + tensor("w", "2", "0,8,8") + "}", 8},
      {"{" + tensor("w", "2", "") + "}", 8},
      {"{" + tensor("w", "2", "-8,0") + "}", 8},
      {"{" + tensor("w", "4294967295,4294967295,4294967295", "0,8") + "}", 8},
      {"{" + tensor("w", "2147483648,2147483648,4", "0,0") + "}", 0},  // wraps to 0
      {"{" + tensor("w", "4294967296,4294967296", "0,0") + "}", 0},
      {"{" + tensor("w", "18446744073709551616", "0,0") + "}", 0},
      {"{" + tensor("w", "2", "0,18446744073709551615") + "}", 8},
      {"{" + tensor("w", "2", "18446744073709551615,8") + "}", 8},
      {"{" + tensor("w", "2", "0,8", "F16") + "}", 8},
      {"{" + tensor("w", "1", "0,8", "I64") + "}", 8},
      {"{" + tensor("w", "2", "0,8", "f32") + "}", 8},
      {"{" + tensor("w", "2", "0,8", "") + "}", 8},
      {R"({"w":{"dtype":"F32","shape":[2]}})", 8},
      {R"({"w":{"shape":[2],"data_offsets":[0,8]}})", 8},
      {R"({"w":{"dtype":"F32","data_offsets":[0,4]}})", 4},
      {R"({"w":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}})", 8},
      {R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"extra":1}})", 8},
      {R"({"w":{}})", 0},
      {R"({"w":[]})", 0},
      {R"({"w":null})", 0},
      {R"({w:{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8},
      {R"({"__metadata__":{"a":1}})", 0},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0},
      {R"({"__metadata__":{},"__metadata__":{}})", 0},
      {R"({"__metadata__":[]})", 0},
      {std::string(100000, '{'), 0},
      {"{\"a\":" + std::string(100000, '['), 0},
      {"{\"w\":{\"dtype\":\"F32\",\"shape\":" + std::string(100000, '['), 0},
  };
}

TEST(SafeTensors, MalformedHeadersAreRefused) {
  Headers all = malformed_headers();
  std::ranges::move(malformed_names(), std::back_inserter(all));
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto parsed = parse_safetensors(file_of(all[i].first, all[i].second));
    EXPECT_FALSE(parsed.ok()) << i << ": " << all[i].first.substr(0, 100);
  }
}

TEST(SafeTensors, ManyTensorsParseAndManyRepeatsAreRefused) {
  std::string header = "{";
  for (int i = 0; i < 100000; ++i)
    header += tensor(fmt::format("t{}", i), "1", fmt::format("{},{}", 4 * i, 4 * i + 4)) + ",";
  header.back() = '}';
  EXPECT_TRUE(parse_safetensors(file_of(header, 400000)).ok());
  header.back() = ',';
  header += tensor("t77", "0", "400000,400000") + "}";
  const auto parsed = parse_safetensors(file_of(header, 400000));
  ASSERT_FALSE(parsed.ok());
  EXPECT_NE(parsed.error().message.find("'t77' is named twice"), std::string::npos);
}

TEST(SafeTensors, OtherDtypesAreNamed) {
  const auto parsed = parse_safetensors(file_of("{" + tensor("w", "2", "0,4", "BF16") + "}", 4));
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(parsed.error().message.find("'w' has dtype 'BF16'"), std::string::npos);
}

TEST(SafeTensors, UnwritableNamesAreRefused) {
  for (const char* name : {"\xff", "__metadata__"}) {
    Layout layout;
    layout.add(name, {1});
    const std::vector<float> values = {1.0f};
    EXPECT_FALSE(encode_safetensors(layout, values).ok()) << name;
  }
  Layout twice;
  twice.add("w", {1});
  twice.add("w", {1});
  EXPECT_FALSE(encode_safetensors(twice, std::vector<float>{1, 2}).ok());
}

TEST(SafeTensors, FilesComeBack) {
  const std::string path = testing::TempDir() + "/shoal_safetensors_test.safetensors";
  const std::vector<float> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  ASSERT_TRUE(write_safetensors(path, small_layout(), values).ok());
  const auto read = read_safetensors(path);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->values, values);
  EXPECT_EQ(read->layout.tensors()[0].name, "fc1.weight");
  std::remove(path.c_str());
  const auto missing = read_safetensors(path);
  ASSERT_FALSE(missing.ok());
  EXPECT_NE(missing.error().message.find(path), std::string::npos);
}

}  // namespace
}  // namespace shoal

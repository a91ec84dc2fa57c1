#include "shoal/codec/encoded_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/base/crc32c.h"
#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

Layout two_layers() {
  Layout layout;
  layout.add("fc.weight", {3, 5});
  layout.add("fc.bias", {5});
  return layout;
}

std::vector<float> some_row(std::size_t size) {
  RandomStream stream(1, purpose("encoded file"));
  std::vector<float> row(size);
  for (float& value : row) value = static_cast<float>(stream.normal());
  return row;
}

// Every codec: what is decoded from the file is what the codec itself makes of the row.
TEST(EncodedFile, ComesBackWithItsLayers) {
  const Layout layout = two_layers();
  const std::vector<float> row = some_row(layout.size());
  for (const char* text : {"dense", "top_k:ratio=0.2", "top_k:k=2,index_code=rice,values=qsgd",
                           "rand_k:k=3,seed_mode=shared", "qsgd:levels=4", "sign", "natural"}) {
    const auto table = codec_table(text);
    ASSERT_TRUE(table.ok()) << table.error().message;
    const auto file = encode_row(*table, layout, row, 7);
    ASSERT_TRUE(file.ok()) << file.error().message;
    const Bytes bytes = encoded_file_bytes(*file);
    const auto again = parse_encoded_file(bytes);
    ASSERT_TRUE(again.ok()) << again.error().message;
    ASSERT_EQ(again->layout.tensors().size(), 2u);
    EXPECT_EQ(again->layout.tensors()[0].name, "fc.weight");
    EXPECT_EQ(again->layout.tensors()[0].shape, (std::vector<std::uint32_t>{3, 5}));
    EXPECT_EQ(encoded_file_bytes(*again), bytes);
    const auto decoded = decode_row(*again);
    ASSERT_TRUE(decoded.ok()) << text << ": " << decoded.error().message;
    EXPECT_EQ(*decoded, *decode_row(*file));
    if (std::string(text) == "dense") {
      EXPECT_EQ(*decoded, row);
    }
  }
}

TEST(EncodedFile, AnyChangedOrMissingByteIsNoticed) {
  const Layout layout = two_layers();
  const auto file = encode_row(*codec_table("top_k:k=2"), layout, some_row(20), 7);
  const Bytes bytes = encoded_file_bytes(*file);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    Bytes changed = bytes;
    changed[i] ^= std::byte{0x10};
    EXPECT_FALSE(parse_encoded_file(changed).ok());
    EXPECT_FALSE(parse_encoded_file(ByteView(bytes).first(i)).ok());
  }
}

// A few bytes that declare a row of terabytes cost nothing.
TEST(EncodedFile, BombsAreRefused) {
  EncodedFile file;
  file.codec = *codec_table("top_k:k=1");
  file.layout.add("x", {1});
  Bytes bytes = encoded_file_bytes(file);
  const std::uint32_t huge = 0xffffffffu;
  ByteWriter out;
  out.raw(ByteView(bytes).first(8));
  out.number<std::uint32_t>(1);
  out.text("kind = \"top_k\"\nk = 1\n");
  out.number<std::uint64_t>(1);
  out.number<std::uint32_t>(1);
  out.text("x");
  out.number<std::uint32_t>(3);
  for (int i = 0; i < 3; ++i) out.number(huge);
  out.block({});
  out.number(crc32c(out.bytes()));
  EXPECT_THAT(parse_encoded_file(out.bytes()).error().message, HasSubstr("entries"));
}

TEST(EncodedFile, CodecsAsText) {
  const Table table = *codec_table("top_k:ratio=0.01,index_code=rice");
  EXPECT_EQ(*table.find("kind")->as<std::string>(), "top_k");
  EXPECT_EQ(*table.find("ratio")->as<double>(), 0.01);
  EXPECT_EQ(*table.find("index_code")->as<std::string>(), "rice");
  EXPECT_THAT(codec_table("top_k:0.01").error().message, HasSubstr("name=value"));
  EXPECT_EQ(*codec_table("topk:k=1")->find("kind")->as<std::string>(), "top_k");
  EXPECT_THAT(encode_row(*codec_table("tap_k:k=1"), two_layers(), some_row(20), 1).error().message,
              HasSubstr("did you mean 'top_k'"));
}

}  // namespace
}  // namespace shoal

#include "shoal/codec/encoded_file.h"

#include <fmt/format.h>

#include "shoal/base/crc32c.h"
#include "shoal/base/kind_text.h"
#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"

namespace shoal {
namespace {

constexpr std::string_view kMagic = "SHOALENC";
constexpr std::uint32_t kVersion = 1;

Result<Layout> read_layout(ByteReader& in) {
  SHOAL_TRY(const auto tensors, in.number<std::uint32_t>());
  if (tensors > kEncodedTensorsMax)
    return limit_exceeded(
        fmt::format("{} tensors; at most {} are taken", tensors, kEncodedTensorsMax));
  Layout layout;
  std::uint64_t entries = 0;
  for (std::uint32_t i = 0; i < tensors; ++i) {
    SHOAL_TRY(std::string name, in.text());
    SHOAL_TRY(const auto dimensions, in.number<std::uint32_t>());
    if (dimensions > kEncodedDimensionsMax)
      return limit_exceeded(fmt::format("tensor '{}' has {} dimensions; at most {} are taken", name,
                                        dimensions, kEncodedDimensionsMax));
    std::vector<std::uint32_t> shape(dimensions);
    std::uint64_t size = 1;
    for (std::uint32_t& length : shape) {
      SHOAL_TRY(length, in.number<std::uint32_t>());
      if (length > 0 && size > kEncodedEntriesMax / length)
        size = kEncodedEntriesMax + 1;
      else
        size *= length;
    }
    entries += size;
    if (entries > kEncodedEntriesMax)
      return limit_exceeded(
          fmt::format("the tensors have more than {} entries", kEncodedEntriesMax));
    layout.add(std::move(name), std::move(shape));
  }
  return layout;
}

}  // namespace

Bytes encoded_file_bytes(const EncodedFile& file) {
  ByteWriter out;
  out.raw(as_bytes(kMagic));
  out.number(kVersion);
  out.text(write_toml(file.codec));
  out.number(file.seed);
  out.number(static_cast<std::uint32_t>(file.layout.tensors().size()));
  for (const TensorInfo& tensor : file.layout.tensors()) {
    out.text(tensor.name);
    out.number(static_cast<std::uint32_t>(tensor.shape.size()));
    for (const std::uint32_t length : tensor.shape) out.number(length);
  }
  out.block(file.message);
  out.number(crc32c(out.bytes()));
  return std::move(out).take();
}

Result<EncodedFile> parse_encoded_file(ByteView bytes) {
  if (bytes.size() < kMagic.size() + sizeof(std::uint32_t) ||
      as_text(bytes.first(kMagic.size())) != kMagic)
    return corrupt("no file that `shoal encode` wrote: it does not begin with SHOALENC");
  const ByteView body = bytes.first(bytes.size() - sizeof(std::uint32_t));
  ByteReader tail(bytes.subspan(body.size()));
  SHOAL_TRY(const auto checksum, tail.number<std::uint32_t>());
  if (checksum != crc32c(body)) return corrupt("the file does not have its checksum");
  ByteReader in(body.subspan(kMagic.size()));
  SHOAL_TRY(const auto version, in.number<std::uint32_t>());
  if (version != kVersion)
    return unsupported(fmt::format("version {} of the format; {} is read", version, kVersion));
  EncodedFile file;
  SHOAL_TRY(const std::string codec, in.text());
  SHOAL_TRY(file.codec, parse_toml(codec));
  SHOAL_TRY(file.seed, in.number<std::uint64_t>());
  SHOAL_TRY(file.layout, read_layout(in));
  SHOAL_TRY(const ByteView message, in.block());
  if (!in.done()) return corrupt(fmt::format("{} bytes follow the message", in.left()));
  file.message.assign(message.begin(), message.end());
  return file;
}

Result<EncodedFile> encode_row(const Table& codec, const Layout& layout, std::span<const float> row,
                               std::uint64_t seed) {
  EncodedFile file;
  SHOAL_TRY(file.codec, resolve_codec(codec, "--codec"));
  SHOAL_TRY(const auto made, make_codec(file.codec, "--codec"));
  file.seed = seed;
  file.layout = layout;
  ByteWriter out;
  SHOAL_TRY_STATUS(made->encode(row, layout, codec_draws(seed, 0, 0), out));
  file.message = std::move(out).take();
  return file;
}

Result<std::vector<float>> decode_row(const EncodedFile& file) {
  SHOAL_TRY(const auto codec, make_codec(file.codec, "the codec of the file"));
  std::vector<float> row(file.layout.size());
  SHOAL_TRY_STATUS(codec->decode(file.message, file.layout, shared_draws(file.seed, 0), row));
  return row;
}

Result<Table> codec_table(const std::string& text) { return kind_table(text, names_of(codecs())); }

}  // namespace shoal

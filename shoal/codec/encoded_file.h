// A file that holds what a codec wrote, with all that is needed to decode it: `shoal encode`.
//
//   "SHOALENC", u32 version 1, text the codec's settings as TOML, u64 seed,
//   u32 tensors, then for each: text its name, u32 dimensions, u32 each;
//   u64 length and the message as it would cross the wire; u32 CRC-32C of all that
//
// Little-endian; a text is a u32 length and UTF-8. The message is what counts as bytes on the wire:
// on it both sides agree beforehand on everything else in the file.
#pragma once

#include "shoal/base/bytes.h"
#include "shoal/base/value.h"
#include "shoal/model/layout.h"

namespace shoal {

struct EncodedFile {
  Table codec;  // kind and settings
  std::uint64_t seed = 1;
  Layout layout;
  Bytes message;
};

// A file of a few bytes may stand for a large row; beyond this it is refused.
inline constexpr std::uint64_t kEncodedEntriesMax = std::uint64_t{1} << 32;
inline constexpr std::uint32_t kEncodedTensorsMax = 1u << 20;
inline constexpr std::uint32_t kEncodedDimensionsMax = 16;

Bytes encoded_file_bytes(const EncodedFile& file);
Result<EncodedFile> parse_encoded_file(ByteView bytes);

// Encodes as sender 0 in round 0 of a run with that seed. Error: the codec's, or that of its
// settings.
Result<EncodedFile> encode_row(const Table& codec, const Layout& layout, std::span<const float> row,
                               std::uint64_t seed);
Result<std::vector<float>> decode_row(const EncodedFile& file);

// "top_k:ratio=0.01,index_code=rice" as the table of a [codec] section. Values are TOML; a bare
// word is a text.
Result<Table> codec_table(const std::string& text);

}  // namespace shoal

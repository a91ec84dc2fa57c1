// The safetensors format: named float32 tensors in one file, loaded without running anything.
//
//   u64 length of the header (little-endian, at most 10^8)
//   header: a JSON object, {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
//   ...}
//           with optional "__metadata__": {"key": "text", ...}; may end in spaces
//   data:   the tensors' bytes; offsets count from here
//
// The reader accepts exactly that and nothing near it: the header begins with '{', is valid UTF-8,
// repeats no name and no key; the tensors cover the data from 0 to the end of the file without gap
// or overlap; each is as long as its shape says, computed without overflow. Dtypes other than F32
// are refused by name. Memory is the values plus a small multiple of the header.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/model/layout.h"

namespace shoal {

struct SafeTensors {
  using Metadata = std::vector<std::pair<std::string, std::string>>;

  Layout layout;              // in the order of the data
  std::vector<float> values;  // layout.size()
  Metadata metadata;          // in file order
};

inline constexpr std::uint64_t kSafeTensorsHeaderMax = 100'000'000;  // bytes

// Errors say at which byte of the file what was expected.
Result<SafeTensors> parse_safetensors(ByteView bytes);
Result<SafeTensors> read_safetensors(const std::string& path);

// The canonical form: tensors in layout order, no spaces but those that align the data to 8 bytes.
// values.size() == layout.size(). Names and metadata must be UTF-8 and unique, else an error.
Result<Bytes> encode_safetensors(const Layout& layout, std::span<const float> values,
                                 const SafeTensors::Metadata& metadata = {});
// Through a temporary file and a rename.
Status write_safetensors(const std::string& path, const Layout& layout,
                         std::span<const float> values, const SafeTensors::Metadata& metadata = {});

}  // namespace shoal

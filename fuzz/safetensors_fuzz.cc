// safetensors files from anyone: a parse ends in a value or an error, and what was accepted comes
// back from its canonical form with the same bits.
#include <cstdint>
#include <cstring>

#include "shoal/model/safetensors.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const shoal::ByteView bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto parsed = shoal::parse_safetensors(bytes);
  if (!parsed.ok()) return 0;
  SHOAL_CHECK(parsed->values.size() * sizeof(float) < size, "more values than the file holds");
  const auto encoded = shoal::encode_safetensors(parsed->layout, parsed->values, parsed->metadata);
  SHOAL_CHECK(encoded.ok(), "what was read can be written");
  const auto again = shoal::parse_safetensors(*encoded);
  SHOAL_CHECK(again.ok(), "what was written can be read");
  SHOAL_CHECK(again->metadata == parsed->metadata, "the metadata came back changed");
  SHOAL_CHECK(again->values.size() == parsed->values.size(), "a value was lost");
  SHOAL_CHECK(parsed->values.empty() || std::memcmp(again->values.data(), parsed->values.data(),
                                                    parsed->values.size() * sizeof(float)) == 0,
              "a value changed");
  return 0;
}

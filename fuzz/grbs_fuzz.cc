// Arbitrary bytes as a grbs message. The first 3 bytes choose settings and layout.
#include "shoal/codec/grbs.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  GrbsSettings settings;
  settings.compression_ratio = 1 + data[0] % 64;
  settings.blocks = 64 + data[0];
  settings.scaled = (data[0] & 128) != 0;
  settings.scope = data[1] & 1 ? Scope::kGlobal : Scope::kLayer;
  settings.value_type = static_cast<ValueType>((data[1] >> 4) % 3);
  fuzz_message(fuzz_table("grbs", settings), fuzz_layout(data[2]), bytes_behind(data, size, 3),
               Chance::kSome);
  return 0;
}

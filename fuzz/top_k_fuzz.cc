// Arbitrary bytes as a top_k message. The first 3 bytes choose settings and layout.
#include "shoal/codec/top_k.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  TopKSettings settings;
  settings.ratio = 1.0 / (1 + data[0] % 64);
  settings.scope = data[1] & 1 ? Scope::kGlobal : Scope::kLayer;
  settings.index_code = static_cast<IndexCode>((data[1] >> 1) % 6);
  settings.value_type = static_cast<ValueType>((data[1] >> 4) % 3);
  fuzz_message(fuzz_table("top_k", settings), fuzz_layout(data[2]), bytes_behind(data, size, 3),
               Chance::kNone);
  return 0;
}

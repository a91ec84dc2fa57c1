// Arbitrary bytes as a terngrad message. The first 2 bytes choose settings and layout.
#include "shoal/codec/terngrad.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 2) return 0;
  TerngradSettings settings;
  settings.packing = data[0] & 1 ? TernaryPacking::kTwoBit : TernaryPacking::kBase3;
  settings.scope = data[0] & 2 ? Scope::kGlobal : Scope::kLayer;
  fuzz_message(fuzz_table("terngrad", settings), fuzz_layout(data[1]), bytes_behind(data, size, 2),
               Chance::kNone);
  return 0;
}

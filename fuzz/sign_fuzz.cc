// Arbitrary bytes as a sign message. The first 2 bytes choose settings and layout.
#include "shoal/codec/sign.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 2) return 0;
  SignSettings settings;
  settings.scaled = data[0] & 1;
  settings.scope = data[0] & 2 ? Scope::kGlobal : Scope::kLayer;
  fuzz_message(fuzz_table("sign", settings), fuzz_layout(data[1]), bytes_behind(data, size, 2),
               Chance::kSome);
  return 0;
}

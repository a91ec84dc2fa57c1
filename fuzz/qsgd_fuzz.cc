// Arbitrary bytes as a qsgd message. The first 3 bytes choose settings and layout.
#include "shoal/codec/qsgd.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  QsgdSettings settings;
  settings.code = static_cast<LevelCode>((data[1] >> 1) % 5);
  const bool range = settings.code == LevelCode::kRange;
  settings.levels = range ? 1 + data[0] % 255 : 1 + data[0] * data[0];
  settings.bucket = data[1] & 64 ? 0 : 2 + data[1] % 16;
  settings.scope = data[1] & 1 ? Scope::kGlobal : Scope::kLayer;
  fuzz_message(fuzz_table("qsgd", settings), fuzz_layout(data[2]), bytes_behind(data, size, 3),
               Chance::kSome);
  return 0;
}

// Arbitrary bytes as a random_block message. The first 3 bytes choose settings and layout.
#include "shoal/codec/random_block.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  RandomBlockSettings settings;
  settings.ratio = 1.0 / (1 + data[0] % 64);
  settings.scope = data[1] & 1 ? Scope::kGlobal : Scope::kLayer;
  settings.value_type = static_cast<ValueType>((data[1] >> 4) % 3);
  settings.seed_mode = data[0] & 64 ? SeedMode::kShared : SeedMode::kNode;
  settings.scaled = (data[0] & 128) != 0;
  fuzz_message(fuzz_table("random_block", settings), fuzz_layout(data[2]),
               bytes_behind(data, size, 3), Chance::kSome);
  return 0;
}

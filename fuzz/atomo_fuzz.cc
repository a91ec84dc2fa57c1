// Arbitrary bytes as an atomo message. The first 3 bytes choose settings and layout.
#include "shoal/codec/atomo.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  AtomoSettings settings;
  settings.atoms = static_cast<AtomKind>(data[0] % 3);
  settings.budget = 0.25 * (1 + data[1] % 32);
  Layout layout = fuzz_layout(data[2]);
  layout.add("matrix", {1 + data[2] % 9u, 1 + data[0] / 3 % 11u});
  fuzz_message(fuzz_table("atomo", settings), layout, bytes_behind(data, size, 3), Chance::kSome);
  return 0;
}

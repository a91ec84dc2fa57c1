// Arbitrary bytes as a message of a composition. The first 3 bytes choose codecs and layout.
#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  const char* outer[] = {"top_k", "rand_k", "threshold", "random_block", "grbs"};
  const char* inner[] = {"dense", "sign", "natural", "qsgd", "terngrad"};
  Table table;
  const std::string kind = outer[data[0] % 5];
  table.set("kind", kind);
  if (kind != "threshold" && kind != "grbs") table.set("ratio", 1.0 / (1 + data[1] % 64));
  table.set("values", inner[data[0] / 5 % 5]);
  fuzz_message(table, fuzz_layout(data[2]), bytes_behind(data, size, 3), Chance::kSome);
  return 0;
}

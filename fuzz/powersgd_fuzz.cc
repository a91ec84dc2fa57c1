// Arbitrary bytes as a powersgd message. The first 3 bytes choose settings and layout.
#include "shoal/codec/powersgd.h"

#include "fuzz/codec_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  PowerSgdSettings settings;
  settings.rank = 1 + data[0] % 5;
  settings.min_compression = 1.0 + (data[0] >> 5);
  Layout layout;
  layout.add("matrix", {data[1] % 24u, data[2] % 24u});
  layout.add("bias", {data[1] % 24u});
  layout.add("kernel", {data[2] % 5u, 2, 3, 3});
  fuzz_message(fuzz_table("powersgd", settings), layout, bytes_behind(data, size, 3),
               Chance::kSome);
  return 0;
}

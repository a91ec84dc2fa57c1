// Arbitrary bytes as a top_k message: an error, or a row that encodes and decodes to itself. The
// first three bytes choose settings and layout.
#include <cmath>
#include <cstdlib>

#include "shoal/codec/codec.h"
#include "shoal/codec/top_k.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 3) return 0;
  TopKSettings settings;
  settings.ratio = 1.0 / (1 + data[0] % 64);
  settings.scope = data[1] & 1 ? Scope::kGlobal : Scope::kLayer;
  settings.index_code = static_cast<IndexCode>((data[1] >> 1) % 6);
  settings.value_type = static_cast<ValueType>((data[1] >> 4) % 3);
  Layout layout;
  layout.add("a", {data[2]});
  layout.add("b", {data[2] % 7u});
  Table table = write_settings(settings);
  table.set("kind", "top_k");
  const auto codec = codecs().make(table, "fuzz");
  require(codec.ok());

  const ByteView message(reinterpret_cast<const std::byte*>(data + 3), size - 3);
  std::vector<float> row(layout.size());
  if (!(*codec)->decode(message, layout, shared_draws(1, 0), row).ok()) return 0;
  for (const float value : row) require(std::isfinite(value));
  ByteWriter out;
  require((*codec)->encode(row, layout, codec_draws(1, 0, 0), out).ok());
  std::vector<float> again(layout.size());
  require((*codec)->decode(out.bytes(), layout, shared_draws(1, 0), again).ok());
  require(row == again);
  return 0;
}

// Arbitrary bytes as a dense message: an error, or a row that encodes to the same bytes. The first
// two bytes choose the value type and the layout.
#include <cmath>
#include <cstdlib>

#include "shoal/codec/codec.h"
#include "shoal/codec/dense.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace shoal;
  if (size < 2) return 0;
  DenseSettings settings;
  settings.value_type = static_cast<ValueType>(data[0] % 3);
  Layout layout;
  layout.add("a", {data[1]});
  Table table = write_settings(settings);
  table.set("kind", "dense");
  const auto codec = codecs().make(table, "fuzz");
  require(codec.ok());

  const ByteView message(reinterpret_cast<const std::byte*>(data + 2), size - 2);
  std::vector<float> row(layout.size());
  if (!(*codec)->decode(message, layout, shared_draws(1, 0), row).ok()) return 0;
  for (const float value : row) require(std::isfinite(value));
  ByteWriter out;
  require((*codec)->encode(row, layout, codec_draws(1, 0, 0), out).ok());
  require(std::equal(message.begin(), message.end(), out.bytes().begin(), out.bytes().end()));
  return 0;
}

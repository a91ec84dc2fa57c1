// Arbitrary bytes as a checkpoint file: an error, or a state that is all of the file but its foot.
// With the first byte odd the foot is made right but for size and number, so that these are
// reached too.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shoal/net/checkpoint_store.h"

namespace {

constexpr std::size_t kFootBytes = 96;

// Run, digest, magic, format.
void make_right(shoal::Bytes& file) {
  file.resize(file.size() - 80);
  shoal::ByteWriter out;
  out.raw(file);
  out.raw(shoal::sha256(shoal::as_bytes("fuzz")));
  out.raw(shoal::sha256(out.bytes()));
  out.raw(shoal::as_bytes("shoalchk"));
  out.number<std::uint64_t>(1);
  file = std::move(out).take();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  shoal::Bytes file(begin + 1, begin + size);
  if (data[0] % 2 == 1 && file.size() >= kFootBytes) make_right(file);
  const auto checkpoint = shoal::parse_checkpoint(file, "fuzz");
  if (!checkpoint.ok()) return 0;
  SHOAL_CHECK(checkpoint->state.size() + kFootBytes == file.size(), "a byte was lost");
  SHOAL_CHECK(std::equal(checkpoint->state.begin(), checkpoint->state.end(), file.begin()),
              "the state changed");
  return 0;
}

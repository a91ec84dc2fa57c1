// Arbitrary bytes as a checkpoint file: an error, or a state that is all of the file but its foot.
// With the first byte odd the digest is made right, so that what it guards is reached too.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shoal/net/checkpoint_store.h"

namespace {

constexpr std::size_t kFootBytes = 96;
constexpr std::size_t kDigestFromEnd = 48;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 1) return 0;
  const auto* begin = reinterpret_cast<const std::byte*>(data);
  shoal::Bytes file(begin + 1, begin + size);
  if (data[0] % 2 == 1 && file.size() >= kFootBytes) {
    const shoal::Digest digest =
        shoal::sha256(shoal::ByteView(file).first(file.size() - kDigestFromEnd));
    std::copy(digest.begin(), digest.end(), file.end() - kDigestFromEnd);
  }
  const auto checkpoint = shoal::parse_checkpoint(file, "fuzz");
  if (!checkpoint.ok()) return 0;
  SHOAL_CHECK(checkpoint->state.size() + kFootBytes == file.size(), "a byte was lost");
  SHOAL_CHECK(std::equal(checkpoint->state.begin(), checkpoint->state.end(), file.begin()),
              "the state changed");
  return 0;
}

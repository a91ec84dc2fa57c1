// Test support: the spoiled versions of a file that a reader has to survive.
#pragma once

#include <string>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/random.h"

namespace shoal {

struct SpoiledFile {
  std::string how;
  Bytes bytes;
};

// Cut at every byte; each bit of [bits_begin, bits_end) flipped; 4- and 8-byte lengths of 0, 1,
// 2^31, 2^32, 2^63 and 2^64-1 at every offset of that range; garbage before, behind and instead.
inline std::vector<SpoiledFile> spoiled_versions(const Bytes& good, std::size_t bits_begin,
                                                 std::size_t bits_end) {
  std::vector<SpoiledFile> all;
  for (std::size_t size = 0; size < good.size(); ++size)
    all.push_back({"cut to " + std::to_string(size), Bytes(good.begin(), good.begin() + size)});
  for (std::size_t bit = 8 * bits_begin; bit < 8 * bits_end; ++bit) {
    Bytes bytes = good;
    bytes[bit / 8] ^= std::byte{1} << (bit % 8);
    all.push_back({"bit " + std::to_string(bit) + " flipped", std::move(bytes)});
  }
  const std::uint64_t lengths[] = {0,
                                   1,
                                   std::uint64_t{1} << 31,
                                   std::uint64_t{1} << 32,
                                   std::uint64_t{1} << 63,
                                   ~std::uint64_t{0}};
  for (std::size_t at = bits_begin; at < bits_end; ++at)
    for (const std::uint64_t length : lengths)
      for (const std::size_t width : {std::size_t{4}, std::size_t{8}}) {
        Bytes bytes = good;
        if (at + width > bytes.size()) continue;
        std::memcpy(bytes.data() + at, &length, width);
        if (bytes == good) continue;
        all.push_back(
            {"length " + std::to_string(length) + " at " + std::to_string(at), std::move(bytes)});
      }
  RandomStream random(16, purpose("garbage"));
  for (std::size_t i = 0; i < 100; ++i) {
    Bytes garbage(random.below(200));
    for (std::byte& byte : garbage) byte = static_cast<std::byte>(random.below(256));
    all.push_back({"garbage", garbage});
    if (garbage.empty()) continue;
    Bytes before = garbage;
    before.insert(before.end(), good.begin(), good.end());
    all.push_back({"garbage before", std::move(before)});
    Bytes behind = good;
    behind.insert(behind.end(), garbage.begin(), garbage.end());
    all.push_back({"garbage behind", std::move(behind)});
  }
  return all;
}

}  // namespace shoal

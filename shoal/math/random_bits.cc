#include "shoal/math/random_bits.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "shoal/math/random_bits.cc"
#define HWY_DISABLED_TARGETS (HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using WideTag = HWY_CAPPED(std::uint64_t, 8);
using Wide = hn::Vec<WideTag>;
constexpr std::size_t kLanes = hn::MaxLanes(WideTag());

constexpr std::uint64_t kMultiplier0 = 0xD2511F53, kMultiplier1 = 0xCD9E8D57;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9, kWeyl1 = 0xBB67AE85;

// The products of the low halves of the lanes.
HWY_INLINE Wide product(Wide x, Wide y) {
#if HWY_TARGET == HWY_SCALAR
  return hn::Set(WideTag(), (hn::GetLane(x) & 0xffffffffu) * (hn::GetLane(y) & 0xffffffffu));
#else
  const hn::Repartition<std::uint32_t, WideTag> words;
  return hn::MulEven(hn::BitCast(words, x), hn::BitCast(words, y));
#endif
}

// One block a 64-bit lane; of every counter word only the low half of its lane counts, so that the
// low half of a product is the product itself.
struct Blocks {
  Wide c0, c1, c2, c3;

  HWY_INLINE void round(Wide key0, Wide key1) {
    const WideTag d;
    const Wide p0 = product(c0, hn::Set(d, kMultiplier0));
    const Wide p1 = product(c2, hn::Set(d, kMultiplier1));
    c0 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c1), key0);
    c2 = hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c3), key1);
    c1 = p1;
    c3 = p0;
  }
  HWY_INLINE void store(std::uint64_t* out) const {
    const WideTag d;
    const Wide low = hn::Set(d, 0xffffffffu);
    hn::StoreInterleaved2(hn::Or(hn::And(c0, low), hn::ShiftLeft<32>(c1)),
                          hn::Or(hn::And(c2, low), hn::ShiftLeft<32>(c3)), d, out);
  }
};

// The keys of ten rounds, each once a lane.
struct RoundKeys {
  HWY_ALIGN std::uint64_t first[10][kLanes], second[10][kLanes];

  explicit RoundKeys(const std::uint32_t* key) {
    std::uint32_t key0 = key[0], key1 = key[1];
    for (std::size_t round = 0; round < 10; ++round, key0 += kWeyl0, key1 += kWeyl1)
      for (std::size_t lane = 0; lane < kLanes; ++lane) {
        first[round][lane] = key0;
        second[round][lane] = key1;
      }
  }
};

// 2 kLanes blocks from counter[0] on; the two halves hide each other's latency.
HWY_INLINE void make_blocks(const RoundKeys& keys, const std::uint32_t* counter,
                            std::uint64_t* out) {
  const WideTag d;
  const Wide low = hn::Set(d, 0xffffffffu);
  const Wide first = hn::Iota(d, counter[0]);
  Blocks a{first, hn::Set(d, counter[1]), hn::Set(d, counter[2]), hn::Set(d, counter[3])};
  Blocks b = a;
  b.c0 = hn::And(hn::Add(first, hn::Set(d, kLanes)), low);
  for (std::size_t round = 0; round < 10; ++round) {
    const Wide k0 = hn::Load(d, keys.first[round]), k1 = hn::Load(d, keys.second[round]);
    a.round(k0, k1);
    b.round(k0, k1);
  }
  a.store(out);
  b.store(out + 2 * kLanes);
}

// `blocks` blocks of four words.
void philox_kernel(const std::uint32_t* key, const std::uint32_t* counter, std::size_t blocks,
                   std::uint32_t* out) {
  constexpr std::size_t kStep = 2 * kLanes;
  const RoundKeys keys(key);
  HWY_ALIGN std::uint64_t made[2 * kStep];
  std::uint32_t at[4] = {counter[0], counter[1], counter[2], counter[3]};
  for (; blocks >= kStep; blocks -= kStep, out += 4 * kStep) {
    make_blocks(keys, at, made);
    hwy::CopyBytes<16 * kStep>(made, out);
    at[0] += static_cast<std::uint32_t>(kStep);
  }
  if (blocks == 0) return;
  make_blocks(keys, at, made);
  for (std::size_t block = 0; block < blocks; ++block)
    hwy::CopyBytes<16>(made + 2 * block, out + 4 * block);
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace shoal {

HWY_EXPORT(philox_kernel);

void fill_bits(RandomStream& stream, std::span<std::uint32_t> out) {
  std::size_t at = 0;
  while (at < out.size() && stream.words_left() > 0) out[at++] = stream.bits32();
  const std::size_t blocks = (out.size() - at) / 4;
  HWY_DYNAMIC_DISPATCH(philox_kernel)
  (stream.key().data(), stream.next_counter().data(), blocks, out.data() + at);
  if (blocks > 0) stream.skip_blocks(static_cast<std::uint32_t>(blocks));
  for (at += 4 * blocks; at < out.size(); ++at) out[at] = stream.bits32();
}

}  // namespace shoal
#endif  // HWY_ONCE

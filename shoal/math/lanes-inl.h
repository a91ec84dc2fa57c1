// Sixteen virtual lanes: how sums come out with the same bits on every processor.
//
// A float sum depends on its order, and the natural order of SIMD code depends on the register
// width. Here element i always goes to lane i mod 16 and the 16 lanes are folded in one fixed tree,
// whether the hardware holds a lane set in one register (AVX-512), two (AVX2), four (SSE, NEON) or
// none. Multiplications and additions stay separate: a fused one would round differently.
//
// Included once per target by the .cc files that use Highway's foreach_target.h.
#if defined(SHOAL_MATH_LANES_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef SHOAL_MATH_LANES_INL_H
#undef SHOAL_MATH_LANES_INL_H
#else
#define SHOAL_MATH_LANES_INL_H
#endif

#include <cstddef>
#include <hwy/cache_control.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace shoal::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

inline constexpr std::size_t kLanes = 16;
// Float lanes are folded after this many elements and the folds added in double, so an error grows
// with 64 additions and not with the length of the row.
inline constexpr std::size_t kLaneBlock = 1024;

using FloatTag = HWY_CAPPED(float, 16);
using DoubleTag = HWY_CAPPED(double, 16);
using FloatVec = hn::Vec<FloatTag>;
using DoubleVec = hn::Vec<DoubleTag>;
inline constexpr std::size_t kFloatStep = hn::MaxLanes(FloatTag());
inline constexpr std::size_t kDoubleStep = hn::MaxLanes(DoubleTag());
inline constexpr std::size_t kFloatGroups = kLanes / kFloatStep;
inline constexpr std::size_t kDoubleGroups = kLanes / kDoubleStep;

template <class T>
HWY_INLINE T fold_lanes(T* lanes) {
  for (std::size_t width = kLanes / 2; width > 0; width /= 2)
    for (std::size_t lane = 0; lane < width; ++lane) lanes[lane] += lanes[lane + width];
  return lanes[0];
}

// The same tree in registers: sums[g] holds the lanes from g * kFloatStep on.
#if HWY_TARGET == HWY_SCALAR
HWY_INLINE float fold_groups(const FloatVec* sums) {
  float lanes[kLanes];
  for (std::size_t g = 0; g < kLanes; ++g) lanes[g] = hn::GetLane(sums[g]);
  return fold_lanes(lanes);
}
#else
template <class Tag>
HWY_INLINE float fold_vector(Tag, hn::Vec<Tag> v) {
  if constexpr (hn::MaxLanes(Tag()) > 4) {
    const hn::Half<Tag> half;
    return fold_vector(half, hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)));
  } else {
    v = hn::Add(v, hn::Shuffle1032(v));
    return hn::GetLane(hn::Add(v, hn::Shuffle2301(v)));
  }
}
HWY_INLINE float fold_groups(const FloatVec* sums) {
  FloatVec rest[kFloatGroups];
  for (std::size_t g = 0; g < kFloatGroups; ++g) rest[g] = sums[g];
  for (std::size_t width = kFloatGroups / 2; width > 0; width /= 2)
    for (std::size_t g = 0; g < width; ++g) rest[g] = hn::Add(rest[g], rest[g + width]);
  return fold_vector(FloatTag(), rest[0]);
}
#endif

// Asks memory for the next block of all rows while this one is worked on, so many steps long: a few
// cache lines a step, row by row.
class ReadAhead {
 public:
  // The first `floats` behind each of next[0..rows).
  ReadAhead(const float* const* next, std::size_t rows, std::size_t floats, std::size_t steps)
      : next_(next),
        floats_(floats),
        lines_(rows * ((floats + kLanes - 1) / kLanes)),
        steps_(steps) {}

  HWY_INLINE void step() {
    for (due_ += lines_; due_ >= steps_; due_ -= steps_) {
      hwy::Prefetch(*next_ + at_);
      at_ += kLanes;
      if (at_ < floats_) continue;
      at_ = 0;
      ++next_;
    }
  }

 private:
  const float* const* next_;
  std::size_t floats_, lines_, steps_;
  std::size_t at_ = 0;   // in the row
  std::size_t due_ = 0;  // lines, in parts of a step
};

// The floats from `from` as doubles.
HWY_INLINE DoubleVec load_as_double(const float* from) {
  const DoubleTag d;
  return hn::PromoteTo(d, hn::LoadU(hn::Rebind<float, DoubleTag>(), from));
}

}  // namespace shoal::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // SHOAL_MATH_LANES_INL_H

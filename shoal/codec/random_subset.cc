#include "shoal/codec/random_subset.h"

#include <algorithm>
#include <bit>

#include "shoal/base/check.h"
#include "shoal/math/random_bits.h"

namespace shoal {
namespace {

constexpr std::size_t kWordsAtATime = 1024;

// Marks `count` different numbers below n, each draw uniform (Lemire 2019: the high half of a
// product, redrawn in the biased sliver).
void mark_random(RandomStream& stream, std::uint32_t n, std::size_t count,
                 std::vector<std::uint64_t>& marks) {
  const std::uint32_t biased_below = (0 - n) % n;
  std::uint32_t words[kWordsAtATime];
  while (count > 0) {
    const std::size_t drawn = std::min(count, kWordsAtATime);
    fill_bits(stream, std::span(words, drawn));
    for (std::size_t w = 0; w < drawn; ++w) {
      const std::uint64_t product = std::uint64_t{words[w]} * n;
      if (static_cast<std::uint32_t>(product) < biased_below) continue;
      const std::uint64_t pick = product >> 32;
      const std::uint64_t bit = std::uint64_t{1} << pick % 64;
      count -= (marks[pick / 64] & bit) == 0;
      marks[pick / 64] |= bit;
    }
  }
}

}  // namespace

void random_subset(RandomStream& stream, std::size_t n, std::size_t k,
                   std::vector<std::uint32_t>& chosen) {
  SHOAL_CHECK(k <= n && n <= 0xffffffffu, "a subset of fewer than 2^32 numbers");
  if (n == 0) return;
  const bool inverted = k > n / 2;
  thread_local std::vector<std::uint64_t> marks;
  marks.assign((n + 63) / 64, 0);
  mark_random(stream, static_cast<std::uint32_t>(n), inverted ? n - k : k, marks);
  std::size_t at = chosen.size();
  chosen.resize(at + k);
  for (std::size_t word = 0; word < marks.size(); ++word) {
    std::uint64_t left = inverted ? ~marks[word] : marks[word];
    if (inverted && word + 1 == marks.size() && n % 64 != 0)
      left &= (std::uint64_t{1} << n % 64) - 1;
    for (; left != 0; left &= left - 1)
      chosen[at++] =
          static_cast<std::uint32_t>(word * 64 + static_cast<unsigned>(std::countr_zero(left)));
  }
}

}  // namespace shoal

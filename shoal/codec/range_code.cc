#include "shoal/codec/range_code.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <vector>

namespace shoal {
namespace {

constexpr unsigned kTotalBits = 12;
constexpr std::uint32_t kTotal = 1u << kTotalBits;
constexpr std::uint32_t kLowest = 1u << 16;  // states lie in [2^16, 2^32)
constexpr std::size_t kStates = 2;

using Frequencies = std::array<std::uint32_t, 256>;

// Frequencies that sum to kTotal, at least 1 for every symbol that occurs.
Frequencies frequencies_of(std::span<const std::uint8_t> symbols) {
  std::array<std::uint64_t, 256> counts{};
  for (const std::uint8_t symbol : symbols) ++counts[symbol];
  Frequencies frequencies{};
  std::uint32_t sum = 0;
  for (std::size_t s = 0; s < 256; ++s) {
    if (counts[s] == 0) continue;
    const std::uint64_t share = counts[s] * kTotal / symbols.size();
    frequencies[s] = std::max<std::uint32_t>(1, static_cast<std::uint32_t>(share));
    sum += frequencies[s];
  }
  // The rounding goes to (or comes from) the most frequent symbol, which notices it least.
  while (sum != kTotal) {
    auto most = std::max_element(frequencies.begin(), frequencies.end());
    if (sum < kTotal) {
      *most += kTotal - sum;
      sum = kTotal;
    } else {
      --*most;
      --sum;
    }
  }
  return frequencies;
}

void write_table(const Frequencies& frequencies, ByteWriter& out) {
  std::size_t largest = 255;
  while (frequencies[largest] == 0) --largest;
  out.number(static_cast<std::uint8_t>(largest));
  for (std::size_t s = 0; s <= largest; ++s) {
    const std::uint32_t frequency = frequencies[s];
    if (frequency >= 0x80) out.number(static_cast<std::uint8_t>(frequency | 0x80));
    out.number(static_cast<std::uint8_t>(frequency >= 0x80 ? frequency >> 7 : frequency));
  }
}

Error bad_levels(const char* what) { return corrupt(std::string("range-coded levels ") + what); }

Status read_table(ByteReader& in, std::uint8_t largest, Frequencies& frequencies) {
  const auto last = in.number<std::uint8_t>();
  if (!last.ok()) return bad_levels("are truncated");
  if (*last > largest) return bad_levels("hold one above the largest");
  std::uint32_t sum = 0;
  for (std::size_t s = 0; s <= *last; ++s) {
    const auto low = in.number<std::uint8_t>();
    if (!low.ok()) return bad_levels("are truncated");
    std::uint32_t frequency = *low;
    if (frequency >= 0x80) {
      const auto high = in.number<std::uint8_t>();
      if (!high.ok()) return bad_levels("are truncated");
      if (*high == 0 || *high > 0x20)
        return bad_levels("have a frequency that is not their code's");
      frequency = (frequency & 0x7f) | std::uint32_t{*high} << 7;
    }
    frequencies[s] = frequency;
    sum += frequency;
  }
  if (sum != kTotal) return bad_levels("have frequencies that do not sum to 4096");
  return ok_status();
}

struct Slot {
  std::uint16_t frequency;
  std::uint16_t offset;  // of the slot within its symbol's
  std::uint8_t symbol;
};

void fill_slots(const Frequencies& frequencies, std::array<Slot, kTotal>& slots) {
  std::size_t at = 0;
  for (std::size_t s = 0; s < 256; ++s)
    for (std::uint32_t offset = 0; offset < frequencies[s]; ++offset)
      slots[at++] = {static_cast<std::uint16_t>(frequencies[s]), static_cast<std::uint16_t>(offset),
                     static_cast<std::uint8_t>(s)};
}

}  // namespace

void range_encode(std::span<const std::uint8_t> symbols, ByteWriter& out) {
  SHOAL_CHECK(!symbols.empty(), "a range code of something");
  const Frequencies frequencies = frequencies_of(symbols);
  write_table(frequencies, out);
  Frequencies begins{};
  std::exclusive_scan(frequencies.begin(), frequencies.end(), begins.begin(), 0u);
  // The last symbol goes first, so that the reader gets them in order.
  thread_local std::vector<std::uint16_t> words;
  words.clear();
  std::uint32_t states[kStates] = {kLowest, kLowest};
  for (std::size_t i = symbols.size(); i-- > 0;) {
    std::uint32_t& state = states[i % kStates];
    const std::uint32_t frequency = frequencies[symbols[i]];
    if (state >= std::uint64_t{frequency} << (32 - kTotalBits)) {
      words.push_back(static_cast<std::uint16_t>(state));
      state >>= 16;
    }
    state = state / frequency * kTotal + state % frequency + begins[symbols[i]];
  }
  for (const std::uint32_t state : states) out.number(state);
  std::reverse(words.begin(), words.end());
  out.raw(std::as_bytes(std::span<const std::uint16_t>(words)));
}

Status range_decode(ByteView& bytes, std::uint8_t largest, std::span<std::uint8_t> symbols) {
  ByteReader in(bytes);
  Frequencies frequencies{};
  SHOAL_TRY_STATUS(read_table(in, largest, frequencies));
  std::array<Slot, kTotal> slots;
  fill_slots(frequencies, slots);
  std::uint32_t states[kStates];
  for (std::uint32_t& state : states) {
    const auto read = in.number<std::uint32_t>();
    if (!read.ok()) return bad_levels("are truncated");
    state = *read;
    if (state < kLowest) return bad_levels("begin in no state of the code");
  }
  ByteView words = bytes.subspan(in.offset());
  std::size_t at = 0;
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    std::uint32_t& state = states[i % kStates];
    const Slot slot = slots[state & (kTotal - 1)];
    symbols[i] = slot.symbol;
    state = slot.frequency * (state >> kTotalBits) + slot.offset;
    if (state >= kLowest) continue;
    if (words.size() - at < 2) return bad_levels("are truncated");
    std::uint16_t word;
    std::memcpy(&word, words.data() + at, 2);
    at += 2;
    state = state << 16 | word;
  }
  if (states[0] != kLowest || states[1] != kLowest) return bad_levels("end in another state");
  bytes = words.subspan(at);
  return ok_status();
}

}  // namespace shoal

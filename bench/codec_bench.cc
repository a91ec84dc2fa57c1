// Codecs over 25 million floats on one thread: GB/s of the dense row, encoded and decoded, beside
// memcpy in the same run, and bytes an entry. The best of a few rounds. Prints figures, asserts
// nothing; compare within one run only.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <vector>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/math/random_bits.h"

namespace shoal {
namespace {

constexpr std::size_t kEntries = 25'000'000;
constexpr int kRounds = 5;

// Each line is a [codec] table.
constexpr const char* kCodecs[] = {
    "kind = \"dense\"",
    "kind = \"dense\"\nvalue_type = \"f16\"",
    "kind = \"top_k\"\nratio = 0.01",
    "kind = \"top_k\"\nratio = 0.01\nindex_code = \"raw\"",
    "kind = \"top_k\"\nratio = 0.01\nvalues = \"natural\"",
    "kind = \"threshold\"\ntau = 2.6",
    "kind = \"rand_k\"\nratio = 0.01",
    "kind = \"rand_k\"\nratio = 0.01\nseed_mode = \"shared\"",
    "kind = \"random_block\"\nratio = 0.01",
    "kind = \"grbs\"\ncompression_ratio = 100",
    "kind = \"sign\"",
    "kind = \"sign\"\nscaled = false",
    "kind = \"natural\"",
    "kind = \"terngrad\"",
    "kind = \"terngrad\"\npacking = \"two_bit\"",
    "kind = \"qsgd\"\nlevels = 127\ncode = \"fixed\"",
    "kind = \"qsgd\"\nlevels = 127\nbucket = 0\ncode = \"fixed\"",
    "kind = \"qsgd\"\nlevels = 7\ncode = \"fixed\"",
    "kind = \"qsgd\"\nlevels = 7\ncode = \"range\"",
    "kind = \"qsgd\"\nlevels = 1\ncode = \"sparse\"",
    "kind = \"qsgd\"\nlevels = 15\ncode = \"dense\"",
    "kind = \"qsgd\"\nlevels = 15",
};

// GB/s over `bytes`, of the fastest round; the first one fills caches and scratch memory.
template <class Work>
double speed(double bytes, Work work) {
  double best_s = 1e9;
  for (int round = 0; round <= kRounds; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    if (round > 0) best_s = std::min(best_s, taken.count());
  }
  return bytes / best_s / 1e9;
}

void measure(const char* settings, const Layout& layout, const std::vector<float>& row,
             std::vector<float>& decoded) {
  const auto codec = make_codec(parse_toml(settings).value(), "bench").value();
  const Draws draws = codec_draws(1, 0, 0);
  const auto bytes = static_cast<double>(row.size() * sizeof(float));
  ByteWriter out;
  const double encode = speed(bytes, [&] {
    out.clear();
    if (!codec->encode(row, layout, draws, out).ok()) fmt::print("encoding failed\n");
  });
  const double decode = speed(bytes, [&] {
    if (!codec->decode(out.bytes(), layout, draws.shared, decoded).ok())
      fmt::print("decoding failed\n");
  });
  std::string name = settings;
  std::replace(name.begin(), name.end(), '\n', ' ');
  fmt::print("{:<58} {:>8.2f} {:>8.2f} {:>10.4f}\n", name, encode, decode,
             static_cast<double>(out.size()) / static_cast<double>(row.size()));
}

void run() {
  Layout layout;
  layout.add("row", {kEntries});
  std::vector<float> row(kEntries), other(kEntries);
  RandomStream stream(1, purpose("codec bench"));
  for (float& value : row) value = static_cast<float>(stream.normal());
  const double bytes = static_cast<double>(kEntries * sizeof(float));
  fmt::print("{:<58} {:>8} {:>8} {:>10}\n", "GB/s of 25 million floats", "encode", "decode",
             "bytes each");
  const double copy =
      speed(bytes, [&] { std::memcpy(other.data(), row.data(), kEntries * sizeof(float)); });
  fmt::print("{:<58} {:>8.2f}\n", "memcpy", copy);
  std::vector<std::uint32_t> words(1 << 12);
  const double bits = speed(bytes, [&] {
    RandomStream draws(1, purpose("codec bench"));
    for (std::size_t i = 0; i < kEntries; i += words.size()) fill_bits(draws, words);
  });
  fmt::print("{:<58} {:>8.2f}\n", "random words", bits);
  for (const char* settings : kCodecs) measure(settings, layout, row, other);
}

}  // namespace
}  // namespace shoal

int main() { shoal::run(); }

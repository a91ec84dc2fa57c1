// Codecs over 25 million floats: GB/s of the dense row, encoded and decoded, beside memcpy in the
// same run, and bytes an entry; on one thread, and with two that encode a row each. The best of a
// few rounds. Prints figures, asserts nothing; compare within one run only.
//
// The last table is what shoal/codec/work.cc holds: nanoseconds an entry, and the speed of matrix
// products they belong to.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <thread>
#include <vector>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/codec/feedback.h"
#include "shoal/math/product.h"
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
    "kind = \"powersgd\"\nrank = 1",
    "kind = \"powersgd\"\nrank = 4",
};

// One a kind, as shoal/codec/work.cc has it.
constexpr const char* kCalibrated[] = {
    "kind = \"dense\"\nvalue_type = \"f16\"",
    "kind = \"top_k\"\nratio = 0.01",
    "kind = \"threshold\"\ntau = 2.6",
    "kind = \"rand_k\"\nratio = 0.01",
    "kind = \"random_block\"\nratio = 0.01",
    "kind = \"grbs\"\ncompression_ratio = 100",
    "kind = \"sign\"",
    "kind = \"natural\"",
    "kind = \"terngrad\"",
    "kind = \"qsgd\"\nlevels = 127\ncode = \"fixed\"",
    "kind = \"qsgd\"\nlevels = 7\ncode = \"range\"",
    "kind = \"atomo\"\natoms = \"element\"\nbudget = 250000",
    "kind = \"powersgd\"\nrank = 1",
    "kind = \"powersgd\"\nrank = 2",
    "kind = \"powersgd\"\nrank = 4",
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

std::unique_ptr<Codec> codec_of(const char* settings) {
  return make_codec(parse_toml(settings).value(), "bench").value();
}
std::string one_line(std::string settings) {
  std::replace(settings.begin(), settings.end(), '\n', ' ');
  return settings;
}
Layout layout_of(std::uint32_t rows, std::uint32_t columns) {
  Layout layout;
  layout.add("row", {rows, columns});
  return layout;
}

struct Speeds {
  double encode = 0.0;  // GB/s
  double decode = 0.0;
  double bytes_each = 0.0;
};

Speeds speeds_of(const Codec& codec, const Layout& layout, std::span<const float> row) {
  const Draws draws = codec_draws(1, 0, 0);
  const auto bytes = static_cast<double>(row.size_bytes());
  ByteWriter out;
  std::vector<float> decoded(row.size());
  Speeds speeds;
  speeds.encode = speed(bytes, [&] {
    out.clear();
    if (!codec.encode(row, layout, draws, out).ok()) fmt::print("encoding failed\n");
  });
  speeds.decode = speed(bytes, [&] {
    if (!codec.decode(out.bytes(), layout, draws.shared, decoded).ok())
      fmt::print("decoding failed\n");
  });
  speeds.bytes_each = static_cast<double>(out.size()) / static_cast<double>(row.size());
  return speeds;
}

// Two threads, a row each: GB/s of both together.
Speeds speeds_of_two(const Codec& codec, const Layout& layout, std::span<const float> row) {
  Speeds both[2];
  std::thread other([&] { both[1] = speeds_of(codec, layout, row); });
  both[0] = speeds_of(codec, layout, row);
  other.join();
  return {both[0].encode + both[1].encode, both[0].decode + both[1].decode, both[0].bytes_each};
}

void measure_all(std::span<const float> row) {
  const Layout layout = layout_of(5000, 5000);
  fmt::print("{:<58} {:>8} {:>8} {:>10} {:>8} {:>8}\n", "GB/s of 25 million floats", "encode",
             "decode", "bytes each", "2 enc.", "2 dec.");
  for (const char* settings : kCodecs) {
    const auto codec = codec_of(settings);
    const Speeds one = speeds_of(*codec, layout, row);
    const Speeds two = speeds_of_two(*codec, layout, row);
    fmt::print("{:<58} {:>8.2f} {:>8.2f} {:>10.4f} {:>8.2f} {:>8.2f}\n", one_line(settings),
               one.encode, one.decode, one.bytes_each, two.encode, two.decode);
  }
}

// Encoding of rank r against the two products M Q and M' P that it needs.
void measure_powersgd(std::span<const float> row) {
  constexpr std::size_t kSide = 5000, kRank = 4, kBlock = 64;
  std::vector<float> q(kSide * kRank, 0.5f), p(kSide * kRank);
  const auto bytes = static_cast<double>(row.size_bytes());
  const double products = speed(bytes, [&] {
    multiply({row.data(), kSide, kSide, kSide}, {q.data(), kSide, kRank, kRank},
             {p.data(), kSide, kRank, kRank}, Into::kOverwrite);
    for (std::size_t at = 0; at < kSide; at += kBlock) {
      const std::size_t rows = std::min(kBlock, kSide - at);
      multiply({p.data() + at, kRank, rows, kSide}, {row.data() + at * kSide, rows, kSide, kSide},
               {q.data(), kRank, kSide, kSide}, at == 0 ? Into::kOverwrite : Into::kAdd);
    }
  });
  const Layout layout = layout_of(kSide, kSide);
  const double encode = speeds_of(*codec_of("kind = \"powersgd\"\nrank = 4"), layout, row).encode;
  fmt::print(
      "powersgd rank 4 of 5000 x 5000: its two products {:.2f} GB/s, encoding takes {:.2f} "
      "times as long\n",
      products, products / encode);
}

double product_gflops() {
  constexpr std::size_t kSide = 256;
  std::vector<float> a(kSide * kSide, 1.0f), b(a), c(a);
  const double flops = 2.0 * kSide * kSide * kSide;
  return speed(flops, [&] {
    multiply({a.data(), kSide, kSide, kSide}, {b.data(), kSide, kSide, kSide},
             {c.data(), kSide, kSide, kSide}, Into::kOverwrite);
  });
}

double nanoseconds(double gb_per_s) { return 4.0 / gb_per_s; }

void calibrate(std::span<const float> row) {
  fmt::print("\nfor shoal/codec/work.cc: matrix products {:.1f} GFLOP/s; ns an entry\n",
             product_gflops());
  const Layout layout = layout_of(5000, 5000);
  for (const char* settings : kCalibrated) {
    const Speeds one = speeds_of(*codec_of(settings), layout, row);
    fmt::print("  {:<44} encode {:.2f}, decode {:.2f}\n", one_line(settings),
               nanoseconds(one.encode), nanoseconds(one.decode));
  }
  const Layout small = layout_of(512, 784);
  const Speeds spectral = speeds_of(*codec_of("kind = \"atomo\"\natoms = \"spectral\"\nbudget = 3"),
                                    small, row.first(small.size()));
  fmt::print(
      "  atomo spectral, per entry and smaller side (512 x 784): encode {:.3f}, decode "
      "{:.2f} (per entry)\n",
      nanoseconds(spectral.encode) / 512, nanoseconds(spectral.decode));
  const auto codec = codec_of("kind = \"top_k\"\nratio = 0.01");
  const double without = speeds_of(*codec, layout, row).encode;
  FeedbackSettings ef;
  ef.kind = FeedbackKind::kEf;
  FeedbackSender<float> sender(make_feedback(ef, *codec, layout).value(), row.size());
  ByteWriter out;
  const double with = speed(static_cast<double>(row.size_bytes()), [&] {
    out.clear();
    if (!sender.encode(*codec, row, layout, codec_draws(1, 0, 0), out).ok())
      fmt::print("encoding failed\n");
    sender.settle(true);
  });
  fmt::print("  feedback, beside its codec: {:.2f}\n", nanoseconds(with) - nanoseconds(without));
}

void run() {
  std::vector<float> row(kEntries), other(kEntries);
  RandomStream stream(1, purpose("codec bench"));
  for (float& value : row) value = static_cast<float>(stream.normal());
  const double bytes = static_cast<double>(kEntries * sizeof(float));
  const double copy =
      speed(bytes, [&] { std::memcpy(other.data(), row.data(), kEntries * sizeof(float)); });
  fmt::print("memcpy {:.2f} GB/s", copy);
  std::vector<std::uint32_t> words(1 << 12);
  const double bits = speed(bytes, [&] {
    RandomStream draws(1, purpose("codec bench"));
    for (std::size_t i = 0; i < kEntries; i += words.size()) fill_bits(draws, words);
  });
  fmt::print(", random words {:.2f} GB/s\n", bits);
  measure_all(row);
  measure_powersgd(row);
  calibrate(row);
}

}  // namespace
}  // namespace shoal

int main() { shoal::run(); }

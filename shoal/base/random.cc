#include "shoal/base/random.h"

#include <Random123/philox.h>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "shoal/base/check.h"
#include "shoal/base/portable_math.h"

namespace shoal {
namespace {

constexpr const char* kExhausted = "a random stream ran through its 2^34 numbers";

}  // namespace

RandomStream::RandomStream(std::uint64_t seed, Purpose purpose, std::uint32_t node,
                           std::uint32_t step)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)},
      counter_{0, step, node, static_cast<std::uint32_t>(purpose)} {}

void RandomStream::refill() {
  const r123::Philox4x32::ctr_type counter = {{counter_[0], counter_[1], counter_[2], counter_[3]}};
  const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
  const auto out = r123::Philox4x32()(counter, key);
  std::copy(out.begin(), out.end(), block_.begin());
  ++counter_[0];
  SHOAL_CHECK(counter_[0] != 0, kExhausted);
  used_ = 0;
}

void RandomStream::skip_blocks(std::uint32_t count) {
  SHOAL_CHECK(used_ == 4, "blocks are skipped from the end of a block");
  SHOAL_CHECK(counter_[0] + count >= count, kExhausted);
  counter_[0] += count;
}

std::uint32_t RandomStream::bits32() {
  if (used_ == 4) refill();
  return block_[used_++];
}

std::uint64_t RandomStream::bits64() {
  const std::uint64_t low = bits32();
  return low | (static_cast<std::uint64_t>(bits32()) << 32);
}

double RandomStream::uniform() { return static_cast<double>(bits64() >> 11) * 0x1.0p-53; }

double RandomStream::uniform_positive() {
  return static_cast<double>((bits64() >> 11) + 1) * 0x1.0p-53;
}

std::uint64_t RandomStream::below(std::uint64_t bound) {
  SHOAL_CHECK(bound >= 1, "below(0)");
  // Lemire 2019: the high half of a 128-bit product, redrawn in the biased sliver.
  unsigned __int128 product = static_cast<unsigned __int128>(bits64()) * bound;
  if (static_cast<std::uint64_t>(product) < bound) {
    const std::uint64_t threshold = (0 - bound) % bound;
    while (static_cast<std::uint64_t>(product) < threshold)
      product = static_cast<unsigned __int128>(bits64()) * bound;
  }
  return static_cast<std::uint64_t>(product >> 64);
}

double RandomStream::normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  for (;;) {
    const double u = 2.0 * uniform() - 1.0;
    const double v = 2.0 * uniform() - 1.0;
    const double s = u * u + v * v;
    if (s >= 1.0 || s == 0.0) continue;
    const double factor = std::sqrt(-2.0 * portable_log(s) / s);
    spare_normal_ = v * factor;
    has_spare_normal_ = true;
    return u * factor;
  }
}

double RandomStream::exponential() { return -portable_log(uniform_positive()); }

double RandomStream::gamma(double alpha) { return portable_exp(log_gamma_draw(alpha)); }

double RandomStream::log_gamma_draw(double alpha) {
  SHOAL_CHECK(alpha > 0.0 && std::isfinite(alpha), "gamma needs a finite alpha > 0");
  if (alpha < 1.0) return log_gamma_draw(alpha + 1.0) + portable_log(uniform_positive()) / alpha;
  const double d = alpha - 1.0 / 3.0;
  const double c = 1.0 / std::sqrt(9.0 * d);
  for (;;) {
    const double x = normal();
    const double t = 1.0 + c * x;
    if (t <= 0.0) continue;
    const double v = t * t * t;
    const double log_v = portable_log(v);
    if (portable_log(uniform_positive()) < 0.5 * x * x + d - d * v + d * log_v)
      return portable_log(d) + log_v;
  }
}

std::vector<double> RandomStream::dirichlet(std::span<const double> alpha) {
  SHOAL_CHECK(!alpha.empty(), "dirichlet of nothing");
  std::vector<double> draw(alpha.size());
  for (std::size_t i = 0; i < alpha.size(); ++i) draw[i] = log_gamma_draw(alpha[i]);
  const double largest = *std::max_element(draw.begin(), draw.end());
  double total = 0.0;
  for (double& value : draw) {
    value = portable_exp(value - largest);
    total += value;
  }
  for (double& value : draw) value /= total;
  return draw;
}

std::vector<std::uint32_t> RandomStream::permutation(std::size_t n) {
  std::vector<std::uint32_t> order(n);
  std::iota(order.begin(), order.end(), 0u);
  shuffle(std::span<std::uint32_t>(order));
  return order;
}

std::vector<std::uint32_t> RandomStream::sample(std::size_t n, std::size_t k) {
  SHOAL_CHECK(k <= n, "a sample larger than its population");
  std::vector<std::uint32_t> chosen;  // kept sorted
  chosen.reserve(k);
  for (std::size_t j = n - k; j < n; ++j) {
    auto pick = static_cast<std::uint32_t>(below(j + 1));
    auto place = std::lower_bound(chosen.begin(), chosen.end(), pick);
    if (place != chosen.end() && *place == pick) {
      pick = static_cast<std::uint32_t>(j);
      place = chosen.end();
    }
    chosen.insert(place, pick);
  }
  return chosen;
}

}  // namespace shoal

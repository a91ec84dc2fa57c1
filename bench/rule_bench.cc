// Rules and the stages before them over n rows of d floats: milliseconds, and their share of the
// bandwidth of a copy of the same rows in the same run (read once and written once would be 1), on
// one thread and on two; then how the time grows in d and in n, as the slope of its logarithm. The
// best of a few rounds. Prints figures, asserts nothing; compare within one run only.
//
//   rule_bench             n in 10, 25, 50, 100 and d in 1e5, 1e6; n = 10 with d = 25e6 as well
//   rule_bench krum nnm    only kinds that contain one of the words
//   rule_bench 25x1000000  only this n and d
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <string>
#include <vector>

#include "shoal/base/random.h"
#include "shoal/base/thread_pool.h"
#include "shoal/base/toml.h"
#include "shoal/math/vector.h"
#include "shoal/rule/rule.h"

namespace shoal {
namespace {

struct Size {
  std::size_t n;
  std::size_t d;
  bool operator<(const Size& other) const { return std::pair(n, d) < std::pair(other.n, other.d); }
};
const std::vector<Size> kSizes{{10, 100'000},   {25, 100'000},    {50, 100'000},
                               {100, 100'000},  {10, 1'000'000},  {25, 1'000'000},
                               {50, 1'000'000}, {100, 1'000'000}, {10, 25'000'000}};

// What kinds need beside their name; whole catalogues are timed.
const std::map<std::string, std::string> kSettings{
    {"mean", "weighted = false"},
    {"zeno", "trim = 1"},
    {"mud_hog", "min_points = 3"},
    {"majority_vote", "no_majority = \"lowest\""},
    {"hierarchy", "rule = \"coordinate_median\""},
};

// Stands for a model whose losses cost nothing: Zeno alone, without its forward passes.
class FreeLoss : public ValidationLoss {
 public:
  double before() const override { return 0.0; }
  double after(std::span<const float> row) const override { return row[0]; }
};

struct Timed {
  std::string kind;
  bool stage = false;
};

std::vector<Timed> all_timed() {
  std::vector<Timed> all;
  for (const auto& entry : rules().entries()) all.push_back({entry.name});
  for (const auto& entry : pre_aggregators().entries()) all.push_back({entry.name, true});
  return all;
}

// Seconds of the fastest of enough rounds to fill a second, at least three.
template <class Work>
double best_s(Work work) {
  double best = 1e9, all = 0.0;
  for (int round = 0; round < 3 || (all < 1.0 && round < 20); ++round) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
    best = std::min(best, taken.count());
    all += taken.count();
  }
  return best;
}

std::vector<float> random_rows(std::size_t count) {
  std::vector<float> all(count);
  RandomStream stream(1, purpose("rule bench"));
  // A normal a coordinate would take longer than all rules; a sum of two uniforms is as good.
  for (float& value : all) {
    const std::uint32_t bits = stream.bits32();
    value = (static_cast<float>(bits & 0xffff) + static_cast<float>(bits >> 16)) / 65536.0f - 1.0f;
  }
  return all;
}

RoundView round_of(std::span<const float> all, const Size& size, ThreadPool* pool) {
  RoundView round;
  for (std::uint32_t i = 0; i < size.n; ++i) {
    round.rows.push_back(all.subspan(i * size.d, size.d));
    round.senders.push_back(i);
    round.weights.push_back(1.0 / static_cast<double>(size.n));
  }
  round.declared_faults = size.n / 5;
  round.trusted = round.rows[0];
  static const FreeLoss free_loss;
  round.validation = &free_loss;
  round.pool = pool;
  return round;
}

Table table_of(const Timed& timed) {
  const auto settings = kSettings.find(timed.kind);
  Table table = settings == kSettings.end() ? Table() : parse_toml(settings->second).value();
  table.set("kind", timed.kind);
  return table;
}

// Rows of which three neighbours at a time are equal: a vote that differs ends at the first byte.
std::vector<float> equal_in_threes(const RoundView& round) {
  std::vector<float> all;
  all.reserve(round.size() * round.dimension());
  for (std::size_t i = 0; i < round.size(); ++i)
    all.insert(all.end(), round.rows[i / 3 * 3].begin(), round.rows[i / 3 * 3].end());
  return all;
}

// Seconds, or a negative number where (n, f) is refused.
double seconds_of(const Timed& timed, RoundView round, std::span<float> out) {
  std::vector<float> voters;
  if (timed.kind == "majority_vote") {
    voters = equal_in_threes(round);
    const std::size_t d = round.dimension();
    for (std::size_t i = 0; i < round.size(); ++i)
      round.rows[i] = std::span<const float>(voters).subspan(i * d, d);
  }
  Status status;
  double taken = 0.0;
  if (timed.stage) {
    const auto stage = pre_aggregators().make(table_of(timed), timed.kind).value();
    if (!stage->check(round.size(), round.declared_faults).ok()) return -1.0;
    MadeRows made;
    taken = best_s([&] {
      const auto rows = stage->transform(round, made);
      if (!rows.ok()) status = rows.error();
    });
  } else {
    const auto rule = rules().make(table_of(timed), timed.kind).value();
    if (!rule->check(round.size(), round.declared_faults).ok()) return -1.0;
    taken = best_s([&] {
      const auto selection = rule->aggregate(round, out.first(round.dimension()));
      if (!selection.ok()) status = selection.error();
    });
  }
  if (!status.ok()) fmt::print("{}\n", status.error().message);
  return status.ok() ? taken : -1.0;
}

// The least-squares slope of ln(time) over ln(x).
double slope(const std::vector<std::pair<double, double>>& points) {
  double mean_x = 0, mean_y = 0, above = 0, below = 0;
  for (const auto& [x, y] : points) {
    mean_x += std::log(x) / static_cast<double>(points.size());
    mean_y += std::log(y) / static_cast<double>(points.size());
  }
  for (const auto& [x, y] : points) {
    above += (std::log(x) - mean_x) * (std::log(y) - mean_y);
    below += (std::log(x) - mean_x) * (std::log(x) - mean_x);
  }
  return above / below;
}

using Times = std::map<std::string, std::map<Size, double>>;  // seconds on one thread

void measure(const Size& size, const std::vector<Timed>& chosen, ThreadPool& two, Times& times) {
  const std::vector<float> all = random_rows(size.n * size.d);
  std::vector<float> out(all.size());
  const double copy = best_s([&] { std::memcpy(out.data(), all.data(), all.size() * 4); });
  fmt::print("\nn = {}, d = {}, f = {}: a copy takes {:.2f} ms ({:.1f} GB/s)\n", size.n, size.d,
             size.n / 5, copy * 1e3, static_cast<double>(all.size()) * 4 / copy / 1e9);
  fmt::print("{:<22} {:>10} {:>12} {:>10} {:>12}\n", "", "ms", "of a copy", "ms, 2 thr.",
             "of a copy");
  const RoundView alone = round_of(all, size, nullptr), shared = round_of(all, size, &two);
  for (const Timed& timed : chosen) {
    const double one_s = seconds_of(timed, alone, out);
    if (one_s < 0) continue;
    const double two_s = seconds_of(timed, shared, out);
    fmt::print("{:<22} {:>10.2f} {:>12.3f} {:>10.2f} {:>12.3f}\n", timed.kind, one_s * 1e3,
               copy / one_s, two_s * 1e3, copy / two_s);
    times[timed.kind][size] = one_s;
  }
}

void print_growth(const Times& times) {
  fmt::print("\n{:<22} {:>16} {:>16}\n", "time ~", "d^, n = 10", "n^, d = 1e6");
  for (const auto& [kind, of_sizes] : times) {
    std::vector<std::pair<double, double>> in_d, in_n;
    for (const auto& [size, taken] : of_sizes) {
      if (size.n == 10) in_d.emplace_back(size.d, taken);
      if (size.d == 1'000'000) in_n.emplace_back(size.n, taken);
    }
    const auto text = [](const auto& points) {
      return points.size() > 1 ? fmt::format("{:.2f}", slope(points)) : std::string("-");
    };
    fmt::print("{:<22} {:>16} {:>16}\n", kind, text(in_d), text(in_n));
  }
}

// All where no word names one.
template <class T, class Matches>
std::vector<T> chosen(const std::vector<T>& all, const std::vector<std::string>& words,
                      const Matches& matches) {
  std::vector<T> some;
  for (const T& one : all)
    if (std::ranges::any_of(words, [&](const std::string& word) { return matches(one, word); }))
      some.push_back(one);
  return some.empty() ? all : some;
}

void run(const std::vector<std::string>& words) {
  const auto kinds = chosen(all_timed(), words, [](const Timed& timed, const std::string& word) {
    return timed.kind.find(word) != std::string::npos;
  });
  const auto sizes = chosen(kSizes, words, [](const Size& size, const std::string& word) {
    return word == fmt::format("{}x{}", size.n, size.d);
  });
  ThreadPool two(2);
  Times times;
  for (const Size& size : sizes) measure(size, kinds, two, times);
  print_growth(times);
}

}  // namespace
}  // namespace shoal

int main(int count, char** words) {
  shoal::run(std::vector<std::string>(words + 1, words + count));
  return 0;
}

// What every rule of the catalogue promises, checked on random rounds by RapidCheck: a rule that is
// missing in the table below fails the test, so a new one says what it promises in one line.
//
// RC_PARAMS="seed=... max_success=..." draws other rounds.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <rapidcheck.h>
#include <set>

#include "shoal/base/bytes.h"
#include "shoal/base/random.h"
#include "shoal/rule/rounds_test.h"

namespace shoal {
namespace {

enum class Scaling { kNone, kInvariant, kEquivariant };  // of the result when all rows times a > 0
enum class Range { kNone, kAllRows, kHonestRows };       // of which rows every coordinate stays in

struct Promise {
  std::string kind;
  bool translation = false;  // rows + c give the result + c
  Scaling scaling = Scaling::kNone;
  Range range = Range::kNone;
  bool equal_rows = false;  // n times the same row give that row
  bool memory = false;      // a later round depends on earlier ones
  std::size_t rows_least = 1;
  std::vector<std::pair<std::string, Value>> settings = {};
};

// Two rows that are each other's nearest tie when a score is one distance, and the lower sender
// wins. From four rows on Krum's is two at least; Bulyan comes down to one in its last stages, and
// subsets of MDA that share their widest pair tie.
constexpr std::size_t kTwoNeighbours = 4;
const std::set<std::string> kTiesAreCommon{"bulyan", "mda"};

const std::vector<Promise>& promises() {
  constexpr auto kEqui = Scaling::kEquivariant;
  constexpr auto kSame = Scaling::kInvariant;
  static const std::vector<Promise> all{
      {"mean", true, kEqui, Range::kAllRows, true},
      {"coordinate_median", true, kEqui, Range::kHonestRows, true},
      {"trimmed_mean", true, kEqui, Range::kHonestRows, true},
      {"mean_around_median", true, kEqui, Range::kAllRows, true},
      {"phocas", true, kEqui, Range::kAllRows, true},
      {"krum", true, kEqui, Range::kAllRows, true, false, kTwoNeighbours},
      {"multi_krum", true, kEqui, Range::kAllRows, true, false, kTwoNeighbours},
      {"bulyan", true, kEqui, Range::kAllRows, true, false, 3},
      {"mda", true, kEqui, Range::kAllRows, true},
      {"cge", false, kEqui, Range::kAllRows, true},
      {"nearest_neighbours", false, Scaling::kNone, Range::kAllRows, true},
      {"zeno", false, Scaling::kNone, Range::kAllRows, true},
      {"zeno_plus_plus", false, Scaling::kNone, Range::kNone, false},
      {"norm_clipping", false, Scaling::kNone, Range::kNone, false},
      {"weak_dp", false, Scaling::kNone, Range::kNone, false},
      {"geometric_median", true, kEqui, Range::kAllRows, true},
      {"rfa", true, kEqui, Range::kAllRows, true, true, 1, {{"warm_start", true}}},
      {"centred_clipping", false, Scaling::kNone, Range::kNone, false, true},
      {"caf", true, kEqui, Range::kAllRows, true},
      {"smea", true, kEqui, Range::kAllRows, true},
      {"flag", false, kSame, Range::kNone, false},
      {"foolsgold", false, kEqui, Range::kNone, false, true},
      {"mud_hog",
       true,
       kEqui,
       Range::kAllRows,
       true,
       true,
       2,
       {{"min_points", std::int64_t{1}}, {"window", std::int64_t{2}}}},
      {"sign_majority", false, kSame, Range::kNone, false},
  };
  return all;
}

// The loss of a model at distance from the trusted row: for rules that ask for one.
class Bowl : public ValidationLoss {
 public:
  explicit Bowl(std::span<const float> bottom) : bottom_(bottom) {}
  double before() const override { return at({}); }
  double after(std::span<const float> row) const override { return at(row); }

 private:
  double at(std::span<const float> row) const {
    double sum = 0.0;
    for (std::size_t c = 0; c < bottom_.size(); ++c)
      sum += std::pow((row.empty() ? 0.0 : double(row[c])) - double(bottom_[c]), 2);
    return sum;
  }
  std::span<const float> bottom_;
};

// A round with n - f honest rows about a common centre and f that lie.
struct Drawn {
  TestRows rows;
  std::vector<bool> liar;
  std::vector<double> weights;
  std::vector<float> trusted;
  std::size_t f = 0;
  std::uint32_t number = 0;

  RoundView view() const {
    RoundView round = test_round(rows, f);
    round.weights = weights;
    round.round = number;
    round.trusted = trusted;
    bowl = std::make_shared<Bowl>(trusted);
    round.validation = bowl.get();
    return round;
  }
  mutable std::shared_ptr<Bowl> bowl;
};

// The most liars the rule takes among n rows, or fewer.
std::size_t liars_for(const Rule& rule, std::size_t n, std::size_t wanted) {
  while (wanted > 0 && !rule.check(n, wanted).ok()) --wanted;
  return wanted;
}

Drawn drawn_round(const Rule& rule, std::size_t rows_least) {
  Drawn drawn;
  const auto n = *rc::gen::inRange<std::size_t>(rows_least, rows_least + 11);
  const auto d = *rc::gen::inRange<std::size_t>(1, 9);
  drawn.f = liars_for(rule, n, *rc::gen::inRange<std::size_t>(0, 6));
  RandomStream stream(*rc::gen::inRange<std::uint32_t>(0, 1u << 30), purpose("properties"));
  for (std::size_t c = 0; c < d; ++c) drawn.trusted.push_back(float(2 * stream.normal()));
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    drawn.liar.push_back(i < drawn.f);
    std::vector<float> row = drawn.trusted;
    const float size = !drawn.liar[i] ? 1.0f : stream.below(2) ? 1e3f : 2.0f;
    for (float& value : row) value += size * float(stream.normal());
    drawn.rows.push_back(row);
    drawn.weights.push_back(0.1 + stream.uniform());
    total += drawn.weights.back();
  }
  for (double& weight : drawn.weights) weight /= total;
  return drawn;
}

double size_of(const TestRows& rows) {
  double most = 0.0;
  for (const auto& row : rows)
    for (const float value : row) most = std::max(most, std::abs(double(value)));
  return most;
}

void assert_near(const std::vector<float>& got, const std::vector<double>& want, double within) {
  for (std::size_t c = 0; c < got.size(); ++c)
    RC_ASSERT(std::abs(double(got[c]) - want[c]) <= within);
}

std::vector<double> as_doubles(const std::vector<float>& row) { return {row.begin(), row.end()}; }

void expect_for_each_rule(const std::string& what,
                          const std::function<void(const Promise&)>& property,
                          const std::function<bool(const Promise&)>& promised) {
  ::setenv("RC_PARAMS", "seed=1 max_success=200", 0);
  for (const Promise& promise : promises()) {
    if (!promised(promise)) continue;
    EXPECT_TRUE(rc::check(promise.kind + ": " + what, [&] { property(promise); })) << promise.kind;
  }
}

std::unique_ptr<Rule> rule_of(const Promise& promise) {
  return make_rule(rule_table(promise.kind, promise.settings));
}

TEST(RuleProperties, TheTableHasEveryRule) {
  std::vector<std::string> known, listed;
  for (const auto& entry : rules().entries()) known.push_back(entry.name);
  for (const Promise& promise : promises()) listed.push_back(promise.kind);
  std::sort(known.begin(), known.end());
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, known) << "promises() says what a rule promises";
}

TEST(RuleProperties, WhoSentARowDoesNotMatter) {
  expect_for_each_rule(
      "permutation",
      [](const Promise& promise) {
        auto rule = rule_of(promise);
        Drawn drawn = drawn_round(*rule, promise.rows_least);
        const auto before = outcome_of(*rule, drawn.view()).row;
        RandomStream stream(*rc::gen::inRange<std::uint32_t>(0, 1u << 30), purpose("permute"));
        const Drawn original = drawn;
        const auto order = stream.permutation(drawn.rows.size());
        for (std::size_t i = 0; i < order.size(); ++i) {
          drawn.rows[i] = original.rows[order[i]];
          drawn.weights[i] = original.weights[order[i]];
        }
        const auto after = outcome_of(*rule_of(promise), drawn.view()).row;
        assert_near(after, as_doubles(before), 1e-5 * size_of(drawn.rows));
      },
      [](const Promise& promise) { return !kTiesAreCommon.contains(promise.kind); });
}

TEST(RuleProperties, TheResultMovesWithTheRows) {
  expect_for_each_rule(
      "translation",
      [](const Promise& promise) {
        auto rule = rule_of(promise);
        Drawn drawn = drawn_round(*rule, promise.rows_least);
        std::vector<double> want = as_doubles(outcome_of(*rule, drawn.view()).row);
        RandomStream stream(*rc::gen::inRange<std::uint32_t>(0, 1u << 30), purpose("move"));
        for (std::size_t c = 0; c < want.size(); ++c) {
          const float by = float(10 * stream.normal());
          want[c] += double(by);
          for (auto& row : drawn.rows) row[c] += by;
          drawn.trusted[c] += by;
        }
        // Moved rows are rounded to float: 1e-7 of a liar's row goes into what it weighs.
        assert_near(outcome_of(*rule_of(promise), drawn.view()).row, want,
                    2e-5 * (10 + size_of(drawn.rows)));
      },
      [](const Promise& promise) { return promise.translation; });
}

TEST(RuleProperties, TheResultScalesWithTheRows) {
  expect_for_each_rule(
      "scaling",
      [](const Promise& promise) {
        auto rule = rule_of(promise);
        Drawn drawn = drawn_round(*rule, promise.rows_least);
        std::vector<double> want = as_doubles(outcome_of(*rule, drawn.view()).row);
        const float by = std::ldexp(1.0f, *rc::gen::inRange(-3, 4));  // exact
        if (promise.scaling == Scaling::kEquivariant)
          for (double& value : want) value *= double(by);
        const double size = promise.scaling == Scaling::kInvariant ? 1.0 : by * size_of(drawn.rows);
        for (auto& row : drawn.rows)
          for (float& value : row) value *= by;
        for (float& value : drawn.trusted) value *= by;
        // A smoothing of 1e-6 does not scale with the rows.
        assert_near(outcome_of(*rule_of(promise), drawn.view()).row, want, 2e-5 * size + 2e-5);
      },
      [](const Promise& promise) { return promise.scaling != Scaling::kNone; });
}

TEST(RuleProperties, StaysInTheRangeItPromises) {
  expect_for_each_rule(
      "range",
      [](const Promise& promise) {
        auto rule = rule_of(promise);
        const Drawn drawn = drawn_round(*rule, promise.rows_least);
        const bool honest_only = promise.range == Range::kHonestRows;
        const auto out = outcome_of(*rule, drawn.view()).row;
        const double slack = honest_only ? 0.0 : 1e-6 * size_of(drawn.rows);
        for (std::size_t c = 0; c < out.size(); ++c) {
          double low = std::numeric_limits<double>::infinity(), high = -low;
          for (std::size_t i = 0; i < drawn.rows.size(); ++i) {
            if (honest_only && drawn.liar[i]) continue;
            low = std::min(low, double(drawn.rows[i][c]));
            high = std::max(high, double(drawn.rows[i][c]));
          }
          RC_ASSERT(double(out[c]) >= low - slack);
          RC_ASSERT(double(out[c]) <= high + slack);
        }
      },
      [](const Promise& promise) { return promise.range != Range::kNone; });
}

TEST(RuleProperties, EqualRowsGiveThatRow) {
  expect_for_each_rule(
      "equal rows",
      [](const Promise& promise) {
        auto rule = rule_of(promise);
        Drawn drawn = drawn_round(*rule, promise.rows_least);
        for (auto& row : drawn.rows) row = drawn.trusted;
        RC_ASSERT(outcome_of(*rule, drawn.view()).row == drawn.trusted);
      },
      [](const Promise& promise) { return promise.equal_rows; });
}

Bytes saved(const Rule& rule) {
  ByteWriter out;
  rule.save(out);
  return std::move(out).take();
}

// Five rounds with a checkpoint after any of them give the bits of five without.
TEST(RuleProperties, GoesOnFromACheckpointBitForBit) {
  expect_for_each_rule(
      "checkpoint",
      [](const Promise& promise) {
        constexpr int kRounds = 5;
        auto whole = rule_of(promise);
        Drawn drawn = drawn_round(*whole, promise.rows_least);
        auto parted = rule_of(promise);
        const int stop = *rc::gen::inRange(0, kRounds);
        RandomStream stream(7, purpose("rounds"), 0, std::uint32_t(drawn.rows.size()));
        bool remembers = false;
        for (int t = 0; t < kRounds; ++t) {
          drawn.number = std::uint32_t(t);
          for (auto& row : drawn.rows)
            for (float& value : row) value += float(stream.normal());
          const Outcome a = outcome_of(*whole, drawn.view());
          const Outcome b = outcome_of(*parted, drawn.view());
          RC_ASSERT(a.row == b.row);
          RC_ASSERT(a.selection.kept == b.selection.kept);
          RC_ASSERT(a.selection.suspects == b.selection.suspects);
          RC_ASSERT(saved(*whole) == saved(*parted));
          remembers = remembers || saved(*whole) != saved(*rule_of(promise));
          if (t != stop) continue;
          const Bytes kept = saved(*parted);
          ByteReader in(kept);
          parted = rule_of(promise);
          RC_ASSERT(parted->load(in).ok());
          RC_ASSERT(in.done());
        }
        RC_ASSERT(remembers == promise.memory);
      },
      [](const Promise&) { return true; });
}

// A checkpoint that breaks off anywhere is refused, and the rule goes on as before.
TEST(RuleProperties, RefusesACheckpointThatBreaksOff) {
  for (const Promise& promise : promises()) {
    if (!promise.memory) continue;
    auto rule = rule_of(promise);
    const TestRows rows{{1, 2}, {3, 4}, {5, 7}};
    outcome_of(*rule, test_round(rows, 0));
    const Bytes whole = saved(*rule);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      auto other = rule_of(promise);
      ByteReader in(ByteView(whole).first(size));
      EXPECT_FALSE(other->load(in).ok()) << promise.kind << " after " << size << " bytes";
    }
  }
}

double distance(const std::vector<double>& x, const std::vector<float>& y) {
  double sum = 0.0;
  for (std::size_t c = 0; c < x.size(); ++c) sum += std::pow(x[c] - double(y[c]), 2);
  return std::sqrt(sum);
}

// ||GeoMed - c|| <= (1-a)/sqrt(1-2a) max ||x_i - c|| for the mean c of the honest rows, a = f/n.
TEST(Resilience, GeometricMedianLemma) {
  double worst = 0.0;
  const Promise promise{"geometric_median"};
  ::setenv("RC_PARAMS", "seed=1 max_success=200", 0);
  EXPECT_TRUE(rc::check("geometric median lemma", [&] {
    auto rule = rule_of(promise);
    const Drawn drawn = drawn_round(*rule, 1);
    const double n = double(drawn.rows.size()), f = double(drawn.f);
    std::vector<double> mean(drawn.trusted.size(), 0.0);
    for (std::size_t i = 0; i < drawn.rows.size(); ++i)
      for (std::size_t c = 0; c < mean.size() && !drawn.liar[i]; ++c)
        mean[c] += double(drawn.rows[i][c]) / (n - f);
    double radius = 0.0;
    for (std::size_t i = 0; i < drawn.rows.size(); ++i)
      if (!drawn.liar[i]) radius = std::max(radius, distance(mean, drawn.rows[i]));
    const double bound = (1 - f / n) / std::sqrt(1 - 2 * f / n) * radius;
    const double off = distance(mean, outcome_of(*rule, drawn.view()).row);
    RC_ASSERT(off <= bound + 1e-5);
    if (bound > 1e-3) worst = std::max(worst, off / bound);
  }));
  EXPECT_GT(worst, 0.2);  // the bound is not idle
}

struct DeltaBound {
  std::string kind;
  double (*delta)(double m, double q, double b);
};

// E||result - g||^2 <= Delta V with q wrong values in every coordinate and b of them trimmed (Xie
// et al. 2018, 1805.09682): every coordinate is a draw of its own, four ways to lie.
TEST(Resilience, DeltaBoundsOfCoordinateRules) {
  const std::vector<DeltaBound> bounds{
      {"trimmed_mean",
       [](double m, double q, double b) { return 2 * (b + 1) * (m - q) / std::pow(m - b - q, 2); }},
      {"phocas", [](double m, double q, double b) {
         return 4 + 12 * (b + 1) * (m - q) / std::pow(m - b - q, 2);
       }}};
  const std::size_t sizes[][3] = {{20, 6, 6}, {20, 6, 8}, {10, 2, 2}, {64, 2, 2}};
  for (const DeltaBound& bound : bounds) {
    if (!rules().find(bound.kind).ok()) continue;
    for (const auto& [m, q, b] : sizes)
      for (const float lie : {1e6f, -1e6f, 2.0f, 0.0f}) {
        RandomStream stream(m, purpose("delta"));
        TestRows rows(m, std::vector<float>(4000));
        for (auto& row : rows)
          for (float& value : row) value = float(stream.normal());
        for (std::size_t c = 0; c < 4000; ++c)
          for (const std::uint32_t liar : stream.sample(m, q)) rows[liar][c] = lie;
        double error = 0.0;
        for (const float value : aggregate_once(rule_table(bound.kind), test_round(rows, b)))
          error += double(value) * double(value) / 4000;
        EXPECT_LE(error, bound.delta(double(m), double(q), double(b)))
            << bound.kind << " " << m << " " << q << " " << b << " " << lie;
      }
  }
}

}  // namespace
}  // namespace shoal

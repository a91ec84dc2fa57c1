// What every rule of the catalogue promises, checked on random rounds by RapidCheck: a rule that is
// missing in the table below fails the test, so a new one says what it promises in one line.
//
// RC_PARAMS="seed=... max_success=..." draws other rounds.
#include <Eigen/Dense>
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
// Where the result stays: coordinate by coordinate within all rows, or within the honest ones; or
// in the convex hull of all rows, as a mean with weights does.
enum class Range { kNone, kAllRows, kHonestRows, kHull };

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
      {"mean", true, kEqui, Range::kHull, true},
      {"coordinate_median", true, kEqui, Range::kHonestRows, true},
      {"trimmed_mean", true, kEqui, Range::kHonestRows, true},
      {"mean_around_median", true, kEqui, Range::kAllRows, true},
      {"phocas", true, kEqui, Range::kAllRows, true},
      {"krum", true, kEqui, Range::kHull, true, false, kTwoNeighbours},
      {"multi_krum", true, kEqui, Range::kHull, true, false, kTwoNeighbours},
      {"bulyan", true, kEqui, Range::kAllRows, true, false, 3},
      {"mda", true, kEqui, Range::kHull, true},
      {"cge", false, kEqui, Range::kHull, true},
      {"nearest_neighbours", false, Scaling::kNone, Range::kHull, true},
      {"zeno", false, Scaling::kNone, Range::kHull, true},
      {"zeno_plus_plus", false, Scaling::kNone, Range::kNone, false},
      {"norm_clipping", false, Scaling::kNone, Range::kNone, false},
      {"weak_dp", false, Scaling::kNone, Range::kNone, false},
      {"geometric_median", true, kEqui, Range::kHull, true},
      {"rfa", true, kEqui, Range::kHull, true, true, 1, {{"warm_start", true}}},
      {"centred_clipping", false, Scaling::kNone, Range::kNone, false, true},
      {"caf", true, kEqui, Range::kHull, true},
      {"smea", true, kEqui, Range::kHull, true},
      {"flag", false, kSame, Range::kNone, false},
      {"foolsgold", false, kEqui, Range::kNone, false, true},
      {"mud_hog",
       true,
       kEqui,
       Range::kHull,
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

// How far a point is from the convex hull: the least squares weights that are not negative and sum
// to 1, by the active-set method of Lawson and Hanson.
double distance_to_hull(const TestRows& rows, const std::vector<float>& point) {
  const auto n = Eigen::Index(rows.size()), d = Eigen::Index(point.size());
  const double size = size_of(rows) + 1.0;
  Eigen::MatrixXd a(d + 1, n);
  Eigen::VectorXd b(d + 1), w = Eigen::VectorXd::Zero(n);
  for (Eigen::Index c = 0; c < d; ++c) {
    b[c] = double(point[std::size_t(c)]);
    for (Eigen::Index i = 0; i < n; ++i) a(c, i) = double(rows[std::size_t(i)][std::size_t(c)]);
  }
  a.row(d).setConstant(size);
  b[d] = size;
  std::vector<Eigen::Index> active;
  for (Eigen::Index pass = 0; pass < 5 * n; ++pass) {
    Eigen::Index next;
    Eigen::VectorXd slope = a.transpose() * (b - a * w);
    for (const Eigen::Index i : active) slope[i] = 0.0;
    if (slope.maxCoeff(&next) <= 1e-12 * size * size) break;
    active.push_back(next);
    while (!active.empty()) {
      const Eigen::VectorXd found = a(Eigen::all, active).colPivHouseholderQr().solve(b);
      double step = 1.0;
      for (Eigen::Index k = 0; k < found.size(); ++k)
        if (const double now = w[active[std::size_t(k)]]; found[k] <= 0.0)
          step = std::min(step, now / std::max(now - found[k], 1e-300));
      for (Eigen::Index k = 0; k < found.size(); ++k) {
        double& weight = w[active[std::size_t(k)]];
        weight += step * (found[k] - weight);
      }
      if (step == 1.0) break;
      std::erase_if(active, [&](Eigen::Index i) {
        if (w[i] > 1e-14) return false;
        w[i] = 0.0;
        return true;
      });
    }
  }
  return (b - a * w).norm();
}

std::vector<double> as_doubles(const std::vector<float>& row) { return {row.begin(), row.end()}; }

std::unique_ptr<Rule> rule_of(const Promise& promise) {
  return make_rule(rule_table(promise.kind, promise.settings));
}

TEST(Promises, AreOfEveryRule) {
  std::vector<std::string> known, listed;
  for (const auto& entry : rules().entries()) known.push_back(entry.name);
  for (const Promise& promise : promises()) listed.push_back(promise.kind);
  std::sort(known.begin(), known.end());
  std::sort(listed.begin(), listed.end());
  EXPECT_EQ(listed, known) << "promises() says what a rule promises";
}

TEST(Promises, TheDistanceToAHullTellsInsideFromOutside) {
  const TestRows triangle{{0, 0}, {2, 0}, {0, 2}, {2, 0}};
  for (const auto& inside : TestRows{{0, 0}, {1, 1}, {0.5f, 0.5f}, {2, 0}, {0, 1}})
    EXPECT_LT(distance_to_hull(triangle, inside), 1e-12);
  for (const auto& outside : TestRows{{-0.01f, 0}, {1.01f, 1}, {2, 2}, {3, 0}})
    EXPECT_GT(distance_to_hull(triangle, outside), 5e-3);
}

// What follows takes a random round that is within the rule's domain.

void who_sent_a_row_does_not_matter(const Promise& promise, Drawn drawn) {
  const auto before = outcome_of(*rule_of(promise), drawn.view()).row;
  RandomStream stream(*rc::gen::inRange<std::uint32_t>(0, 1u << 30), purpose("permute"));
  const Drawn original = drawn;
  const auto order = stream.permutation(drawn.rows.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    drawn.rows[i] = original.rows[order[i]];
    drawn.weights[i] = original.weights[order[i]];
  }
  const auto after = outcome_of(*rule_of(promise), drawn.view()).row;
  assert_near(after, as_doubles(before), 1e-5 * size_of(drawn.rows));
}

void the_result_moves_with_the_rows(const Promise& promise, Drawn drawn) {
  std::vector<double> want = as_doubles(outcome_of(*rule_of(promise), drawn.view()).row);
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
}

void the_result_scales_with_the_rows(const Promise& promise, Drawn drawn) {
  std::vector<double> want = as_doubles(outcome_of(*rule_of(promise), drawn.view()).row);
  const float by = std::ldexp(1.0f, *rc::gen::inRange(-3, 4));  // exact
  if (promise.scaling == Scaling::kEquivariant)
    for (double& value : want) value *= double(by);
  const double size = promise.scaling == Scaling::kInvariant ? 1.0 : by * size_of(drawn.rows);
  for (auto& row : drawn.rows)
    for (float& value : row) value *= by;
  for (float& value : drawn.trusted) value *= by;
  // A smoothing of 1e-6 does not scale with the rows.
  assert_near(outcome_of(*rule_of(promise), drawn.view()).row, want, 2e-5 * size + 2e-5);
}

void stays_in_its_range(const Promise& promise, Drawn drawn) {
  const bool honest_only = promise.range == Range::kHonestRows;
  const auto out = outcome_of(*rule_of(promise), drawn.view()).row;
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
}

void stays_in_the_hull(const Promise& promise, Drawn drawn) {
  const auto out = outcome_of(*rule_of(promise), drawn.view()).row;
  RC_ASSERT(distance_to_hull(drawn.rows, out) <= 1e-5 * size_of(drawn.rows));
}

void equal_rows_give_that_row(const Promise& promise, Drawn drawn) {
  for (auto& row : drawn.rows) row = drawn.trusted;
  RC_ASSERT(outcome_of(*rule_of(promise), drawn.view()).row == drawn.trusted);
}

Bytes saved(const Rule& rule) {
  ByteWriter out;
  rule.save(out);
  return std::move(out).take();
}

// Five rounds with a checkpoint after any of them give the bits of five without.
void goes_on_from_a_checkpoint(const Promise& promise, Drawn drawn) {
  constexpr int kRounds = 5;
  auto whole = rule_of(promise), parted = rule_of(promise);
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
}

struct Property {
  const char* name;
  bool (*promised)(const Promise&);
  void (*holds)(const Promise&, Drawn);
};

const Property kProperties[] = {
    {"WhoSentARowDoesNotMatter", [](const Promise& p) { return !kTiesAreCommon.contains(p.kind); },
     &who_sent_a_row_does_not_matter},
    {"TheResultMovesWithTheRows", [](const Promise& p) { return p.translation; },
     &the_result_moves_with_the_rows},
    {"TheResultScalesWithTheRows", [](const Promise& p) { return p.scaling != Scaling::kNone; },
     &the_result_scales_with_the_rows},
    {"StaysInItsRange", [](const Promise& p) { return p.range != Range::kNone; },
     &stays_in_its_range},
    {"StaysInTheHull", [](const Promise& p) { return p.range == Range::kHull; },
     &stays_in_the_hull},
    {"EqualRowsGiveThatRow", [](const Promise& p) { return p.equal_rows; },
     &equal_rows_give_that_row},
    {"GoesOnFromACheckpoint", [](const Promise&) { return true; }, &goes_on_from_a_checkpoint},
};

class RuleProperties : public ::testing::TestWithParam<Property> {};

TEST_P(RuleProperties, HoldForEveryRuleThatPromises) {
  ::setenv("RC_PARAMS", "seed=1 max_success=200", 0);
  const Property& property = GetParam();
  for (const Promise& promise : promises()) {
    if (!property.promised(promise)) continue;
    EXPECT_TRUE(rc::check(promise.kind + ": " + property.name, [&] {
      property.holds(promise, drawn_round(*rule_of(promise), promise.rows_least));
    })) << promise.kind;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, RuleProperties, ::testing::ValuesIn(kProperties),
                         [](const auto& info) { return std::string(info.param.name); });

// A checkpoint that breaks off anywhere is refused, and the rule goes on as before.
TEST(Promises, ACheckpointThatBreaksOffIsRefused) {
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

}  // namespace
}  // namespace shoal

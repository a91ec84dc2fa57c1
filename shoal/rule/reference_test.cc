// Every rule against its definition (rule_reference.h) on ten thousand random rounds.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

#include "shoal/base/soak_test.h"
#include "shoal/math/normal_quantile.h"
#include "shoal/rule/rounds_test.h"
#include "shoal/rule/rule_reference.h"

namespace shoal {
namespace {

using reference::Numbers;

// Values k/4 have exact sums and squares, so that equal distances are equal in any arithmetic; rows
// times a power of two from 2^60 on stay exact beside them or swallow them whole.
TestRows random_rows(RandomStream& stream, std::size_t n, std::size_t f) {
  const std::size_t dimension = 1 + stream.below(5);
  TestRows rows(n, std::vector<float>(dimension));
  for (auto& row : rows)
    for (float& value : row) value = static_cast<float>(stream.below(33)) / 4 - 4;
  const std::uint64_t kind = stream.below(6);
  if (kind == 1) rows.assign(n, rows.front());
  if (kind == 2)
    for (std::size_t i = 1; i < n; ++i)
      if (stream.below(2) == 0) rows[i] = rows[stream.below(i)];
  if (kind >= 3)  // beyond 2^62 the squares leave the float range
    for (const std::uint32_t liar : stream.sample(n, f))
      for (float& value : rows[liar])
        value = std::ldexp(value, kind == 3 ? 60 : kind == 4 ? 100 : 124);
  return rows;
}

struct Case {
  TestRows rows;
  RoundView round;
  RandomStream stream;
  std::size_t n() const { return rows.size(); }
  std::size_t f() const { return round.declared_faults; }
};

// Rounds of up to `most` rows; fewest(f) is the least n that the rule takes.
void for_random_rounds(std::size_t (*fewest)(std::size_t f), std::size_t most,
                       const std::function<void(Case&)>& body) {
  const int count = soak_count(10000, 1000000);
  for (int k = 0; k < count && !testing::Test::HasFailure(); ++k) {
    Case c{{}, {}, RandomStream(7, purpose("reference"), 0, static_cast<std::uint32_t>(k))};
    const std::size_t n = fewest(0) + c.stream.below(most - fewest(0) + 1);
    std::size_t limit = 0;
    while (fewest(limit + 1) <= n) ++limit;
    const std::size_t f = c.stream.below(2) ? limit : c.stream.below(limit + 1);
    c.rows = random_rows(c.stream, n, f);
    c.round = test_round(c.rows, f);
    SCOPED_TRACE("round " + std::to_string(k));
    body(c);
  }
}

std::size_t majority(std::size_t f) { return 2 * f + 1; }
std::size_t krum_needs(std::size_t f) { return 2 * f + 3; }
std::size_t bulyan_needs(std::size_t f) { return 4 * f + 3; }
std::size_t any_number_of(std::size_t f) { return f + 1; }

std::vector<std::uint32_t> senders_of(const RoundView& round, const Numbers& chosen) {
  std::vector<std::uint32_t> senders;
  for (const std::size_t i : chosen) senders.push_back(round.senders[i]);
  return senders;
}

// The mean of the chosen rows: to a float's rounding, and a double's of the largest value.
void expect_mean(const Case& c, const Aggregated& got, const Numbers& chosen) {
  EXPECT_EQ(got.kept, senders_of(c.round, chosen));
  const std::vector<double> want = reference::mean(c.rows, chosen);
  for (std::size_t k = 0; k < want.size(); ++k) {
    double largest = 0.0;
    for (const auto& row : c.rows) largest = std::max(largest, std::abs(double(row[k])));
    EXPECT_NEAR(got.row[k], want[k], 1e-7 * std::abs(want[k]) + 1e-14 * largest);
  }
}

// Weights that senders claim; some of them none.
void claim_weights(Case& c) {
  double total = 0.0;
  for (double& weight : c.round.weights)
    total += weight = c.stream.below(4) == 0 ? 0.0 : c.stream.uniform_positive();
  if (total == 0.0) total = c.round.weights.front() = 1.0;
  for (double& weight : c.round.weights) weight /= total;
}

void expect_weighted_mean(const Case& c, const Aggregated& got,
                          const std::vector<double>& weights) {
  EXPECT_EQ(got.kept, c.round.senders);
  for (std::size_t k = 0; k < got.row.size(); ++k) {
    double want = 0.0, largest = 0.0;
    for (std::size_t i = 0; i < c.n(); ++i) {
      want += weights[i] * double(c.rows[i][k]);
      largest = std::max(largest, std::abs(double(c.rows[i][k])));
    }
    EXPECT_NEAR(got.row[k], want, 1e-7 * std::abs(want) + 1e-14 * largest);
  }
}

TEST(Reference, Mean) {
  const auto claimed = test_rule("kind = \"mean\"");
  const auto equal = test_rule("kind = \"mean\"\nweighted = false");
  for_random_rounds(&any_number_of, 12, [&](Case& c) {
    claim_weights(c);
    expect_weighted_mean(c, aggregated(*claimed, c.round), c.round.weights);
    expect_weighted_mean(c, aggregated(*equal, c.round),
                         std::vector<double>(c.n(), 1.0 / double(c.n())));
  });
}

TEST(Reference, TrimmedMeanAndCoordinateMedian) {
  const auto trimmed = test_rule("kind = \"trimmed_mean\"");
  const auto middle = test_rule("kind = \"coordinate_median\"");
  for_random_rounds(&majority, 12, [&](Case& c) {
    const auto mean_within = [&](const std::vector<double>& sorted) {
      return reference::trimmed_mean(sorted, c.f());
    };
    EXPECT_EQ(aggregated(*trimmed, c.round).row, reference::by_column(c.rows, mean_within));
    EXPECT_EQ(aggregated(*middle, c.round).row, reference::by_column(c.rows, &reference::median));
  });
}

TEST(Reference, MeanAroundMedian) {
  const auto rule = test_rule("kind = \"mean_around_median\"");
  for_random_rounds(&majority, 12, [&](Case& c) {
    EXPECT_EQ(aggregated(*rule, c.round).row, reference::mean_around_median(c.rows, c.f()));
  });
}

TEST(Reference, Phocas) {
  const auto rule = test_rule("kind = \"phocas\"");
  for_random_rounds(&majority, 12, [&](Case& c) {
    EXPECT_EQ(aggregated(*rule, c.round).row, reference::phocas(c.rows, c.f()));
  });
}

TEST(Reference, Krum) {
  const auto rule = test_rule("kind = \"krum\"");
  for_random_rounds(&krum_needs, 12, [&](Case& c) {
    expect_mean(c, aggregated(*rule, c.round), reference::multi_krum(c.rows, c.f(), 1));
  });
}

TEST(Reference, MultiKrum) {
  const auto rule = test_rule("kind = \"multi_krum\"");
  const auto two = test_rule("kind = \"multi_krum\"\nm = 2");
  for_random_rounds(&krum_needs, 12, [&](Case& c) {
    const std::size_t most = c.n() - c.f() - 2;
    expect_mean(c, aggregated(*rule, c.round), reference::multi_krum(c.rows, c.f(), most));
    if (most >= 2)
      expect_mean(c, aggregated(*two, c.round), reference::multi_krum(c.rows, c.f(), 2));
  });
}

TEST(Reference, Bulyan) {
  const auto rule = test_rule("kind = \"bulyan\"");
  for_random_rounds(&bulyan_needs, 15, [&](Case& c) {
    Numbers chosen = reference::bulyan_order(c.rows, c.f());
    std::sort(chosen.begin(), chosen.end());
    reference::Rows middle;
    for (const std::size_t i : chosen) middle.push_back(c.rows[i]);
    const Aggregated got = aggregated(*rule, c.round);
    EXPECT_EQ(got.kept, senders_of(c.round, chosen));
    EXPECT_EQ(got.row, reference::mean_around_median(middle, 2 * c.f()));
  });
}

TEST(Reference, Mda) {
  const auto rule = test_rule("kind = \"mda\"");
  for_random_rounds(&majority, 9, [&](Case& c) {
    expect_mean(c, aggregated(*rule, c.round), reference::smallest_diameter(c.rows, c.n() - c.f()));
  });
}

TEST(Reference, Cge) {
  const auto rule = test_rule("kind = \"cge\"");
  for_random_rounds(&majority, 12, [&](Case& c) {
    std::vector<double> norms;
    for (const auto& row : c.rows) norms.push_back(reference::squared_norm(row));
    expect_mean(c, aggregated(*rule, c.round), reference::lowest(norms, c.n() - c.f()));
  });
}

TEST(Reference, NearestNeighbours) {
  const auto rule = test_rule("kind = \"nearest_neighbours\"");
  for_random_rounds(&majority, 12, [&](Case& c) {
    // The receiver is one of the senders, or a server with a row of its own.
    std::vector<float> server(c.round.dimension(), 0.25f);
    const std::size_t own = c.stream.below(c.n() + 1);
    c.round.receiver = own < c.n() ? c.round.senders[own] : 0;
    const std::vector<float>& trusted = own < c.n() ? c.rows[own] : server;
    c.round.trusted = trusted;
    std::vector<double> distances;
    for (std::size_t i = 0; i < c.n(); ++i)
      distances.push_back(i == own ? -1.0 : reference::squared_distance(c.rows[i], trusted));
    expect_mean(c, aggregated(*rule, c.round), reference::lowest(distances, c.n() - c.f()));
  });
}

TEST(Reference, Nnm) {
  const auto stage = test_stage("kind = \"nnm\"");
  for_random_rounds(&majority, 12, [&](Case& c) {
    const TestRows got = transformed(*stage, c.round);
    for (std::size_t i = 0; i < c.n(); ++i) {
      std::vector<double> distances;
      for (std::size_t j = 0; j < c.n(); ++j)
        distances.push_back(j == i ? -1.0 : reference::pair_distance(c.rows[i], c.rows[j]));
      const Numbers nearest = reference::lowest(distances, c.n() - c.f());
      expect_mean(c, Aggregated{got[i], senders_of(c.round, nearest)}, nearest);
    }
  });
}

// Losses by table, with every kind of accident among them.
class LossTable : public ValidationLoss {
 public:
  LossTable(const RoundView& round, RandomStream& stream) : round_(round) {
    const double accidents[] = {std::nan(""), HUGE_VAL, -HUGE_VAL};
    for (std::size_t i = 0; i < round.size(); ++i)
      losses_.push_back(stream.below(5) == 0 ? accidents[stream.below(3)]
                                             : static_cast<double>(stream.below(9)) / 4);
  }
  double before() const override { return 1.0; }
  double after(std::span<const float> row) const override {
    for (std::size_t i = 0; i < losses_.size(); ++i)
      if (round_.rows[i].data() == row.data()) return losses_[i];
    return std::nan("");
  }
  const std::vector<double>& losses() const { return losses_; }

 private:
  const RoundView& round_;
  std::vector<double> losses_;
};

TEST(Reference, Zeno) {
  for_random_rounds(&any_number_of, 10, [&](Case& c) {
    const LossTable loss(c.round, c.stream);
    c.round.validation = &loss;
    const std::size_t trim = c.f() + c.stream.below(c.n() - c.f());
    const auto rule = test_rule("kind = \"zeno\"\nrho = 0.125\ntrim = " + std::to_string(trim));
    std::vector<double> badness;
    for (std::size_t i = 0; i < c.n(); ++i) {
      const double score = 1.0 - loss.losses()[i] - 0.125 * reference::squared_norm(c.rows[i]);
      badness.push_back(std::isfinite(score) ? -score : HUGE_VAL);
    }
    expect_mean(c, aggregated(*rule, c.round), reference::lowest(badness, c.n() - trim));
  });
}

TEST(Reference, ZenoPlusPlus) {
  for (const bool received : {false, true}) {
    const auto rule =
        test_rule(std::string("kind = \"zeno_plus_plus\"\nrho = 0.03\nepsilon = 0.5\n") +
                  (received ? "penalty = \"received\"" : ""));
    for_random_rounds(&any_number_of, 6, [&](Case& c) {
      std::vector<float> trusted(c.round.dimension());
      for (float& value : trusted) value = static_cast<float>(c.stream.below(9)) / 4 - 1;
      c.round.trusted = trusted;
      const double length = std::sqrt(reference::squared_norm(trusted));
      std::vector<double> want(trusted.size(), 0.0);
      std::vector<std::uint32_t> kept;
      for (std::size_t i = 0; i < c.n(); ++i) {
        const double norm = std::sqrt(reference::squared_norm(c.rows[i]));
        if (norm == 0.0) continue;
        double inner = 0.0;
        for (std::size_t k = 0; k < trusted.size(); ++k)
          inner += double(trusted[k]) * (double(c.rows[i][k]) / norm * length);
        const double penalty = received ? norm * norm : length * length;
        const double margin = 0.1 * inner - 0.03 * penalty + 0.1 * 0.5;
        if (std::abs(margin) < 1e-9) return;  // either answer is right
        if (margin < 0) continue;
        kept.push_back(c.round.senders[i]);
        for (std::size_t k = 0; k < want.size(); ++k) want[k] += c.rows[i][k] / norm * length;
      }
      const Aggregated got = aggregated(*rule, c.round);
      EXPECT_EQ(got.kept, kept);
      for (double& value : want) value /= kept.empty() ? 1.0 : double(kept.size());
      expect_near_row(got.row, want, 1e-5);
    });
  }
}

// sum w_i x_i / max(1, ||x_i|| / bound)
std::vector<double> clipped_mean(const Case& c, double bound) {
  std::vector<double> mean(c.round.dimension(), 0.0);
  for (std::size_t i = 0; i < c.n(); ++i) {
    const double norm = std::sqrt(reference::squared_norm(c.rows[i]));
    for (std::size_t k = 0; k < mean.size(); ++k)
      mean[k] += c.round.weights[i] * (c.rows[i][k] / std::max(1.0, norm / bound));
  }
  return mean;
}

TEST(Reference, NormClipping) {
  const auto rule = test_rule("kind = \"norm_clipping\"\nbound = 1.5");
  for_random_rounds(&any_number_of, 10, [&](Case& c) {
    claim_weights(c);
    const Aggregated got = aggregated(*rule, c.round);
    expect_near_row(got.row, clipped_mean(c, 1.5));
    EXPECT_EQ(got.kept, c.round.senders);
  });
}

// The clipped mean plus sigma z, where the k-th word of the stream keyed by (seed, "weak_dp",
// receiver, round) gives z = Phi^-1((word + 1/2) / 2^32) with its upper half of words first.
TEST(Reference, WeakDp) {
  const auto rule = test_rule("kind = \"weak_dp\"\nbound = 1.5\nsigma = 0.5");
  for_random_rounds(&any_number_of, 10, [&](Case& c) {
    claim_weights(c);
    c.round.seed = c.stream.bits64();
    c.round.receiver = c.stream.bits32();
    c.round.round = c.stream.bits32();
    RandomStream noise(c.round.seed, purpose("weak_dp"), c.round.receiver, c.round.round);
    std::vector<double> want = clipped_mean(c, 1.5);
    for (double& value : want) {
      const auto shifted = static_cast<std::int32_t>(noise.bits32());
      value += 0.5 * normal_quantile((double(shifted) + 0.5) / 0x1p32 + 0.5);
    }
    const Aggregated got = aggregated(*rule, c.round);
    expect_near_row(got.row, want, 2e-5);  // 4e-6 (1 + |z|) is the noise's own accuracy
    EXPECT_EQ(got.kept, c.round.senders);
  });
}

// k of the longest rows come out as long as the next.
TEST(Reference, ClippingAndArc) {
  const auto fixed = test_stage("kind = \"clipping\"\nc = 2.5");
  const auto arc = test_stage("kind = \"arc\"");
  const auto expect_clipped = [](const Case& c, const TestRows& got, double length) {
    for (std::size_t i = 0; i < c.n(); ++i) {
      const double norm = std::sqrt(reference::squared_norm(c.rows[i]));
      for (std::size_t k = 0; k < c.rows[i].size(); ++k) {
        const double want = norm > length ? c.rows[i][k] * (length / norm) : double(c.rows[i][k]);
        EXPECT_NEAR(got[i][k], want, 1e-6 * std::abs(want));
      }
    }
  };
  for_random_rounds(&majority, 12, [&](Case& c) {
    expect_clipped(c, transformed(*fixed, c.round), 2.5);
    std::vector<double> norms;
    for (const auto& row : c.rows) norms.push_back(std::sqrt(reference::squared_norm(row)));
    std::sort(norms.rbegin(), norms.rend());
    expect_clipped(c, transformed(*arc, c.round), norms[2 * c.f() * (c.n() - c.f()) / c.n()]);
  });
}

// The permutation keyed by (seed, "bucketing", receiver, round), cut every s rows.
TEST(Reference, Bucketing) {
  for (const std::size_t s : {1u, 2u, 5u}) {
    const auto stage = test_stage(fmt::format("kind = \"bucketing\"\ns = {}", s));
    for_random_rounds(&any_number_of, 12, [&](Case& c) {
      c.round.round = c.stream.bits32();
      c.round.receiver = c.stream.bits32();
      RandomStream stream(c.round.seed, purpose("bucketing"), c.round.receiver, c.round.round);
      const auto order = stream.permutation(c.n());
      const TestRows got = transformed(*stage, c.round);
      ASSERT_EQ(got.size(), (c.n() + s - 1) / s);
      for (std::size_t b = 0; b < got.size(); ++b) {
        const std::size_t end = std::min(c.n(), (b + 1) * s);
        const Numbers bucket(order.begin() + static_cast<std::ptrdiff_t>(b * s),
                             order.begin() + static_cast<std::ptrdiff_t>(end));
        expect_mean(c, Aggregated{got[b], senders_of(c.round, bucket)}, bucket);
      }
    });
  }
}

// What each inner rule makes of the rows of one bucket.
using Inner = std::vector<float> (*)(const reference::Rows& rows, std::size_t f);
const std::map<std::string, Inner>& inner_rules() {
  static const std::map<std::string, Inner> all{
      {"coordinate_median",
       [](const reference::Rows& rows, std::size_t) {
         return reference::by_column(rows, &reference::median);
       }},
      {"phocas", &reference::phocas},
      {"krum", [](const reference::Rows& rows, std::size_t f) {
         return rows[reference::multi_krum(rows, f, 1).front()];
       }}};
  return all;
}

// The permutation keyed by (seed, "hierarchy", receiver, round), cut at b n / buckets; a bucket's
// rows are in the order of their senders.
TEST(Reference, Hierarchy) {
  for (const auto& [kind, inner] : inner_rules())
    for_random_rounds(&majority, 15, [&](Case& c) {
      std::size_t buckets = 1 + c.stream.below(4);
      const auto stage_of = [&] {
        return test_stage(
            fmt::format("kind = \"hierarchy\"\nbuckets = {}\nrule = \"{}\"", buckets, kind));
      };
      while (buckets > 1 && !stage_of()->check(c.n(), c.f()).ok()) --buckets;
      const auto stage = stage_of();
      if (!stage->check(c.n(), c.f()).ok()) return;  // krum and too few rows even together
      RandomStream stream(c.round.seed, purpose("hierarchy"), c.round.receiver, c.round.round);
      const auto order = stream.permutation(c.n());
      const TestRows got = transformed(*stage, c.round);
      ASSERT_EQ(got.size(), buckets);
      for (std::size_t b = 0; b < buckets; ++b) {
        Numbers members;
        for (std::size_t at = b * c.n() / buckets; at < (b + 1) * c.n() / buckets; ++at)
          members.push_back(order[at]);
        std::sort(members.begin(), members.end());
        reference::Rows rows;
        for (const std::size_t i : members) rows.push_back(c.rows[i]);
        EXPECT_EQ(got[b], inner(rows, c.f())) << kind;
      }
    });
}

// Groups of three or four clients, some of whom are missing; values of few kinds, so that
// majorities of all sizes happen, and none.
TEST(Reference, MajorityVote) {
  for (int k = 0; k < soak_count(10000, 1000000); ++k) {
    RandomStream stream(8, purpose("votes"), 0, static_cast<std::uint32_t>(k));
    const std::size_t all = 3 * (1 + stream.below(4)) + stream.below(2), groups = all / 3;
    TestRows rows(all, std::vector<float>(2));
    for (auto& row : rows) row = {1.0f, static_cast<float>(stream.below(3))};
    RoundView round = test_round(rows, 0);
    round.rows.clear();
    round.senders.clear();
    std::vector<TestRows> of_group(groups);
    for (std::size_t client = 0; client < all; ++client) {
      TestRows& copies = of_group[std::min(client / 3, groups - 1)];
      if (!copies.empty() && stream.below(8) == 0) continue;  // missing
      copies.push_back(rows[client]);
      round.rows.emplace_back(rows[client]);
      round.senders.push_back(1 + static_cast<std::uint32_t>(client));
    }
    TestRows want;
    for (std::size_t g = 0; g < groups; ++g) {
      const std::size_t size = g + 1 == groups ? all - 3 * g : 3;
      want.push_back(of_group[g].front());
      for (const auto& row : of_group[g])
        if (2 * static_cast<std::size_t>(std::ranges::count(of_group[g], row)) > size)
          want.back() = row;
    }
    const std::string stage =
        fmt::format("kind = \"majority_vote\"\nno_majority = \"lowest\"\nsenders = {}\n", all);
    ASSERT_EQ(transformed(stage, round), want) << k;
    ASSERT_EQ(transformed(stage + "vote = \"tolerance\"\ndelta = 0", round), want) << k;
  }
}

}  // namespace
}  // namespace shoal

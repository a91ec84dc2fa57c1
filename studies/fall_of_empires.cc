// Fall of Empires, Xie, Koyejo and Gupta 2019 (arXiv 1903.03936): all liars send -epsilon times the
// honest mean, and the aggregate of median or Krum, close to honest rows as it is, points the wrong
// way.
//
// SGD at a server, softmax regression on Fashion-MNIST split at random; the paper's CIFAR-10
// network is out of reach of two cores. The inner product of aggregate and honest mean is measured
// in every round.
#include <algorithm>
#include <fmt/format.h>

#include "shoal/study/aggregate_quality.h"

#include "studies/robust_runs.h"
#include "studies/studies.h"

namespace shoal {
namespace {

const std::string kFashion = "name = \"fall-of-empires\"\n" + softmax_on_fashion(25, 150, 32);

const std::vector<double> kScales{0.1, 0.5, 1, 2, 10, 100};

// One rule with so many liars: unattacked, and at every scale of the attack.
struct Row {
  RuleChoice rule;
  std::size_t liars;
  Sample clean;
  std::vector<Sample> accuracy;  // by scale
  std::vector<Sample> negative;  // share of rounds with <aggregate, honest mean> < 0
  std::vector<Sample> error;     // mean ||aggregate - honest mean|| / ||honest mean||
  Sample snr;                    // of the unattacked run

  const Sample& accuracy_at(double scale) const { return accuracy[place(scale)]; }
  const Sample& negative_at(double scale) const { return negative[place(scale)]; }
  static std::size_t place(double scale) {
    return static_cast<std::size_t>(std::ranges::find(kScales, scale) - kScales.begin());
  }
};

struct Measured {
  Sample accuracy, negative, error, snr;
};

Result<Measured> measure(StudyContext& context, const std::vector<std::string>& set) {
  Measured measured;
  for (const std::int64_t seed : context.seeds()) {
    SHOAL_TRY(const QualityRun run,
              aggregate_quality(context, kFashion, joined(set, {fmt::format("seed={}", seed)})));
    const auto accuracy = final_figure(run.result.lines, "test_accuracy");
    if (!accuracy || run.rounds.empty()) return not_found("a run without an aggregate");
    double snr = 0.0;
    for (const AggregateQuality& round : run.rounds) snr += round.signal_to_noise;
    measured.accuracy.values.push_back(*accuracy);
    measured.negative.values.push_back(run.share_of_negative_products());
    measured.error.values.push_back(run.mean_relative_error());
    measured.snr.values.push_back(snr / static_cast<double>(run.rounds.size()));
  }
  return measured;
}

Result<Row> measure_row(StudyContext& context, RuleChoice rule, std::size_t liars) {
  Row row{std::move(rule), liars, {}, {}, {}, {}, {}};
  SHOAL_TRY(const Measured clean, measure(context, under(row.rule, liars, {}, 0)));
  row.clean = clean.accuracy;
  row.snr = clean.snr;
  for (const double scale : kScales) {
    const AttackChoice attack{"", "inner_product", {fmt::format("scale={}", scale)}};
    SHOAL_TRY(const Measured attacked, measure(context, under(row.rule, liars, attack, liars)));
    row.accuracy.push_back(attacked.accuracy);
    row.negative.push_back(attacked.negative);
    row.error.push_back(attacked.error);
  }
  context.say(fmt::format("  {}, {} liars: unattacked {}, at 0.1 {}", row.rule.name, liars,
                          row.clean.text(), row.accuracy.front().text()));
  return row;
}

void add_table(StudyContext& context, const std::vector<Row>& rows) {
  std::vector<std::string> columns{"rule", "liars of 25", "unattacked"};
  for (const double scale : kScales) columns.push_back(fmt::format("epsilon {}", scale));
  std::vector<std::vector<std::string>> cells;
  for (const Row& row : rows) {
    std::vector<std::string> line{row.rule.name, fmt::format("{}", row.liars), row.clean.text()};
    for (std::size_t i = 0; i < kScales.size(); ++i)
      line.push_back(fmt::format("{:.3f}; {:.0f} %; {:.1f}", row.accuracy[i].mean(),
                                 100 * row.negative[i].mean(), row.error[i].mean()));
    cells.push_back(std::move(line));
  }
  context.add_text(
      markdown_table("Final accuracy; share of rounds whose aggregate has a negative inner product "
                     "with the honest "
                     "mean; mean distance from the honest mean over its norm",
                     columns, cells));
  context.add_text(
      fmt::format("\nSignal to noise of the honest rows, ||v|| / sqrt(mean ||v_i - v||^2), mean of "
                  "an unattacked "
                  "run under the median: {}\n",
                  rows.front().snr.text()));
}

Claim median_breaks(const Row& median) {
  const auto lost = [&](double scale) {
    return smallest_lead(median.clean, median.accuracy_at(scale));
  };
  Claim claim;
  claim.claim =
      "The median with 12 of 25 liars breaks under a small epsilon (0.1), and under a large one "
      "(10)";
  claim.paper = "pilot: .781 unattacked, .392 at 0.1 (41 % negative), .292 at 10 (37 %)";
  claim.measured = fmt::format(
      "unattacked {}; at 0.1 {}, negative in {} of the rounds; at 10 {}, {}", median.clean.text(),
      median.accuracy_at(0.1).text(), median.negative_at(0.1).text(2),
      median.accuracy_at(10).text(), median.negative_at(10).text(2));
  claim.margin = fmt::format(
      "on every seed 0.25 lost (least {:.3f} and {:.3f}) and 0.2 of the rounds negative", lost(0.1),
      lost(10));
  claim.verdict = reproduced_if(lost(0.1) >= 0.25 && lost(10) >= 0.25 &&
                                median.negative_at(0.1).lowest() >= 0.2 &&
                                median.negative_at(10).lowest() >= 0.2);
  return claim;
}

Claim krum_breaks_for_small(const Row& krum) {
  const double small = smallest_lead(krum.clean, krum.accuracy_at(0.1));
  const double large = -smallest_lead(krum.accuracy_at(10), krum.clean);
  Claim claim;
  claim.claim = "Krum with 11 of 25 liars breaks under epsilon 0.1 and not under 10";
  claim.paper = "pilot: .764 unattacked, .286 at 0.1 (87 % negative), .745 at 10 (2 %)";
  claim.measured =
      fmt::format("unattacked {}; at 0.1 {}, negative in {}; at 10 {}, negative in {}",
                  krum.clean.text(), krum.accuracy_at(0.1).text(), krum.negative_at(0.1).text(2),
                  krum.accuracy_at(10).text(), krum.negative_at(10).text(2));
  claim.margin = fmt::format(
      "on every seed at 0.1 at least 0.3 lost (least {:.3f}) and half negative; at 10 at most 0.1 "
      "lost (most {:.3f}) and 0.05 negative",
      small, large);
  claim.verdict = reproduced_if(small >= 0.3 && krum.negative_at(0.1).lowest() >= 0.5 &&
                                large <= 0.1 && krum.negative_at(10).highest() <= 0.05);
  return claim;
}

Claim mean_flips(const Row& mean) {
  Claim claim;
  claim.claim = "The mean flips where the formula says: epsilon above 13/12 with 12 of 25 liars";
  claim.paper = "closed form (m - q)/q; pilot: .732 at 0.5, .656 at 1, .095 at 2";
  claim.measured =
      fmt::format("at 0.5 {} ({:.0f} % negative); at 1 {} ({:.0f} %); at 2 {} ({:.0f} %)",
                  mean.accuracy_at(0.5).text(), 100 * mean.negative_at(0.5).mean(),
                  mean.accuracy_at(1).text(), 100 * mean.negative_at(1).mean(),
                  mean.accuracy_at(2).text(), 100 * mean.negative_at(2).mean());
  claim.margin =
      "on every seed no round negative at 0.5 and 1, every round at 2; accuracy at least 0.5 "
      "there, "
      "at most 0.2 here";
  claim.verdict = reproduced_if(
      mean.negative_at(0.5).highest() == 0.0 && mean.negative_at(1).highest() == 0.0 &&
      mean.negative_at(2).lowest() == 1.0 && mean.accuracy_at(0.5).lowest() >= 0.5 &&
      mean.accuracy_at(1).lowest() >= 0.5 && mean.accuracy_at(2).highest() <= 0.2);
  return claim;
}

Claim dose(const Row& median) {
  Sample worst;
  for (const Sample& sample : median.accuracy) worst.values.push_back(sample.lowest());
  Claim claim;
  claim.claim =
      "With 8 liars of 25 the median stands at every epsilon: breaking it needs nearly half";
  claim.paper = "pilot: .68 to .71";
  claim.measured = fmt::format("the worst seed at each epsilon: {}", worst.text());
  claim.margin = "at least 0.6 at every epsilon on every seed";
  claim.verdict = reproduced_if(worst.lowest() >= 0.6);
  return claim;
}

}  // namespace

Result<std::vector<Claim>> study_fall_of_empires(StudyContext& context) {
  std::vector<Row> rows;
  const std::vector<std::pair<RuleChoice, std::size_t>> contenders{
      {{"median", "coordinate_median"}, 12},
      {{"median", "coordinate_median"}, 8},
      {{"Krum", "krum"}, 11},
      {{"mean", "mean", {"weighted=false"}}, 12},
      {{"trimmed mean", "trimmed_mean"}, 11},
      {{"geometric median", "geometric_median"}, 11}};
  for (const auto& [rule, liars] : contenders) {
    SHOAL_TRY(Row row, measure_row(context, rule, liars));
    rows.push_back(std::move(row));
  }
  add_table(context, rows);
  return std::vector<Claim>{median_breaks(rows[0]), krum_breaks_for_small(rows[2]),
                            mean_flips(rows[3]), dose(rows[1])};
}

}  // namespace shoal

// SLSGD, Xie, Koyejo and Gupta 2019 (arXiv 1903.06996): local SGD with a part of the devices a
// round; the server trims the returned models coordinate by coordinate and moves a share alpha of
// the way.
//
// 10,000 rows of Fashion-MNIST over 100 devices, MLP 784-32-10; the paper's CIFAR-10 network is out
// of reach of two cores. The units are tanh: the card does not name them, and with these the
// accuracies without poisoners are the pilot's, which with ReLU they are not (both are shown).
// Poisoners train a random start on flipped labels of their own rows (the
// paper's on a random device's) and are drawn anew every epoch among those invited.
#include <cmath>
#include <fmt/format.h>

#include "studies/robust_runs.h"
#include "studies/studies.h"

namespace shoal {
namespace {

constexpr char kFashion[] = R"(
name = "slsgd"
[data]
kind = "fashion_mnist"
train_rows = 10000
[partition]
kind = "shards"
shards = 2
[model]
kind = "mlp"
hidden = [32.0]
activation = "tanh"
[nodes]
count = 100
[method]
kind = "slsgd"
rounds = 80
cohort = 10
epochs = 1
batch = 50
learning_rate = 0.1
server_learning_rate = 1.0
[report]
every = 1
)";

const std::vector<std::string> kEven{"partition.kind=iid"};
const RuleChoice kMean{"mean", "mean", {"weighted=false"}};
const RuleChoice kTrimmed{"trimmed mean", "trimmed_mean"};
const AttackChoice kNone{"none", ""};
const AttackChoice kPoison{"poison", "label_flip", {"random_start=true"}};

// Over the last 20 epochs of a run: one value a seed.
struct Last20 {
  Sample mean, deviation, minimum;
};

Result<Last20> last_20(StudyContext& context, const std::vector<std::string>& set) {
  SHOAL_TRY(const auto results, context.runs(kFashion, set));
  Last20 last;
  for (const RunResult& run : results) {
    std::vector<double> values;
    for (const LedgerLine& line : run.lines)
      if (const auto accuracy = line.figure("test_accuracy"); accuracy && line.round >= 60)
        values.push_back(*accuracy);
    double mean = 0.0, square = 0.0;
    for (const double value : values) mean += value / static_cast<double>(values.size());
    for (const double value : values) square += (value - mean) * (value - mean);
    last.mean.values.push_back(mean);
    last.deviation.values.push_back(std::sqrt(square / static_cast<double>(values.size())));
    last.minimum.values.push_back(*std::ranges::min_element(values));
  }
  return last;
}

struct Line {
  std::string data;
  RuleChoice rule;
  std::size_t b;
  std::size_t q;  // poisoners among the ten of an epoch
  std::vector<std::string> more;
  std::string alpha;
  Last20 last;
};

Status measure(StudyContext& context, Line& line) {
  std::vector<std::string> set =
      joined(line.data == "IID" ? kEven : std::vector<std::string>{},
             under(line.rule, line.b, line.q > 0 ? kPoison : kNone, line.q));
  if (line.q > 0) set.push_back("nodes.liars_move=true");
  SHOAL_TRY(line.last, last_20(context, joined(set, line.more)));
  context.say(fmt::format("  {}, {}, b = {}, q = {}, alpha {}: {}", line.data, line.rule.name,
                          line.b, line.q, line.alpha, line.last.mean.text()));
  return ok_status();
}

const std::vector<std::string> kHalf{"method.server_learning_rate=0.5"};
const std::vector<std::string> kRelu{"model.activation=relu"};
const std::vector<std::string> kCut{"method.server_cut_round=40", "method.server_cut_factor=0.5"};

enum Place : std::size_t {
  kEvenMean2,
  kEvenMean4,
  kEvenTrimmed2,
  kEvenTrimmed4,
  kEvenTooFew,
  kShardsMean4,
  kShardsWhole,
  kShardsHalf,
  kCleanWhole,
  kCleanCut,
  kCleanTrimmed,
  kEvenClean,
  kEvenCleanTrimmed
};

std::vector<Line> all_lines() {
  return {{"IID", kMean, 0, 2, {}, "1", {}},
          {"IID", kMean, 0, 4, {}, "1", {}},
          {"IID", kTrimmed, 4, 2, {}, "1", {}},
          {"IID", kTrimmed, 4, 4, {}, "1", {}},
          {"IID", kTrimmed, 2, 4, {}, "1", {}},
          {"2 shards", kMean, 0, 4, {}, "1", {}},
          {"2 shards", kTrimmed, 4, 4, {}, "1", {}},
          {"2 shards", kTrimmed, 4, 4, kHalf, "0.5", {}},
          {"2 shards", kMean, 0, 0, {}, "1", {}},
          {"2 shards", kMean, 0, 0, kCut, "1, 0.5 from epoch 40", {}},
          {"2 shards", kTrimmed, 4, 0, {}, "1", {}},
          {"IID", kMean, 0, 0, {}, "1", {}},
          {"IID", kTrimmed, 4, 0, {}, "1", {}},
          {"2 shards, ReLU", kMean, 0, 0, kRelu, "1", {}},
          {"2 shards, ReLU", kTrimmed, 4, 4, kRelu, "1", {}},
          {"2 shards, ReLU", kTrimmed, 4, 4, joined(kRelu, kHalf), "0.5", {}}};
}

Claim poisoning(const std::vector<Line>& lines) {
  const auto& mean2 = lines[kEvenMean2].last.mean;
  const auto& mean4 = lines[kEvenMean4].last.mean;
  const auto& trimmed2 = lines[kEvenTrimmed2].last.mean;
  const auto& trimmed4 = lines[kEvenTrimmed4].last.mean;
  const auto& few = lines[kEvenTooFew].last.mean;
  Claim claim;
  claim.claim =
      "Poisoned models, IID: the mean is ruined, trimming b = 4 stands, b = 2 < q does not";
  claim.paper =
      "pilot: mean .226 and .101 at q = 2 and 4; b = 4 .768 and .736; b = 2 at q = 4 .302";
  claim.measured = fmt::format("mean {} and {}; b = 4 {} and {}; b = 2 at q = 4 {}", mean2.text(),
                               mean4.text(), trimmed2.text(), trimmed4.text(), few.text());
  claim.margin = "on every seed the mean at most 0.35, b = 4 at least 0.70, b = 2 at most 0.5";
  claim.verdict =
      reproduced_if(std::max(mean2.highest(), mean4.highest()) <= 0.35 &&
                    std::min(trimmed2.lowest(), trimmed4.lowest()) >= 0.7 && few.highest() <= 0.5);
  return claim;
}

Claim moving_average(const std::vector<Line>& lines) {
  const auto& whole = lines[kShardsWhole].last.mean;
  const auto& half = lines[kShardsHalf].last.mean;
  const auto& mean = lines[kShardsMean4].last.mean;
  Claim claim;
  claim.claim = "Poisoned and uneven data: with b = 4 alpha = 0.5 is ahead of alpha = 1";
  claim.paper = "pilot: .490, .481, .487 against .383, .391, .408";
  claim.measured =
      fmt::format("alpha 0.5 {}, alpha 1 {}, the mean {}", half.text(), whole.text(), mean.text());
  claim.margin =
      fmt::format("0.05 ahead in the mean ({:+.3f}), the plain mean at most 0.25 on every seed",
                  half.mean() - whole.mean());
  claim.verdict = reproduced_if(half.mean() - whole.mean() >= 0.05 && mean.highest() <= 0.25);
  return claim;
}

Claim smoothing(const std::vector<Line>& lines) {
  const Last20& whole = lines[kCleanWhole].last;
  const Last20& cut = lines[kCleanCut].last;
  const double saved = 1.0 - cut.deviation.mean() / whole.deviation.mean();
  Claim claim;
  claim.claim =
      "No attack, uneven data: a smaller alpha steadies the last epochs and costs nothing";
  claim.paper =
      "pilot: deviation .0122, .0179, .0192 against .0238, .0267, .0242; .738 against .721";
  claim.measured =
      fmt::format("deviation {} against {}; accuracy {} against {}", cut.deviation.text(),
                  whole.deviation.text(), cut.mean.text(), whole.mean.text());
  claim.margin = fmt::format(
      "deviation 15 % lower in the mean ({:.0f} %), accuracy not lower in the mean ({:+.3f})",
      100 * saved, cut.mean.mean() - whole.mean.mean());
  claim.verdict = reproduced_if(saved >= 0.15 && cut.mean.mean() >= whole.mean.mean());
  return claim;
}

Claim price(const std::vector<Line>& lines) {
  const double uneven = lines[kCleanWhole].last.mean.mean() - lines[kCleanTrimmed].last.mean.mean();
  const double even =
      lines[kEvenClean].last.mean.mean() - lines[kEvenCleanTrimmed].last.mean.mean();
  Claim claim;
  claim.claim = "The price of trimming without an attack: much on uneven data, little on even data";
  claim.paper = "not in the paper; pilot .580 against .721";
  claim.measured =
      fmt::format("2 shards: b = 4 {}, mean {}; IID: {}, {}", lines[kCleanTrimmed].last.mean.text(),
                  lines[kCleanWhole].last.mean.text(), lines[kEvenCleanTrimmed].last.mean.text(),
                  lines[kEvenClean].last.mean.text());
  claim.margin = fmt::format("at least 0.08 lost ({:.3f}) and at most 0.02 ({:.3f}), in the mean",
                             uneven, even);
  claim.verdict = reproduced_if(uneven >= 0.08 && even <= 0.02);
  return claim;
}

}  // namespace

Result<std::vector<Claim>> study_slsgd(StudyContext& context) {
  std::vector<Line> lines = all_lines();
  std::vector<std::vector<std::string>> rows;
  SHOAL_TRY_STATUS(context.side_by_side(
      lines.size(), [&](StudyContext& alone, std::size_t i) { return measure(alone, lines[i]); }));
  for (const Line& line : lines) {
    rows.push_back({line.data, line.q > 0 ? fmt::format("{}", line.q) : "none", line.rule.name,
                    fmt::format("{}", line.b), line.alpha, line.last.mean.text(),
                    line.last.deviation.text(), line.last.minimum.text()});
  }
  context.add_text(markdown_table(
      "Test accuracy over the last 20 of 80 epochs: mean, standard deviation and minimum",
      {"data", "poisoners of 10", "rule", "b", "alpha", "mean", "deviation", "minimum"}, rows));
  return std::vector<Claim>{poisoning(lines), moving_average(lines), smoothing(lines),
                            price(lines)};
}

}  // namespace shoal

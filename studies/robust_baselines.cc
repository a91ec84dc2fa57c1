// Robust baselines: NNM (Allouah et al. 2023, arXiv 2302.01772) before Krum (1703.02757), geometric
// median, median and trimmed mean on skewed data, against label flips, mimics (2006.09365) and an
// optimised ALIE (1902.06156); and the time of the coordinate median.
//
// SGD at a server with worker momentum, softmax regression on Fashion-MNIST with Dirichlet(0.1)
// labels. The papers' networks are out of reach of two cores. Every rule gives a row of the length
// of a gradient, so all take the one step of the pilot; nothing is tuned.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/data/order.h"
#include "shoal/math/coordinate.h"
#include "shoal/rule/pipeline.h"

#include "studies/robust_runs.h"
#include "studies/studies.h"

namespace shoal {
namespace {

constexpr char kFashion[] = R"(
name = "robust-baselines"
[data]
kind = "fashion_mnist"
[partition]
kind = "dirichlet_labels"
alpha = 0.1
[model]
kind = "softmax"
[nodes]
count = 17
[method]
kind = "server_sgd"
rounds = 250
batch = 25
worker_momentum = 0.9
server_learning_rate = 0.2
[report]
every = 5
)";

constexpr std::size_t kFaults = 4;
constexpr char kFlipPilot[] =
    "at least .3; pilot: trimmed mean .256 to .677, Krum .010 to .651, geometric median .022 to "
    ".650, median .218 to .679";

const RuleChoice kMean{"mean", "mean", {"weighted=false"}};
const std::vector<RuleChoice> kRobust{{"trimmed mean", "trimmed_mean"},
                                      {"Krum", "krum"},
                                      {"geometric median", "geometric_median"},
                                      {"median", "coordinate_median"}};

// Each rule alone, and behind NNM.
std::vector<RuleChoice> with_nnm(const std::vector<RuleChoice>& rules) {
  std::vector<RuleChoice> all;
  for (const RuleChoice& rule : rules) {
    all.push_back(rule);
    all.push_back({"NNM, " + rule.name, rule.kind, rule.settings, {"nnm"}});
  }
  return all;
}

double nnm_gain(const AccuracyGrid& grid, const std::string& attack, const std::string& rule) {
  return smallest_lead(grid.at(attack, "NNM, " + rule), grid.at(attack, rule));
}

std::string pair_text(const AccuracyGrid& grid, const std::string& attack,
                      const std::string& rule) {
  return fmt::format("{} {} to {}", rule, grid.at(attack, rule).text(),
                     grid.at(attack, "NNM, " + rule).text());
}

// NNM helps every rule under an attack, by so much on every seed.
Claim nnm_helps(const AccuracyGrid& grid, const std::string& attack, double margin,
                std::string text, std::string pilot) {
  Claim claim;
  claim.claim = std::move(text);
  claim.paper = std::move(pilot);
  double least = HUGE_VAL;
  std::string gains;
  for (const RuleChoice& rule : kRobust) {
    const double gain = nnm_gain(grid, attack, rule.name);
    const char* separator = claim.measured.empty() ? "" : "; ";
    claim.measured += separator + pair_text(grid, attack, rule.name);
    gains += fmt::format("{}{} {:+.3f}", separator, rule.name, gain);
    least = std::min(least, gain);
  }
  claim.margin = fmt::format("a gain of {} for each rule on every seed (least: {})", margin, gains);
  claim.verdict = reproduced_if(least >= margin);
  return claim;
}

Claim label_flips(const AccuracyGrid& grid) {
  Claim claim = nnm_helps(grid, "label flip", 0.3,
                          "Under label flips NNM helps every rule on skewed data", kFlipPilot);
  claim.note = fmt::format(
      "The pilot's Krum and geometric median at .01 and .02 have learnt the flipped labels. Liars "
      "with skewed rows of their own are too unlike one another for that: the geometric median "
      "has {} alone, and NNM has less to mend. Claim 2 has liars that are alike.",
      grid.at("label flip", "geometric median").text());
  return claim;
}

Claim mimics(const AccuracyGrid& grid) {
  Claim claim = nnm_helps(grid, "mimic", 0.1, "Under mimics NNM helps, too",
                          "pilot: median .536 to .757, Krum .600 to .757");
  claim.note = fmt::format(
      "The rules of the pilot's figures gain. The geometric median does not need NNM and loses by "
      "it even with nobody lying: {}.",
      pair_text(grid, "none", "geometric median"));
  return claim;
}

Claim optimised_alie(const AccuracyGrid& grid) {
  const std::string attack = "optimised ALIE";
  const double krum = nnm_gain(grid, attack, "Krum");
  const double trimmed = smallest_lead(grid.at(attack, "trimmed mean"),  // it loses so much
                                       grid.at(attack, "NNM, trimmed mean"));
  Claim claim;
  claim.claim = "Under optimised ALIE NNM saves Krum, and does not help the trimmed mean";
  claim.paper = "pilot: Krum .100 to .656, trimmed mean .762 to .727";
  claim.measured =
      fmt::format("{}; {}; mean without a defence {}", pair_text(grid, attack, "Krum"),
                  pair_text(grid, attack, "trimmed mean"), grid.at(attack, "mean").text());
  claim.margin = fmt::format(
      "on every seed Krum gains 0.3 (least {:+.3f}) and the trimmed mean loses (least {:+.3f})",
      krum, trimmed);
  claim.verdict = reproduced_if(krum >= 0.3 && trimmed > 0.0);
  claim.note = fmt::format(
      "Krum alone is as poor with nobody lying: skewed rows, not ALIE. That NNM costs the trimmed "
      "mean something is not seen on this side of the mean, searched or fixed; why the pilot saw "
      "it "
      "is not found. With z = 1.5 throughout: {}; {}.",
      pair_text(grid, "ALIE, z = 1.5", "trimmed mean"), pair_text(grid, "ALIE, z = 1.5", "Krum"));
  return claim;
}

Claim skew_is_the_enemy(const AccuracyGrid& grid) {
  const Sample& attacked = grid.at("sign flip", "mean");
  const Sample& clean = grid.at("none", "median");
  const double lead = smallest_lead(attacked, clean);
  Claim claim;
  claim.claim =
      "The plain mean under sign flips of 4 still trains: skewed data, not the attack, are the "
      "enemy";
  claim.paper = "pilot: .792";
  claim.measured =
      fmt::format("mean under sign flips {}, unattacked {}; median with nobody lying {}",
                  attacked.text(), grid.at("none", "mean").text(), clean.text());
  claim.margin = fmt::format(
      "on every seed at least 0.70, and ahead of the median with nobody lying (least {:+.3f})",
      lead);
  claim.verdict = reproduced_if(attacked.lowest() >= 0.7 && lead > 0.0);
  claim.note =
      "The mean of 13 honest rows and 4 times minus their mean is 9/17 of it: a smaller step the "
      "right way. Sign flips ten times as long would turn it round.";
  return claim;
}

// The same training with label flips as one well-known library sends them, written out: every liar
// sends the mean of the honest workers' gradients on their rows with labels y -> C-1-y. No liar has
// rows of its own, so its row is not skewed, and four of them are equal.
class EqualFlips {
 public:
  EqualFlips(const Assembly& assembly, const Dataset& flipped, std::int64_t seed)
      : assembly_(assembly), problem_(assembly.problem_float), flipped_(flipped) {
    honest_ = problem_.workers() - kFaults;
    for (std::size_t i = 0; i < honest_; ++i)
      orders_.emplace_back(problem_.order, problem_.rows[i], 25, static_cast<std::uint64_t>(seed),
                           static_cast<std::uint32_t>(i + 1));
    momenta_.assign(honest_ + 1, std::vector<float>(problem_.dimension()));
  }

  // The test accuracy after the pilot's 250 rounds.
  Result<double> accuracy() {
    SHOAL_TRY(const auto pipeline, make_pipeline(assembly_.experiment.rule, "[rule]"));
    std::vector<float> model = problem_.initial, step(model.size());
    for (int round = 0; round < 250; ++round) {
      take_gradients(model);
      SHOAL_TRY(const Selection selection, pipeline->aggregate(view(), step));
      axpy(-0.2f, step, model);
    }
    const TestSet test = assembly_.test_set();
    return problem_.models->mine().evaluate(model, Batch{test.data.get(), test.rows}).accuracy;
  }

 private:
  void take_gradients(std::span<const float> model) {
    std::vector<float> gradient(model.size()), flips(model.size());
    for (std::size_t i = 0; i < honest_; ++i) {
      const auto rows = orders_[i].next_batch();
      problem_.models->mine().gradient(model, Batch{&flipped_, rows}, gradient);
      axpy(1.0f / static_cast<float>(honest_), gradient, flips);
      problem_.models->mine().gradient(model, Batch{problem_.data.get(), rows}, gradient);
      scaled_sum(0.9f, momenta_[i], 0.1f, gradient, momenta_[i]);
    }
    scaled_sum(0.9f, momenta_[honest_], 0.1f, flips, momenta_[honest_]);
  }

  RoundView view() const {
    RoundView view;
    for (std::size_t i = 0; i < problem_.workers(); ++i) {
      view.rows.push_back(momenta_[std::min(i, honest_)]);
      view.senders.push_back(static_cast<std::uint32_t>(i + 1));
    }
    view.weights.assign(view.size(), 1.0 / static_cast<double>(view.size()));
    view.declared_faults = kFaults;
    return view;
  }

  const Assembly& assembly_;
  const Problem<float>& problem_;
  const Dataset& flipped_;
  std::size_t honest_;
  std::vector<DataOrder> orders_;
  std::vector<std::vector<float>> momenta_;  // of the honest workers, and of the liars
};

Dataset with_flipped_labels(const Dataset& data) {
  Dataset flipped = data;
  for (std::int32_t& label : flipped.labels)
    label = static_cast<std::int32_t>(data.classes) - 1 - label;
  return flipped;
}

Result<AccuracyGrid> equal_flips_grid(StudyContext& context) {
  SHOAL_TRY(const auto first, context.assembly(kFashion, {}));
  const Dataset flipped = with_flipped_labels(*first->problem_float.data);
  AccuracyGrid grid{with_nnm(kRobust), {{"equal flips", ""}}, {{}}};
  grid.accuracy.front().resize(grid.rules.size());
  SHOAL_TRY_STATUS(
      context.side_by_side(grid.rules.size(), [&](StudyContext& alone, std::size_t i) -> Status {
        const RuleChoice& rule = grid.rules[i];
        Sample& sample = grid.accuracy.front()[i];
        for (const std::int64_t seed : alone.seeds()) {
          SHOAL_TRY(const auto assembly,
                    alone.assembly(kFashion, joined(under(rule, kFaults, {}, 0),
                                                    {fmt::format("seed={}", seed)})));
          SHOAL_TRY(sample.values.emplace_back(), EqualFlips(*assembly, flipped, seed).accuracy());
        }
        alone.say(fmt::format("  equal flips, {}: {}", rule.name, sample.text()));
        return ok_status();
      }));
  return grid;
}

constexpr std::size_t kRows = 25;
constexpr std::size_t kDimension = 1000000;

// What the network is measured against: each coordinate gathered and selected on its own.
void median_by_selection(const std::vector<Row>& rows, std::span<float> out) {
  std::vector<float> column(rows.size());
  const auto middle = column.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  for (std::size_t c = 0; c < out.size(); ++c) {
    for (std::size_t i = 0; i < rows.size(); ++i) column[i] = rows[i][c];
    std::nth_element(column.begin(), middle, column.end());
    out[c] = *middle;
  }
}

Claim median_time(StudyContext& context) {
  Sample selection_ms, network_ms, ratios;
  bool equal = true;
  for (const std::int64_t seed : context.seeds()) {
    RandomStream stream(static_cast<std::uint64_t>(seed), purpose("rows"));
    std::vector<std::vector<float>> values(kRows, std::vector<float>(kDimension));
    for (std::vector<float>& row : values)
      for (float& value : row) value = static_cast<float>(stream.uniform());
    const std::vector<Row> rows(values.begin(), values.end());
    std::vector<float> selected(kDimension), sorted(kDimension);
    selection_ms.values.push_back(1e3 * least_s(5, [&] { median_by_selection(rows, selected); }));
    network_ms.values.push_back(1e3 * least_s(5, [&] { coordinate_median(rows, sorted); }));
    equal = equal && selected == sorted;
  }
  for (std::size_t i = 0; i < network_ms.values.size(); ++i)
    ratios.values.push_back(selection_ms.values[i] / network_ms.values[i]);
  Claim claim;
  claim.claim =
      "The coordinate median by a sorting network across rows is many times as fast as a selection "
      "per coordinate, with the same bits";
  claim.paper = "pilot: 360 ms against 26 ms, 25 rows of a million values";
  claim.measured =
      fmt::format("{} ms against {} ms, {} times; {}", selection_ms.text(), network_ms.text(),
                  ratios.text(), equal ? "all values equal" : "values differ");
  claim.margin = "5 times on every seed and equal values; the least of five, one thread";
  claim.verdict = reproduced_if(ratios.lowest() >= 5.0 && equal);
  return claim;
}

Result<AccuracyGrid> main_grid(StudyContext& context) {
  std::vector<RuleChoice> rules = with_nnm(kRobust);
  rules.insert(rules.begin(), kMean);
  rules.push_back({"centred clipping, tau 1", "centred_clipping", {"tau=1.0"}});
  const std::vector<AttackChoice> attacks{{"none", ""},
                                          {"sign flip", "sign_flip", {"of=mean"}},
                                          {"label flip", "label_flip"},
                                          {"mimic", "mimic"}};
  return accuracy_grid(context, kFashion, std::move(rules), attacks, kFaults);
}

// Twenty aggregations a round more than any other attack, so only the rules of the claim.
Result<AccuracyGrid> alie_grid(StudyContext& context) {
  std::vector<RuleChoice> rules = with_nnm({kRobust[0], kRobust[1]});
  rules.insert(rules.begin(), kMean);
  const std::vector<AttackChoice> attacks{
      {"optimised ALIE", "little_is_enough", {"optimise=true", "direction=plus"}},
      {"ALIE, z = 1.5", "little_is_enough", {"formula=false", "z=1.5", "direction=plus"}}};
  return accuracy_grid(context, kFashion, std::move(rules), attacks, kFaults);
}

}  // namespace

Result<std::vector<Claim>> study_robust_baselines(StudyContext& context) {
  SHOAL_TRY(const AccuracyGrid grid, main_grid(context));
  SHOAL_TRY(const AccuracyGrid alie, alie_grid(context));
  context.add_text(grid_table(
      "Final accuracy, 17 workers with Dirichlet(0.1) labels, 4 liars of them declared; with no "
      "attack nobody lies and 4 stay declared; at its default tau of 10 centred clipping would "
      "clip "
      "nothing here and be the mean",
      grid));
  context.add_text(
      grid_table("The same under ALIE, with its factor searched every round and fixed", alie));
  SHOAL_TRY(const AccuracyGrid equal, equal_flips_grid(context));
  context.add_text(grid_table(
      "Label flips of no one's rows: all 4 liars send the mean of the honest gradients on flipped "
      "labels",
      equal));
  return std::vector<Claim>{
      label_flips(grid),
      nnm_helps(equal, "equal flips", 0.3,
                "The same when all liars send the mean of the honest gradients on flipped labels",
                kFlipPilot),
      mimics(grid),
      optimised_alie(alie),
      skew_is_the_enemy(grid),
      median_time(context)};
}

}  // namespace shoal

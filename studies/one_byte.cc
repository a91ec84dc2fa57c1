// "Just One Byte (per gradient)", Zelikman et al. 2023 (arXiv 2306.10015): slopes along shared
// random directions, one byte each. The note gives no figures that could be compared; the card's
// pilot does. Softmax regression on the digits (d = 650) and on Fashion-MNIST (d = 7850).
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "studies/studies.h"

namespace shoal {
namespace {

constexpr char kDigits[] = R"(
name = "one-byte"
[data]
kind = "digits"
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = 8
[method]
kind = "one_byte"
[report]
every = 20
)";
constexpr char kAccuracy[] = "test_accuracy";
constexpr double kModelBytes = 4.0 * 650.0;

std::vector<std::string> one_byte(const std::vector<std::string>& more) {
  return section("method", "one_byte",
                 joined({"rounds=600", "samples=1", "batch=64", "learning_rate=0.06"}, more));
}

double total(const RunResult& run, const std::string& figure) {
  double sum = 0.0;
  for (const LedgerLine& line : run.lines) sum += line.figure(figure).value_or(0.0);
  return sum;
}

// Runs of one set-up, and what is asked of them.
struct Runs {
  std::vector<RunResult> results;
  Sample train_loss;  // of the coordinator's last model, on all training rows
  Sample accuracy;    // of the last tenth of the rounds
};

Result<Runs> runs_of(StudyContext& context, const std::string& experiment,
                     const std::vector<std::string>& set) {
  Runs runs;
  SHOAL_TRY(runs.results, context.runs(experiment, set));
  SHOAL_TRY(runs.accuracy, StudyContext::figure_of(runs.results, kAccuracy));
  for (std::size_t i = 0; i < runs.results.size(); ++i) {
    const auto with_seed = joined(set, {fmt::format("seed={}", context.seeds()[i])});
    SHOAL_TRY(const auto assembly, context.assembly(experiment, with_seed));
    Rows rows(assembly->task.train->rows);
    for (std::uint32_t row = 0; row < rows.size(); ++row) rows[row] = row;
    const Batch all{assembly->task.train.get(), rows};
    const auto& last = runs.results[i].models.begin()->second;
    runs.train_loss.values.push_back(assembly->models_float->mine().evaluate(last, all).loss);
  }
  context.say(fmt::format("  {}: training loss {}, accuracy {}", fmt::join(set, " "),
                          runs.train_loss.text(4), runs.accuracy.text()));
  return runs;
}

Claim one_byte_costs_nothing(StudyContext& context, const Runs& byte, const Runs& exact,
                             const Runs& sign, const Runs& stochastic) {
  std::vector<std::vector<std::string>> rows;
  double loss_gap = 0.0, accuracy_gap = 0.0, ratio = 0.0;
  for (std::size_t i = 0; i < byte.results.size(); ++i) {
    loss_gap =
        std::max(loss_gap, std::abs(byte.train_loss.values[i] / exact.train_loss.values[i] - 1.0));
    accuracy_gap =
        std::max(accuracy_gap, std::abs(byte.accuracy.values[i] - exact.accuracy.values[i]));
    ratio = total(exact.results[i], "slope_bytes") / total(byte.results[i], "slope_bytes");
  }
  const auto row = [&](const char* name, const Runs& runs) {
    rows.push_back({name, runs.train_loss.text(4), runs.accuracy.text(),
                    fmt::format("{:.0f}", total(runs.results.front(), "slope_bytes")),
                    fmt::format("{}", runs.results.front().lines.back().bytes_up)});
  };
  row("float32", exact);
  row("byte", byte);
  row("byte, stochastic", stochastic);
  row("sign", sign);
  context.add_text(markdown_table(
      "Claim 1: 8 machines, 600 rounds, 1 sample each; bytes of slopes, and of whole frames, sent "
      "up",
      {"code", "training loss", "accuracy", "slopes", "frames"}, rows));
  Claim claim;
  claim.claim = "One byte costs nothing (digits, softmax regression, 8 machines, 600 rounds)";
  claim.paper = "pilot: float32 loss 0.5085, accuracy 0.922; byte 0.5083, 0.919";
  claim.measured = fmt::format("float32 {}, {}; byte {}, {}; sign {}, {}", exact.train_loss.text(4),
                               exact.accuracy.text(), byte.train_loss.text(4), byte.accuracy.text(),
                               sign.train_loss.text(4), sign.accuracy.text());
  claim.margin = fmt::format(
      "on every seed training loss within 2 % ({:.2f} %), accuracy within 0.01 ({:.4f}), payload "
      "exactly 1/4 (1/{})",
      100.0 * loss_gap, accuracy_gap, ratio);
  claim.verdict = reproduced_if(loss_gap <= 0.02 && accuracy_gap <= 0.01 && ratio == 4.0);
  claim.note = fmt::format(
      "A sign steps as far as a slope of 1 would, so at this learning rate its steps are the "
      "larger "
      "ones once slopes are below 1: a lower loss in as many rounds, and accuracies that vary more "
      "with the seed. Around one byte stands a frame of 32, so whole frames shrink by {:.2f} only; "
      "more samples a round share a frame.",
      static_cast<double>(exact.results.front().lines.back().bytes_up) /
          static_cast<double>(byte.results.front().lines.back().bytes_up));
  return claim;
}

Result<Claim> more_machines(StudyContext& context, const Runs& eight) {
  SHOAL_TRY(const Runs one, runs_of(context, kDigits, joined(one_byte({}), {"nodes.count=1"})));
  SHOAL_TRY(const Runs many, runs_of(context, kDigits, joined(one_byte({}), {"nodes.count=32"})));
  const double lead = smallest_lead(eight.accuracy, one.accuracy);
  Claim claim;
  claim.claim = "More machines help at equal rounds: directions are averaged";
  claim.paper = "pilot: accuracy 0.743, 0.919, 0.937 with 1, 8, 32; loss at 32 not below that at 8";
  claim.measured = fmt::format("accuracy {}, {}, {}; training loss {}, {}, {}", one.accuracy.text(),
                               eight.accuracy.text(), many.accuracy.text(), one.train_loss.text(4),
                               eight.train_loss.text(4), many.train_loss.text(4));
  claim.margin = fmt::format("on every seed 8 machines at least 0.08 above 1 (least {:.3f})", lead);
  claim.verdict = reproduced_if(lead >= 0.08);
  const bool lower = many.train_loss.mean() < eight.train_loss.mean();
  claim.note = fmt::format(
      "The loss at 32 machines is {} that at 8: the mean of the directions' steps is the same at "
      "any n, and what more of them take away is noise.",
      lower ? "below" : "not below");
  return claim;
}

// Rounds of plain SGD, a dense float32 gradient a machine, to that accuracy; one a seed.
Result<Sample> sgd_rounds(StudyContext& context, const Sample& accuracy) {
  const std::vector<std::string> sgd = joined(
      section("method", "fedavg", {"rounds=200", "local_steps=1", "batch=64"}), {"report.every=1"});
  // Tuned on training loss, which FedAvg's server does not see: after 30 rounds, on all rows.
  double best_rate = 0.0, best_loss = HUGE_VAL;
  for (const double rate : {0.03, 0.1, 0.3, 1.0, 3.0}) {
    SHOAL_TRY(
        const Runs runs,
        runs_of(context, kDigits,
                joined(sgd, {fmt::format("method.learning_rate={}", rate), "method.rounds=30"})));
    if (!(runs.train_loss.mean() < best_loss)) continue;
    best_loss = runs.train_loss.mean();
    best_rate = rate;
  }
  SHOAL_TRY(
      const auto results,
      context.runs(kDigits, joined(sgd, {fmt::format("method.learning_rate={}", best_rate)})));
  Sample rounds;
  for (std::size_t i = 0; i < results.size(); ++i) {
    double count = std::nan("");
    for (const LedgerLine& line : results[i].lines)
      if (std::isnan(count) && line.figure(kAccuracy).value_or(0.0) >= accuracy.values[i])
        count = static_cast<double>(line.round + 1);
    rounds.values.push_back(count);
  }
  context.say(fmt::format("  SGD at {}: {} rounds", best_rate, rounds.text()));
  return rounds;
}

Result<Claim> traffic(StudyContext& context, const Runs& byte) {
  SHOAL_TRY(const Sample rounds, sgd_rounds(context, byte.accuracy));
  const double slope_bytes = total(byte.results.front(), "slope_bytes");
  const double evaluations = total(byte.results.front(), "evaluations");
  const double sgd_bytes = 8.0 * kModelBytes * rounds.lowest();
  Claim claim;
  claim.claim = "Traffic: SGD with dense float32 gradients to the same accuracy sends far more";
  claim.paper = "pilot: 624000 bytes against 4800; 240 gradients against 9600 evaluations";
  claim.measured = fmt::format(
      "SGD {} rounds, {:.0f} bytes, {:.0f} gradients at the least; one byte {:.0f} bytes, {:.0f} "
      "evaluations",
      rounds.text(), sgd_bytes, 8.0 * rounds.lowest(), slope_bytes, evaluations);
  claim.margin = fmt::format("on every seed >= 50 times fewer payload bytes up ({:.0f})",
                             sgd_bytes / slope_bytes);
  claim.verdict = reproduced_if(sgd_bytes >= 50.0 * slope_bytes);
  claim.note = fmt::format(
      "SGD's learning rate is tuned for its training loss after 30 rounds. The price is compute: "
      "{:.0f} times as many passes over a batch, and 8 directions of 650 numbers made again by "
      "every machine in every round. With frames, one byte sends {} bytes up.",
      evaluations / (8.0 * rounds.lowest()), byte.results.front().lines.back().bytes_up);
  return claim;
}

// Nine places: one is left at about round 200, another is taken at about round 300.
Result<Claim> churn(StudyContext& context) {
  const auto steady = joined(one_byte({"round_deadline_s=1.0"}), {"nodes.count=9"});
  SHOAL_TRY(const Runs calm, runs_of(context, kDigits, steady));
  const auto& lines = calm.results.front().lines;
  const double leave_s = lines.at(200).time_s;
  // Until then the run waits twice for a deadline: for the one that is late, and the one that left.
  const double join_s = lines.at(300).time_s + 2.0;
  const auto changing = joined(steady, {fmt::format("faults.crash_at=[3.0, {}]", leave_s + 1.0),
                                        fmt::format("faults.late_at=[9.0, {}]", join_s)});
  SHOAL_TRY(const Runs moved, runs_of(context, kDigits, changing));
  double gap = 0.0, forked = 0.0;
  std::vector<std::string> counts;
  std::vector<std::vector<std::string>> rows;
  bool as_meant = true;
  for (std::size_t i = 0; i < moved.results.size(); ++i) {
    const RunResult& run = moved.results[i];
    gap = std::max(gap, std::abs(moved.train_loss.values[i] / calm.train_loss.values[i] - 1.0));
    forked += total(run, "forked");
    std::size_t left = 0, joined_at = 0;
    for (const LedgerLine& line : run.lines) {
      const double samples = line.figure("samples").value_or(0.0);
      if (left == 0 && line.round > 0 && samples < 8.0) left = line.round;
      if (left > 0 && joined_at == 0 && samples >= 8.0) joined_at = line.round;
    }
    as_meant =
        as_meant && left > 0 && joined_at > left && run.lines.back().figure("samples") == 8.0;
    rows.push_back({fmt::format("{}", context.seeds()[i]), fmt::format("{}", left),
                    fmt::format("{}", joined_at), fmt::format("{:.0f}", total(run, "forked")),
                    fmt::format("{:.4f}", moved.train_loss.values[i]),
                    fmt::format("{:.4f}", calm.train_loss.values[i])});
  }
  context.add_text(markdown_table(
      "Claim 4: the first rounds without the machine that left and with the one that joined, and "
      "checksums that differed",
      {"seed", "left", "joined", "differed", "training loss", "without churn"}, rows));
  Claim claim;
  claim.claim =
      "Churn: a machine leaves at round 200, another joins at 300 by log replay; parameters stay "
      "equal, the loss is that of a run without churn";
  claim.paper = "-";
  claim.measured = fmt::format("training loss {} with churn, {} without; {:.0f} checksums differ",
                               moved.train_loss.text(4), calm.train_loss.text(4), forked);
  claim.margin =
      fmt::format("all checksums equal, every 64 rounds; loss within 5 % on every seed ({:.2f} %)",
                  100.0 * gap);
  claim.verdict = reproduced_if(as_meant && forked == 0.0 && gap <= 0.05);
  claim.note =
      "The run without churn has all nine machines throughout. The newcomer asks for the rounds "
      "that it has missed and is told them in frames of at most 60 KiB; replaying 300 rounds costs "
      "it 300 x 8 directions of 650 numbers.";
  return claim;
}

constexpr char kFashion[] = R"(
name = "one-byte-fashion"
[data]
kind = "fashion_mnist"
[partition]
kind = "iid"
[model]
kind = "softmax"
[nodes]
count = 8
[method]
kind = "one_byte"
[report]
every = 100
)";

Result<Claim> fashion(StudyContext& context) {
  const auto set =
      section("method", "one_byte", {"rounds=500", "samples=1", "batch=64", "learning_rate=0.001"});
  SHOAL_TRY(const auto results, context.runs(kFashion, set));
  std::vector<std::vector<std::string>> rows;
  bool falls = true;
  Sample last, accuracy;
  for (std::size_t i = 0; i < results.size(); ++i) {
    std::vector<std::string> row{fmt::format("{}", context.seeds()[i])};
    double before = HUGE_VAL;
    for (const LedgerLine& line : results[i].lines) {
      const auto loss = line.figure("test_loss");
      if (!loss) continue;
      falls = falls && *loss < before;
      before = *loss;
      row.push_back(fmt::format("{:.4f}", *loss));
    }
    falls = falls && row.size() == 6;
    last.values.push_back(before);
    accuracy.values.push_back(final_figure(results[i].lines, kAccuracy).value_or(std::nan("")));
    rows.push_back(row);
  }
  context.add_text(markdown_table("Claim 5: test loss on Fashion-MNIST after so many rounds",
                                  {"seed", "100", "200", "300", "400", "500"}, rows));
  Claim claim;
  claim.claim = "Fashion-MNIST, softmax regression (d = 7850): the loss falls throughout";
  claim.paper = "-";
  claim.measured = fmt::format("loss at the end {}, accuracy {}", last.text(4), accuracy.text());
  claim.margin = "falls from each of 5 checkpoints to the next, on every seed";
  claim.verdict = reproduced_if(falls);
  return claim;
}

}  // namespace

Result<std::vector<Claim>> study_one_byte(StudyContext& context) {
  context.say("one byte against float32");
  SHOAL_TRY(const Runs byte, runs_of(context, kDigits, one_byte({})));
  SHOAL_TRY(const Runs exact, runs_of(context, kDigits, one_byte({"code=f32"})));
  SHOAL_TRY(const Runs sign, runs_of(context, kDigits, one_byte({"code=sign"})));
  SHOAL_TRY(const Runs stochastic, runs_of(context, kDigits, one_byte({"code=byte_stochastic"})));
  std::vector<Claim> claims{one_byte_costs_nothing(context, byte, exact, sign, stochastic)};
  context.say("more machines");
  SHOAL_TRY(Claim machines, more_machines(context, byte));
  claims.push_back(std::move(machines));
  context.say("traffic");
  SHOAL_TRY(Claim bytes, traffic(context, byte));
  claims.push_back(std::move(bytes));
  context.say("churn");
  SHOAL_TRY(Claim moved, churn(context));
  claims.push_back(std::move(moved));
  context.say("Fashion-MNIST");
  SHOAL_TRY(Claim falls, fashion(context));
  claims.push_back(std::move(falls));
  return claims;
}

}  // namespace shoal

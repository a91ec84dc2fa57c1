// PowerSGD, Vogels, Karimireddy and Jaggi 2019 (arXiv 1905.13727): low-rank gradients with error
// feedback and a warm start, against SGD and without either, and against Top-K at the same bytes.
//
// The paper's networks (ResNet18 on CIFAR-10, 16 workers, 300 epochs) are out of reach of two
// cores: an MLP on digits stands in. Time is measured in claim 3 only.
#include <Eigen/SVD>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/study/study.h"

#include "studies/studies.h"

namespace shoal {
namespace {

constexpr char kDigits[] = R"(
name = "powersgd"
[data]
kind = "digits"
[partition]
kind = "iid"
[model]
kind = "mlp"
hidden = [32.0]
[nodes]
count = 8
[method]
kind = "all_reduce_sgd"
steps = 600
batch = 16
learning_rate = 0.1
optimizer = "momentum"
[report]
every = 20
)";

struct Outcome {
  std::string name;
  Sample accuracy;
  Sample loss;   // of training, in the last tenth
  double bytes;  // that a worker sends a step
};

Result<Outcome> outcome_of(StudyContext& context, const std::string& name,
                           const std::vector<std::string>& set) {
  SHOAL_TRY(const auto runs, context.runs(kDigits, set));
  Outcome outcome;
  outcome.name = name;
  SHOAL_TRY(outcome.accuracy, StudyContext::figure_of(runs, "test_accuracy"));
  SHOAL_TRY(outcome.loss, StudyContext::figure_of(runs, "train_loss"));
  outcome.bytes = static_cast<double>(runs.front().bytes_sent) / (8.0 * 600.0);
  context.say(fmt::format("  {}: accuracy {}, training loss {}", name, outcome.accuracy.text(),
                          outcome.loss.text()));
  return outcome;
}

std::vector<std::string> power_sgd(int rank, const char* feedback, bool warm_start) {
  return section("codec", "powersgd",
                 {fmt::format("rank={}", rank), fmt::format("feedback={}", feedback),
                  fmt::format("warm_start={}", warm_start)});
}

std::vector<std::string> row_of(const Outcome& outcome, const char* data) {
  return {outcome.name, data, outcome.accuracy.text(), outcome.loss.text(3),
          fmt::format("{:.0f}", outcome.bytes)};
}

Result<Claim> parity(StudyContext& context, std::vector<std::vector<std::string>>& rows) {
  SHOAL_TRY(const Outcome sgd, outcome_of(context, "SGD", {}));
  SHOAL_TRY(const Outcome one, outcome_of(context, "rank 1", power_sgd(1, "ef", true)));
  SHOAL_TRY(const Outcome two, outcome_of(context, "rank 2", power_sgd(2, "ef", true)));
  SHOAL_TRY(const Outcome one_cold,
            outcome_of(context, "rank 1, no warm start", power_sgd(1, "ef", false)));
  SHOAL_TRY(const Outcome two_cold,
            outcome_of(context, "rank 2, no warm start", power_sgd(2, "ef", false)));
  SHOAL_TRY(const Outcome one_forgets,
            outcome_of(context, "rank 1, no feedback", power_sgd(1, "none", true)));
  SHOAL_TRY(const Outcome two_forgets,
            outcome_of(context, "rank 2, no feedback", power_sgd(2, "none", true)));
  for (const Outcome* outcome :
       {&sgd, &one, &two, &one_cold, &two_cold, &one_forgets, &two_forgets})
    rows.push_back(row_of(*outcome, "even"));
  const double behind = smallest_lead(two.accuracy, sgd.accuracy);
  const double loss = largest_ratio(two.loss, sgd.loss);
  const double forgotten = std::min(smallest_ratio(one_forgets.loss, one.loss),
                                    smallest_ratio(two_forgets.loss, two.loss));
  Claim claim;
  claim.claim =
      "Rank 2 with error feedback is on par with SGD; without feedback it is not (digits)";
  claim.paper =
      "CIFAR-10: SGD 94.3 %, rank 1 93.6 %, rank 2 94.4 %; pilot: SGD 0.982 / 0.0174, rank 2 0.982 "
      "/ "
      "0.0173, no feedback 0.126 and 0.063";
  claim.measured = fmt::format(
      "accuracy, loss: SGD {}, {}; rank 1 {}, {}; rank 2 {}, {}; no feedback {} and {}",
      sgd.accuracy.text(), sgd.loss.text(), one.accuracy.text(), one.loss.text(),
      two.accuracy.text(), two.loss.text(), one_forgets.loss.text(), two_forgets.loss.text());
  claim.margin = fmt::format(
      "on every seed rank 2 >= SGD - 0.01 ({:+.4f}), its loss <= 1.5 x SGD's ({:.2f}); without "
      "feedback loss >= 2 x that with it ({:.2f})",
      behind, loss, forgotten);
  claim.verdict = reproduced_if(behind >= -0.01 && loss <= 1.5 && forgotten >= 2.0);
  claim.note = fmt::format(
      "A worker sends {:.0f} bytes a step at rank 2 and {:.0f} for SGD, frames included: a ring of "
      "8 "
      "sends every value 1.75 times, in 14 frames a sum.",
      two.bytes, sgd.bytes);
  return claim;
}

// Top-K's share of the entries that makes its encoded message as large as PowerSGD's factors.
constexpr double kSameBytes = 0.06;

Result<Claim> uneven(StudyContext& context, std::vector<std::vector<std::string>>& rows) {
  const auto shards = section("partition", "shards", {"shards=1"});
  SHOAL_TRY(const Outcome sgd, outcome_of(context, "SGD", shards));
  SHOAL_TRY(const Outcome two,
            outcome_of(context, "rank 2", joined(shards, power_sgd(2, "ef", true))));
  SHOAL_TRY(
      const Outcome top_k,
      outcome_of(context, fmt::format("Top-K {} %, feedback", 100.0 * kSameBytes),
                 joined(shards, section("codec", "top_k",
                                        {fmt::format("ratio={}", kSameBytes), "feedback=ef"}))));
  for (const Outcome* outcome : {&sgd, &two, &top_k}) rows.push_back(row_of(*outcome, "sorted"));
  const double behind = smallest_lead(two.accuracy, sgd.accuracy);
  Claim claim;
  claim.claim = "Sorted by label, one shard a worker: rank 2 with feedback stays on par with SGD";
  claim.paper = "pilot: 0.982 and 0.982";
  claim.measured = fmt::format("SGD {}; rank 2 {}; Top-K {}", sgd.accuracy.text(),
                               two.accuracy.text(), top_k.accuracy.text());
  claim.margin = fmt::format("on every seed rank 2 >= SGD - 0.01 ({:+.4f})", behind);
  claim.verdict = reproduced_if(behind >= -0.01);
  claim.note =
      "Top-K keeps the share of entries that makes its message about as large as the factors, but "
      "every worker sends it to every other one.";
  return claim;
}

// Median seconds of a few repetitions.
template <class Work>
double median_s(Work work) {
  std::vector<double> taken;
  for (int i = 0; i < 9; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    taken.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::nth_element(taken.begin(), taken.begin() + 4, taken.end());
  return taken[4];
}

Result<Claim> cost(StudyContext& context) {
  constexpr std::uint32_t kRows = 512, kColumns = 784;
  Layout layout;
  layout.add("matrix", {kRows, kColumns});
  SHOAL_TRY(const Table table, parse_toml("kind = \"powersgd\"\nrank = 2"));
  SHOAL_TRY(const auto codec, make_codec(table, "[codec]"));
  Sample ratios;
  for (const std::int64_t seed : context.seeds()) {
    RandomStream stream(static_cast<std::uint64_t>(seed), purpose("powersgd study"));
    std::vector<float> row(layout.size()), decoded(layout.size());
    for (float& value : row) value = static_cast<float>(stream.normal());
    const Draws draws = codec_draws(static_cast<std::uint64_t>(seed), 0, 0);
    Status status = ok_status();
    const double both_s = median_s([&] {
      ByteWriter out;
      if (auto encoded = codec->encode(row, layout, draws, out); !encoded.ok()) status = encoded;
      if (auto read = codec->decode(out.bytes(), layout, draws.shared, decoded); !read.ok())
        status = read;
    });
    SHOAL_TRY_STATUS(status);
    using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    const Eigen::Map<const RowMajor> matrix(row.data(), kRows, kColumns);
    Eigen::BDCSVD<Eigen::MatrixXf> svd;
    const double svd_s =
        median_s([&] { svd.compute(matrix, Eigen::ComputeThinU | Eigen::ComputeThinV); });
    ratios.values.push_back(svd_s / both_s);
  }
  Claim claim;
  claim.claim = "Encoding and decoding a 512 x 784 matrix at rank 2 costs far less than its SVD";
  claim.paper = "-";
  claim.measured = fmt::format("the thin SVD takes {} times as long", ratios.text());
  claim.margin = "at least 10 times";
  claim.verdict = reproduced_if(ratios.lowest() >= 10.0);
  claim.note =
      "Wall time on the computer that ran this, medians of 9, both on one thread: the figure "
      "differs "
      "from run to run. Eigen's BDCSVD, in float.";
  return claim;
}

}  // namespace

Result<std::vector<Claim>> study_powersgd(StudyContext& context) {
  std::vector<std::vector<std::string>> rows;
  context.say("parity and feedback");
  SHOAL_TRY(const Claim first, parity(context, rows));
  context.say("sorted by label");
  SHOAL_TRY(const Claim second, uneven(context, rows));
  context.say("cost");
  SHOAL_TRY(const Claim third, cost(context));
  context.add_text(
      markdown_table("Claims 1 and 2: digits, MLP 64-32-10, 8 workers, 600 steps, momentum 0.9; "
                     "training loss of the "
                     "last tenth; bytes that a worker sends a step, frames included",
                     {"method", "data", "accuracy", "training loss", "bytes"}, rows));
  return std::vector<Claim>{first, second, third};
}

}  // namespace shoal

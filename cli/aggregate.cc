// `shoal aggregate`: a rule on a matrix of one's own, one row a sender.
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/kind_text.h"
#include "shoal/data/npy_reader.h"
#include "shoal/math/vector.h"
#include "shoal/rule/pipeline.h"

#include "cli/command.h"

namespace shoal {
namespace {

struct AggregateOptions {
  std::string in;
  std::string out;
  std::string rule;
  std::size_t faults = 0;
  std::string weights, trusted, losses;
  std::uint64_t seed = 1;
};

struct Array {
  std::vector<std::uint64_t> shape;
  std::vector<float> values;
  bool rounded = false;  // was float64
};

Result<Array> read_array(const std::string& path, std::size_t dimensions, const char* what) {
  SHOAL_TRY(const TypedArray file, read_npy(path));
  if (file.type != ElementType::kF32 && file.type != ElementType::kF64)
    return invalid_argument(
        fmt::format("{} does not hold float32 or float64; save it with x.astype('float32')", path));
  if (file.shape.size() != dimensions)
    return invalid_argument(fmt::format("{} has {} dimensions; {}", path, file.shape.size(), what));
  Array array{file.shape, std::vector<float>(file.size()), file.type == ElementType::kF64};
  to_floats(file, 1.0, array.values);
  return array;
}

Result<std::vector<float>> read_vector(const std::string& path, std::size_t length,
                                       const char* what) {
  SHOAL_TRY(Array array, read_array(path, 1, what));
  if (array.values.size() != length)
    return invalid_argument(fmt::format("{} has {} entries and {} are needed: {}", path,
                                        array.values.size(), length, what));
  return std::move(array.values);
}

// Losses that were measured elsewhere: of the model as it is, then after each row alone.
class GivenLosses : public ValidationLoss {
 public:
  GivenLosses(std::vector<float> losses, const std::vector<std::span<const float>>& rows)
      : losses_(std::move(losses)), rows_(rows) {}

  double before() const override { return static_cast<double>(losses_[0]); }
  double after(std::span<const float> row) const override {
    for (std::size_t i = 0; i < rows_.size(); ++i)
      if (rows_[i].data() == row.data()) return static_cast<double>(losses_[i + 1]);
    SHOAL_CHECK(false, "losses are asked of the rows that were given");
    return 0.0;
  }

 private:
  std::vector<float> losses_;
  std::vector<std::span<const float>> rows_;
};

// "nnm,trimmed_mean" as the table of a [rule] section.
Result<Table> rule_section(const std::string& text) {
  std::vector<std::string> kinds = split_kinds(text);
  SHOAL_TRY(Table table, kind_table(kinds.back(), names_of(rules())));
  kinds.pop_back();
  Value::List before;
  for (const std::string& kind : kinds) {
    SHOAL_TRY(Table stage, kind_table(kind, names_of(pre_aggregators())));
    before.emplace_back(std::move(stage));
  }
  if (!before.empty()) table.set("before", std::move(before));
  return table;
}

Status check_offered(const Rule& rule, const AggregateOptions& options) {
  const RuleNeeds needs = rule.needs();
  if (needs.trusted_row && options.trusted.empty())
    return invalid_argument(fmt::format(
        "{} compares rows with one that the receiver trusts: give it with --trusted pivot.npy",
        options.rule));
  if (needs.validation_rows == 0) return ok_status();
  if (options.losses.empty())
    return invalid_argument(fmt::format(
        "{} ranks rows by their loss: give the loss before and then after each row with --losses "
        "losses.npy",
        options.rule));
  if (split_kinds(options.rule).size() > 1)
    return invalid_argument(
        "--losses are those of the rows in the file, and what stands before the rule makes others: "
        "leave it out of --rule");
  return ok_status();
}

Result<Array> read_rows(const std::string& path) {
  SHOAL_TRY(Array array, read_array(path, 2, "give a matrix with one row a sender"));
  if (array.shape[0] == 0 || array.shape[1] == 0)
    return invalid_argument(fmt::format("{} has no entries; give at least one row", path));
  const std::size_t length = array.shape[1];
  for (std::size_t i = 0; i < array.shape[0]; ++i) {
    const Row row(array.values.data() + i * length, length);
    const std::size_t bad = first_not_finite(row);
    if (bad < length)
      return invalid_argument(fmt::format(
          "row {} of {} has entry {} = {}{}; leave that row out, as every receiver does in a run",
          i, path, bad, row[bad], array.rounded ? " as float32" : ""));
  }
  return array;
}

Result<std::vector<double>> read_weights(const std::string& path, std::size_t n) {
  if (path.empty()) return std::vector<double>(n, 1.0 / static_cast<double>(n));
  SHOAL_TRY(const std::vector<float> given, read_vector(path, n, "give one weight a row"));
  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    if (!std::isfinite(given[i]) || given[i] < 0.0f)
      return invalid_argument(
          fmt::format("weight {} of {} is {}; weights are at least 0", i, path, given[i]));
    total += static_cast<double>(given[i]);
  }
  if (total == 0.0)
    return invalid_argument(fmt::format("all weights of {} are 0; raise one of them", path));
  std::vector<double> weights(given.begin(), given.end());
  for (double& weight : weights) weight /= total;
  return weights;
}

const char* name_of(SuspectKind kind) {
  switch (kind) {
    case SuspectKind::kSignFlip:
      return "flips signs";
    case SuspectKind::kNoise:
      return "adds noise";
    case SuspectKind::kTargeted:
      return "pushes to a target";
    case SuspectKind::kUnreliable:
      return "is unreliable";
  }
  return "";
}

void print_outcome(const RoundView& round, const Selection& selection, Row result) {
  fmt::print("{:>6}  {:<5}  {:>12}  {:>12}\n", "row", "kept", "norm", "to result");
  std::size_t next = 0;
  for (const std::uint32_t sender : round.senders) {
    const bool kept = next < selection.kept.size() && selection.kept[next] == sender;
    next += kept;
    const Row row = round.rows[sender];
    fmt::print("{:>6}  {:<5}  {:>12.6g}  {:>12.6g}\n", sender, kept ? "yes" : "no",
               std::sqrt(squared_norm(row)), std::sqrt(squared_distance(row, result)));
  }
  for (const Suspect& suspect : selection.suspects)
    fmt::print("suspect   row {} {}\n", suspect.sender, name_of(suspect.kind));
  fmt::print("kept      {} of {} rows\n", selection.kept.size(), round.size());
  fmt::print("norm      {:.6g} of the result\n", std::sqrt(squared_norm(result)));
}

Status aggregate_rows(const AggregateOptions& options) {
  SHOAL_TRY(const Table section, rule_section(options.rule));
  SHOAL_TRY(const auto rule, make_pipeline(section, "--rule"));
  SHOAL_TRY_STATUS(check_offered(*rule, options));
  SHOAL_TRY(const Array array, read_rows(options.in));
  const std::size_t n = array.shape[0], length = array.shape[1];
  RoundView round;
  for (std::uint32_t i = 0; i < n; ++i) {
    round.rows.emplace_back(array.values.data() + i * length, length);
    round.senders.push_back(i);
  }
  SHOAL_TRY(round.weights, read_weights(options.weights, n));
  round.seed = options.seed;
  round.declared_faults = options.faults;
  std::vector<float> trusted, losses;
  if (!options.trusted.empty()) {
    SHOAL_TRY(trusted, read_vector(options.trusted, length, "the row that the receiver trusts"));
    if (!all_finite(trusted))
      return invalid_argument(fmt::format(
          "{} has entries that are not finite; a trusted row has none", options.trusted));
    round.trusted = trusted;
  }
  std::unique_ptr<GivenLosses> validation;
  if (!options.losses.empty()) {
    SHOAL_TRY(losses, read_vector(options.losses, n + 1, "the loss before, then after each row"));
    validation = std::make_unique<GivenLosses>(std::move(losses), round.rows);
    round.validation = validation.get();
  }
  std::vector<float> result(length);
  SHOAL_TRY(const Selection selection, rule->aggregate(round, result));
  const std::uint64_t shape[] = {length};
  SHOAL_TRY_STATUS(write_npy(options.out, shape, result));
  if (array.rounded) fmt::print("note      {} holds float64; rounded to float32\n", options.in);
  print_outcome(round, selection, result);
  fmt::print("written   {}\n", options.out);
  return ok_status();
}

}  // namespace

void add_aggregate_command(CLI::App& app, Action& action) {
  auto options = std::make_shared<AggregateOptions>();
  CLI::App* command =
      app.add_subcommand("aggregate",
                         "Aggregate the rows of a matrix, one a sender, with a robust rule.\n"
                         "Try: shoal aggregate --rule nnm,trimmed_mean --f 5 rows.npy -o out.npy");
  command->add_option("file", options->in, "an .npy matrix of float32 or float64")->required();
  command
      ->add_option("--rule", options->rule,
                   "what comes before the rule, then the rule, with settings: "
                   "nnm,centred_clipping:tau=2 (`shoal list rules`)")
      ->required();
  command->add_option("-o,--out", options->out, "the .npy file to write")->required();
  command->add_option("--f", options->faults, "how many rows may be lies");
  command->add_option("--weights", options->weights, "an .npy vector: what each sender claims");
  command->add_option("--trusted", options->trusted, "an .npy vector: a row the receiver trusts");
  command->add_option("--losses", options->losses,
                      "an .npy vector: the loss before, then after each row alone");
  command->add_option("--seed", options->seed, "seed of rules that draw");
  command->callback([options, &action] {
    action = [options] {
      const Status status = aggregate_rows(*options);
      return status.ok() ? 0 : complain(status.error());
    };
  });
}

}  // namespace shoal

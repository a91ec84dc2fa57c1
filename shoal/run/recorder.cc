#include "shoal/run/recorder.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace shoal {
namespace {

// Rounds whose tests may still be running; beyond this the oldest is waited for.
constexpr std::size_t kRoundsUnderTestMax = 4;

constexpr std::pair<SuspectKind, const char*> kSuspects[] = {
    {SuspectKind::kSignFlip, "suspects_sign_flip"},
    {SuspectKind::kNoise, "suspects_noise"},
    {SuspectKind::kTargeted, "suspects_targeted"},
    {SuspectKind::kUnreliable, "suspects_unreliable"},
};

template <class Scalar>
bool same_bits(const std::vector<Scalar>& a, const std::vector<Scalar>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Scalar)) == 0;
}

}  // namespace

Recorder::Recorder(const Meter& meter, std::size_t nodes, ThreadPool& pool, ReportSchedule schedule,
                   TestSet test, std::shared_ptr<ModelPool<float>> in_float,
                   std::shared_ptr<ModelPool<double>> in_double)
    : meter_(meter),
      pool_(pool),
      schedule_(schedule),
      test_(std::move(test)),
      in_float_(std::move(in_float)),
      in_double_(std::move(in_double)) {
  for (NodeId node = 0; node < nodes; ++node)
    if (schedule_.reports(node)) alive_.insert(node);
}

Recorder::~Recorder() {
  for (auto& [step, round] : rounds_)
    for (auto& test : round.tests)
      if (test->ticket) pool_.wait(test->ticket);
}

bool Recorder::wants_model(NodeId node, Step step) const {
  return schedule_.wants_model(node, step);
}

Recorder::Round& Recorder::round_of(Step step) {
  Round& round = rounds_[step];
  round.line.round = step;
  return round;
}

bool Recorder::is_lying_peer(NodeId node, Step step) const {
  return schedule_.servers == 0 && liars_ && liars_->lies(node, step);
}

void Recorder::model(NodeId node, Step step, std::span<const float> parameters) {
  Round& round = round_of(step);
  if (!is_lying_peer(node, step))
    round.models_float[node].assign(parameters.begin(), parameters.end());
  newest_.keep(node, parameters);
}

void Recorder::model(NodeId node, Step step, std::span<const double> parameters) {
  Round& round = round_of(step);
  if (!is_lying_peer(node, step))
    round.models_double[node].assign(parameters.begin(), parameters.end());
  newest_.keep(node, parameters);
}

void Recorder::figure(NodeId node, Step step, std::string_view name, double value) {
  if (!schedule_.reports(node)) return;
  for (Figure& figure : round_of(step).figures) {
    if (figure.name != name) continue;
    figure.sum += value;
    ++figure.count;
    return;
  }
  round_of(step).figures.push_back({std::string(name), value, 1});
}

void Recorder::selection(NodeId node, Step step, std::span<const NodeId> senders,
                         const Selection& selection) {
  if (!schedule_.reports(node) || is_lying_peer(node, step)) return;
  const std::vector<NodeId>& kept = selection.kept;
  const auto show = [&](std::string_view name, std::size_t count) {
    figure(node, step, name, static_cast<double>(count));
  };
  show("kept_count", kept.size());
  if (liars_) {
    const auto liars_among = [&](std::span<const NodeId> nodes) {
      return static_cast<std::size_t>(
          std::ranges::count_if(nodes, [&](NodeId sender) { return liars_->lies(sender, step); }));
    };
    const std::size_t arrived = liars_among(senders), stayed = liars_among(kept);
    const auto caught = static_cast<double>(arrived - stayed);
    show("kept_liars", stayed);
    if (const std::size_t left_out = senders.size() - kept.size(); left_out > 0)
      figure(node, step, "detection_precision", caught / static_cast<double>(left_out));
    if (arrived > 0) figure(node, step, "detection_recall", caught / static_cast<double>(arrived));
  }
  for (const auto& [kind, name] : kSuspects) {
    const auto count = std::ranges::count(selection.suspects, kind, &Suspect::kind);
    if (count > 0) show(name, static_cast<std::size_t>(count));
  }
  if (schedule_.servers > 0) round_of(step).line.kept = kept;
}

void Recorder::step_done(NodeId node, Step step) {
  if (!schedule_.reports(node)) return;
  round_of(step).done.insert(node);
  newest_.stands_in(node, step + 1);
  // Also those before it: a newcomer has missed some.
  for (auto& [number, round] : rounds_) {
    if (number > step) break;
    if (!round.done.empty()) check_complete(number, round);
  }
  hand_out(false);
}

void Recorder::node_left(NodeId node) {
  if (alive_.erase(node) == 0) return;
  for (auto& [step, round] : rounds_)
    if (!round.complete && !round.done.empty()) check_complete(step, round);
}

// Lines that are out stay as they are.
void Recorder::node_returned(NodeId node) {
  if (schedule_.reports(node)) alive_.insert(node);
}

void Recorder::check_complete(Step step, Round& round) {
  const bool all = std::all_of(alive_.begin(), alive_.end(), [&](NodeId node) {
    return round.done.count(node) > 0 || newest_.has_done(node, step);
  });
  if (all && !round.complete) complete(step, round);
}

void Recorder::complete(Step step, Round& round) {
  round.complete = true;
  round.line.time_s = meter_.now_s();
  round.line.gradients = meter_.gradients();
  round.line.bytes_up = meter_.bytes_up();
  round.line.bytes_down = meter_.bytes_down();
  start_tests(round, round.models_float, in_float_);
  start_tests(round, round.models_double, in_double_);
  if (on_round_) on_round_(step);
}

template <class Scalar>
void Recorder::start_tests(Round& round, std::map<NodeId, std::vector<Scalar>>& models,
                           const std::shared_ptr<ModelPool<Scalar>>& pool) {
  if (models.empty()) return;
  std::vector<std::shared_ptr<const std::vector<Scalar>>> to_test;
  auto mean = std::make_shared<std::vector<Scalar>>(models.begin()->second.size());
  std::vector<double> sum(mean->size());
  for (const auto& [node, parameters] : models)
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += parameters[i];
  for (std::size_t i = 0; i < sum.size(); ++i)
    (*mean)[i] = static_cast<Scalar>(sum[i] / static_cast<double>(models.size()));
  if (models.size() > 1) {
    double distance = 0.0;
    for (const auto& [node, parameters] : models)
      for (std::size_t i = 0; i < sum.size(); ++i) {
        const double gap = static_cast<double>(parameters[i]) - static_cast<double>((*mean)[i]);
        distance += gap * gap;
      }
    round.consensus = distance / static_cast<double>(models.size());
  }
  for (auto& [node, parameters] : models)
    to_test.push_back(std::make_shared<const std::vector<Scalar>>(std::move(parameters)));
  if (models.size() > 1) to_test.push_back(mean);
  models.clear();
  if (!test_.data) return;
  for (std::size_t i = 0; i < to_test.size(); ++i) {
    const auto& parameters = to_test[i];
    // Replicas of synchronous methods are all the same, and need one test.
    if (i > 0 && same_bits(*parameters, *to_test[0])) {
      round.tests.push_back(round.tests[0]);
      continue;
    }
    auto test = std::make_shared<Test>();
    test->ticket = pool_.submit([this, test = test.get(), pool, parameters] {
      const auto evaluate = [&](const TestSet& set) {
        return pool->mine().evaluate(*parameters, Batch{set.data.get(), set.rows});
      };
      test->result = evaluate(test_);
      if (goal_.data) test->attack_success = evaluate(goal_).accuracy;
    });
    round.tests.push_back(std::move(test));
  }
}

void Recorder::add_measurements(Round& round) {
  LedgerLine& line = round.line;
  const std::size_t tests = round.tests.size();
  if (tests > 0) {
    // With one model it is the run's; with several, the last test is that of their mean.
    const std::size_t nodes = tests > 1 ? tests - 1 : 1;
    double accuracy = 0.0, loss = 0.0, attack_success = 0.0;
    double worst_accuracy = 1.0, worst_loss = -HUGE_VAL;
    for (std::size_t i = 0; i < nodes; ++i) {
      const Evaluation& result = round.tests[i]->result;
      accuracy += result.accuracy / static_cast<double>(nodes);
      loss += result.loss / static_cast<double>(nodes);
      attack_success += round.tests[i]->attack_success / static_cast<double>(nodes);
      worst_accuracy = std::min(worst_accuracy, result.accuracy);
      // Nothing is worse than a loss that is no number.
      if (!std::isnan(worst_loss) && !(result.loss <= worst_loss)) worst_loss = result.loss;
    }
    const bool classes = test_.data->classes > 0;
    if (classes) line.figures.emplace_back("test_accuracy", accuracy);
    line.figures.emplace_back("test_loss", loss);
    if (tests > 1) {
      if (classes) line.figures.emplace_back("test_accuracy_worst", worst_accuracy);
      line.figures.emplace_back("test_loss_worst", worst_loss);
      if (classes)
        line.figures.emplace_back("test_accuracy_of_mean", round.tests.back()->result.accuracy);
      line.figures.emplace_back("test_loss_of_mean", round.tests.back()->result.loss);
    }
    if (goal_.data) line.figures.emplace_back("attack_success", attack_success);
  }
  if (round.consensus >= 0.0) line.figures.emplace_back("consensus_distance", round.consensus);
  for (const Figure& figure : round.figures)
    line.figures.emplace_back(figure.name, figure.sum / static_cast<double>(figure.count));
}

void Recorder::hand_out(bool wait) {
  while (!rounds_.empty()) {
    Round& round = rounds_.begin()->second;
    if (!round.complete) return;
    const bool full = rounds_.size() > kRoundsUnderTestMax;
    for (auto& test : round.tests) {
      if (!wait && !full && !test->ticket->done()) return;
      pool_.wait(test->ticket);
    }
    add_measurements(round);
    if (on_line_) on_line_(round.line);
    rounds_.erase(rounds_.begin());
  }
}

void Recorder::flush(bool at_end) {
  if (at_end)
    for (auto& [step, round] : rounds_)
      if (!round.complete && !round.done.empty()) complete(step, round);
  if (at_end) std::erase_if(rounds_, [](const auto& entry) { return !entry.second.complete; });
  hand_out(true);
}

void Recorder::save(ByteWriter& out) const {
  const auto save_models = [&out](const auto& models) {
    out.number<std::uint64_t>(models.size());
    for (const auto& [node, parameters] : models) {
      out.number<NodeId>(node);
      out.numbers(std::span(parameters));
    }
  };
  out.numbers<NodeId>(std::vector<NodeId>(alive_.begin(), alive_.end()));
  save_models(newest_.all_float());
  save_models(newest_.all_double());
  out.number<std::uint64_t>(rounds_.size());
  for (const auto& [step, round] : rounds_) {
    SHOAL_CHECK(!round.complete, "complete rounds are handed out before a checkpoint");
    out.number<Step>(step);
    out.numbers<NodeId>(std::vector<NodeId>(round.done.begin(), round.done.end()));
    out.number<std::uint64_t>(round.figures.size());
    for (const Figure& figure : round.figures) {
      out.text(figure.name);
      out.number(figure.sum);
      out.number(figure.count);
    }
    save_models(round.models_float);
    save_models(round.models_double);
    out.number<std::uint8_t>(round.line.kept ? 1 : 0);
    if (round.line.kept) out.numbers<NodeId>(*round.line.kept);
  }
}

namespace {

template <class Scalar>
Status load_models(ByteReader& in, std::map<NodeId, std::vector<Scalar>>& models) {
  models.clear();
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < count; ++i) {
    SHOAL_TRY(const auto node, in.number<NodeId>());
    SHOAL_TRY(models[node], in.numbers<Scalar>());
  }
  return ok_status();
}

}  // namespace

Status Recorder::load(ByteReader& in) {
  SHOAL_TRY(const auto alive, in.numbers<NodeId>());
  alive_ = std::set<NodeId>(alive.begin(), alive.end());
  std::map<NodeId, std::vector<float>> in_float;
  std::map<NodeId, std::vector<double>> in_double;
  SHOAL_TRY_STATUS(load_models(in, in_float));
  SHOAL_TRY_STATUS(load_models(in, in_double));
  newest_.set_all(std::move(in_float), std::move(in_double));
  SHOAL_TRY(const auto rounds, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < rounds; ++i) {
    SHOAL_TRY(const auto step, in.number<Step>());
    Round& round = round_of(step);
    SHOAL_TRY(const auto done, in.numbers<NodeId>());
    round.done = std::set<NodeId>(done.begin(), done.end());
    SHOAL_TRY(const auto figures, in.number<std::uint64_t>());
    for (std::uint64_t k = 0; k < figures; ++k) {
      Figure figure;
      SHOAL_TRY(figure.name, in.text());
      SHOAL_TRY(figure.sum, in.number<double>());
      SHOAL_TRY(figure.count, in.number<std::uint64_t>());
      round.figures.push_back(std::move(figure));
    }
    SHOAL_TRY_STATUS(load_models(in, round.models_float));
    SHOAL_TRY_STATUS(load_models(in, round.models_double));
    SHOAL_TRY(const auto has_kept, in.number<std::uint8_t>());
    if (has_kept != 0) {
      SHOAL_TRY(round.line.kept, in.numbers<NodeId>());
    }
  }
  return ok_status();
}

}  // namespace shoal

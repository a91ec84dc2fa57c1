#include "shoal/method/federated_server.h"

#include <cmath>
#include <fmt/format.h>
#include <optional>

#include "shoal/math/vector.h"

namespace shoal {

FederatedServer::FederatedServer(std::shared_ptr<const FederatedJob> job,
                                 std::unique_ptr<Rule> rule)
    : job_(std::move(job)),
      rule_(std::move(rule)),
      parameters_(job_->problem->initial),
      optimizer_(job_->settings.server),
      correction_(job_->settings.correction, parameters_.size(), job_->clients.size()) {}

Frame FederatedServer::invitation(Step round) const {
  MessageBuilder message(kModelTag, round);
  message.vector<float>("model", parameters_);
  if (!correction_.broadcast().empty()) message.vector<float>("state", correction_.broadcast());
  return message.finish();
}

double FederatedServer::work_flops(const Arrivals& arrivals) const {
  return 2.0 * static_cast<double>(arrivals.messages.size() * parameters_.size());
}

Result<FederatedServer::Update> FederatedServer::decode(const Message& message) const {
  const Layout& layout = job_->problem->models->layout();
  Update update;
  update.sender = message.sender();
  update.delta.resize(parameters_.size());
  SHOAL_TRY(const ByteView encoded, message.tensor("update"));
  SHOAL_TRY_STATUS(job_->codec->decode(encoded, layout, update.delta));
  SHOAL_TRY(const std::uint64_t rows, message.count("rows"));
  // A client's claim about itself: at most the rows there are in all.
  if (rows == 0 || rows > job_->problem->data->rows)
    return invalid_argument(fmt::format("node {} claims {} rows", update.sender, rows));
  update.rows = static_cast<double>(rows);
  if (job_->settings.normalise) {
    SHOAL_TRY(update.divisor, message.number("divisor"));
    if (!std::isfinite(update.divisor) || update.divisor <= 0.0)
      return invalid_argument(
          fmt::format("node {} claims the divisor {}", update.sender, update.divisor));
  }
  if (!correction_.broadcast().empty()) {
    update.extra.resize(parameters_.size());
    SHOAL_TRY_STATUS(message.vector<float>("extra", update.extra));
    if (!all_finite(update.extra)) return invalid_argument("a correction that is not finite");
  }
  if (!all_finite(update.delta)) return invalid_argument("an update that is not finite");
  return update;
}

// Those that are usable, by sender.
std::vector<FederatedServer::Update> FederatedServer::decode_all(const Arrivals& arrivals) const {
  const std::size_t count = arrivals.messages.size();
  std::vector<std::optional<Update>> decoded(count);
  const auto decode_one = [&](std::size_t i) {
    auto update = decode(arrivals.messages[i]);
    if (update.ok()) decoded[i] = std::move(update).value();
  };
  if (job_->pool)
    job_->pool->parallel_for(count, decode_one);
  else
    for (std::size_t i = 0; i < count; ++i) decode_one(i);
  std::vector<Update> updates;
  for (auto& update : decoded)
    if (update) updates.push_back(std::move(*update));
  return updates;
}

std::vector<double> FederatedServer::weights(std::span<const Update> updates) const {
  const bool uniform = job_->settings.weighting == Weighting::kUniform;
  double total = 0.0;
  for (const Update& update : updates) total += uniform ? 1.0 : update.rows;
  std::vector<double> weights;
  for (const Update& update : updates) weights.push_back((uniform ? 1.0 : update.rows) / total);
  return weights;
}

double FederatedServer::normalise(std::span<Update> updates,
                                  std::span<const double> weights) const {
  bool equal = true;
  double effective = 0.0;
  for (std::size_t i = 0; i < updates.size(); ++i) {
    equal = equal && updates[i].divisor == updates.front().divisor;
    effective += weights[i] * updates[i].divisor;
  }
  if (equal) return 1.0;  // FedAvg, bit for bit
  for (Update& update : updates) scale(static_cast<float>(1.0 / update.divisor), update.delta);
  return effective;
}

void FederatedServer::close_round(Step round, const Arrivals& arrivals) {
  std::vector<Update> updates = decode_all(arrivals);
  refused_ = arrivals.messages.size() - updates.size();
  used_ = updates.size();
  abandoned_ = updates.empty() || !rule_->check(updates.size(), job_->declared_faults).ok();
  if (abandoned_) return;

  RoundView view;
  view.round = round;
  view.declared_faults = job_->declared_faults;
  view.pool = job_->pool;
  view.weights = weights(updates);
  const double effective = job_->settings.normalise ? normalise(updates, view.weights) : 1.0;
  std::vector<std::vector<float>> extras;
  for (Update& update : updates) {
    view.rows.emplace_back(update.delta);
    view.senders.push_back(update.sender);
    if (!update.extra.empty()) extras.push_back(std::move(update.extra));
  }
  std::vector<float> delta(parameters_.size());
  abandoned_ = !rule_->aggregate(view, delta).ok();
  if (abandoned_) return;
  if (effective != 1.0) scale(static_cast<float>(effective), delta);
  update_norm_ = std::sqrt(squared_norm(delta));
  optimizer_.step(delta, parameters_);
  correction_.absorb(extras);
}

void FederatedServer::save(ByteWriter& out) const {
  out.numbers<float>(parameters_);
  optimizer_.save(out);
  correction_.save(out);
}

Status FederatedServer::load(ByteReader& in) {
  SHOAL_TRY_STATUS(in.numbers_into<float>(parameters_));
  SHOAL_TRY_STATUS(optimizer_.load(in));
  return correction_.load(in);
}

namespace {

void report(Node& node, Step round, const FederatedServer& server, const Arrivals& arrivals) {
  node.show(round, "arrived", static_cast<double>(arrivals.messages.size()));
  if (!arrivals.missing.empty())
    node.show(round, "missing", static_cast<double>(arrivals.missing.size()));
  if (server.refused() > 0) node.show(round, "refused", static_cast<double>(server.refused()));
  if (server.abandoned())
    node.show(round, "abandoned", 1.0);
  else
    node.show(round, "update_norm", server.update_norm());
  if (node.wants_model(round)) node.show_model<float>(round, server.parameters());
  node.step_done(round);
}

}  // namespace

Task<> federated_server(Node& node, std::shared_ptr<const FederatedJob> job) {
  auto rule = job->make_rule();
  SHOAL_CHECK(rule.ok(), "a rule that was made once can be made again");
  FederatedServer server(job, std::move(rule).value());
  node.keep(server);
  for (const Step round : node.steps(static_cast<Step>(job->settings.rounds))) {
    const std::vector<NodeId> cohort = job->cohort(round);
    const Frame invitation = server.invitation(round);
    for (const NodeId client : cohort) co_await node.send(client, invitation);

    Until until(job->patience_s);
    until.goal = job->cohort_size();
    const Arrivals arrivals = co_await node.gather(kUpdateTag, round, cohort, until);

    std::function<void()> close = [&server, &arrivals, round] {
      server.close_round(round, arrivals);
    };
    co_await node.compute(server.work_flops(arrivals), std::move(close));
    report(node, round, server, arrivals);
  }
  MessageBuilder message(kGoodbyeTag, static_cast<Step>(job->settings.rounds));
  const Frame goodbye = message.finish();
  for (const NodeId client : job->clients) co_await node.send(client, goodbye);
}

}  // namespace shoal

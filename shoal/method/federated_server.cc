#include "shoal/method/federated_server.h"

#include <cmath>
#include <limits>
#include <optional>

#include "shoal/math/vector.h"
#include "shoal/method/model_loss.h"

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
  if (job_->feedback.any()) {
    std::vector<std::uint32_t> counted;
    for (const NodeId client : cohort_) {
      const auto known = counted_.find(client);
      counted.push_back(known == counted_.end() ? 0 : known->second);
    }
    message.tensor("counted", std::as_bytes(std::span(counted)));
  }
  return message.finish();
}

double FederatedServer::work_flops(const Arrivals& arrivals) const {
  const double per_entry = 2.0 + job_->codec_work.decode_flops_per_entry;
  return per_entry * static_cast<double>(arrivals.senders.size() * parameters_.size());
}

Status FederatedServer::decode(const Message& message, Update& update) const {
  const std::uint64_t any = std::numeric_limits<std::uint32_t>::max();
  return read_update(*job_, message, job_->own_data ? any : job_->problem->data->rows,
                     memory_of(message.sender()), update);
}

const FeedbackReceiver<float>* FederatedServer::memory_of(NodeId client) const {
  const auto memory = memories_.find(client);
  return memory == memories_.end() ? nullptr : &memory->second;
}

void FederatedServer::compare_shift(const Message& message) {
  const auto memory = memories_.find(message.sender());
  const auto shift = message.count("shift");
  if (memory == memories_.end() || !shift.ok() || *shift == memory->second.shift_checksum()) return;
  memory->second.restart();
  counted_[message.sender()] = kStartAnew;
}

void FederatedServer::count(Step round, std::span<Update> updates) {
  if (!job_->feedback.any()) return;
  const auto count_one = [&](std::size_t i) {
    const auto memory = memories_.find(updates[i].sender);
    if (memory != memories_.end()) memory->second.count(updates[i].delta, updates[i].shift_step);
  };
  for_each_block(job_->pool, updates.size(), count_one);
  for (const Update& update : updates) counted_[update.sender] = round + 1;
}

// Those that are usable, by sender.
std::vector<FederatedServer::Update> FederatedServer::decode_held() {
  std::vector<const Message*> messages;
  for (const auto& [sender, message] : held_) messages.push_back(&message);
  const std::size_t count = messages.size();
  std::vector<std::optional<Update>> decoded(count);
  const auto decode_one = [&](std::size_t i) {
    Update update;
    if (decode(*messages[i], update).ok()) decoded[i] = std::move(update);
  };
  for_each_block(job_->pool, count, decode_one);
  std::vector<Update> updates;
  for (std::size_t i = 0; i < count; ++i) {
    if (decoded[i])
      updates.push_back(std::move(*decoded[i]));
    else
      compare_shift(*messages[i]);
  }
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

bool FederatedServer::adds_up() const {
  return rule_->is_weighted_mean() && !job_->settings.normalise &&
         correction_.broadcast().empty() && !job_->feedback.keeps_shift();
}

void FederatedServer::open_round(std::vector<NodeId> cohort) {
  cohort_ = std::move(cohort);
  next_in_cohort_ = 0;
  held_.clear();
  weight_ = 0.0;
  in_sum_.clear();
  used_ = refused_ = 0;
  senders_.clear();
  selection_ = {};
  forget_rows();
  if (!job_->feedback.keeps_shift()) return;
  for (const NodeId client : cohort_)
    memories_.try_emplace(client, job_->feedback, parameters_.size());
}

void FederatedServer::take(const Message& message) {
  held_.emplace(message.sender(), message);
  if (!adds_up()) return;
  while (next_in_cohort_ < cohort_.size()) {
    const auto next = held_.find(cohort_[next_in_cohort_]);
    if (next == held_.end()) return;
    add_up(next->second);
    held_.erase(next);
    ++next_in_cohort_;
  }
}

void FederatedServer::add_up(const Message& message) {
  Update& update = added_;
  if (!decode(message, update).ok()) {
    ++refused_;
    return;
  }
  const bool uniform = job_->settings.weighting == Weighting::kUniform;
  const double weight = uniform ? 1.0 : update.rows;
  if (used_ == 0) sum_.assign(parameters_.size(), 0.0);
  accumulate(weight, update.delta, sum_);
  weight_ += weight;
  in_sum_.push_back(update.sender);
  ++used_;
}

void FederatedServer::aggregate_sum(Step round, std::span<float> delta) {
  if (job_->feedback.any())
    for (const NodeId client : in_sum_) counted_[client] = round + 1;
  for (std::size_t i = 0; i < delta.size(); ++i) delta[i] = static_cast<float>(sum_[i] / weight_);
  sum_ = {};
  added_ = {};
}

Status FederatedServer::aggregate_rows(Step round, std::span<float> delta) {
  updates_ = decode_held();
  refused_ = held_.size() - updates_.size();
  used_ = updates_.size();
  held_.clear();
  view_ = {};
  // With shifts a client may be refused for ours being another than its own, which is no fault.
  view_.declared_faults = job_->feedback.keeps_shift()
                              ? job_->declared_faults
                              : faults_left(job_->declared_faults, refused_);
  SHOAL_TRY_STATUS(rule_->check(used_, view_.declared_faults));
  count(round, updates_);
  view_.round = round;
  view_.receiver = kServer;
  view_.seed = job_->seed;
  view_.pool = job_->pool;
  view_.weights = weights(updates_);
  const double effective = job_->settings.normalise ? normalise(updates_, view_.weights) : 1.0;
  for (const Update& update : updates_) {
    view_.rows.emplace_back(update.delta);
    view_.senders.push_back(update.sender);
  }
  senders_ = view_.senders;
  std::optional<ModelLoss> loss;
  if (const std::size_t wanted = rule_->needs().validation_rows; wanted > 0)
    loss.emplace(*job_->problem, *job_->validation, wanted, job_->seed, round, parameters_,
                 job_->settings.server.learning_rate_at(round));
  view_.validation = loss ? &*loss : nullptr;
  auto selection = rule_->aggregate(view_, delta);
  view_.validation = nullptr;
  if (!selection.ok()) return selection.error();
  selection_ = std::move(selection).value();
  aggregate_.assign(delta.begin(), delta.end());
  if (effective != 1.0) scale(static_cast<float>(effective), delta);
  extras_.clear();
  for (Update& update : updates_)
    if (!update.extra.empty()) extras_.push_back(std::move(update.extra));
  return ok_status();
}

void FederatedServer::forget_rows() {
  view_ = {};
  updates_ = {};
  aggregate_ = {};
}

void FederatedServer::close_round(Step round, const Arrivals& arrivals) {
  for (const Message& message : arrivals.messages) held_.emplace(message.sender(), message);
  std::vector<float> delta(parameters_.size());
  if (adds_up()) {
    for (const auto& [sender, message] : held_) add_up(message);
    held_.clear();
    abandoned_ = !rule_->check(used_, job_->declared_faults).ok();
    if (!abandoned_) aggregate_sum(round, delta);
  } else {
    abandoned_ = !aggregate_rows(round, delta).ok();
  }
  if (abandoned_) return;
  update_norm_ = std::sqrt(squared_norm(delta));
  optimizer_.step(round, delta, parameters_);
  correction_.absorb(extras_);
  extras_.clear();
}

void FederatedServer::save(ByteWriter& out) const {
  out.numbers<float>(parameters_);
  optimizer_.save(out);
  correction_.save(out);
  rule_->save(out);
  out.number<std::uint32_t>(static_cast<std::uint32_t>(counted_.size()));
  for (const auto& [client, round] : counted_) {
    out.number<std::uint32_t>(client);
    out.number<std::uint32_t>(round);
  }
  out.number<std::uint32_t>(static_cast<std::uint32_t>(memories_.size()));
  for (const auto& [client, memory] : memories_) {
    out.number<std::uint32_t>(client);
    memory.save(out);
  }
}

Status FederatedServer::load(ByteReader& in) {
  SHOAL_TRY_STATUS(in.numbers_into<float>(parameters_));
  SHOAL_TRY_STATUS(optimizer_.load(in));
  SHOAL_TRY_STATUS(correction_.load(in));
  SHOAL_TRY_STATUS(rule_->load(in));
  counted_.clear();
  memories_.clear();
  SHOAL_TRY(const auto counted, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < counted; ++i) {
    SHOAL_TRY(const auto client, in.number<std::uint32_t>());
    SHOAL_TRY(counted_[client], in.number<std::uint32_t>());
  }
  SHOAL_TRY(const auto memories, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < memories; ++i) {
    SHOAL_TRY(const auto client, in.number<std::uint32_t>());
    const auto [memory, is_new] = memories_.try_emplace(client, job_->feedback, parameters_.size());
    SHOAL_TRY_STATUS(memory->second.load(in));
  }
  return ok_status();
}

namespace {

void report(Node& node, Step round, const FederatedServer& server, const Arrivals& arrivals) {
  node.show(round, "arrived", static_cast<double>(arrivals.senders.size()));
  if (!arrivals.missing.empty())
    node.show(round, "missing", static_cast<double>(arrivals.missing.size()));
  if (server.refused() > 0) node.show(round, "refused", static_cast<double>(server.refused()));
  if (server.abandoned())
    node.show(round, "abandoned", 1.0);
  else
    node.show(round, "update_norm", server.update_norm());
  if (!server.senders().empty()) node.show_selection(round, server.senders(), server.selection());
  if (!server.view().rows.empty() && node.wants_rows(round))
    node.show_aggregation(round, server.view(), server.aggregate());
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
    server.open_round(cohort);
    const Frame invitation = server.invitation(round);
    for (const NodeId client : cohort) co_await node.send(client, invitation);

    Until until(job->patience_s);
    until.goal = job->cohort_size();
    until.take = [&server](const Message& update) { server.take(update); };
    const Arrivals arrivals = co_await node.gather(kUpdateTag, round, cohort, until);

    std::function<void()> close = [&server, &arrivals, round] {
      server.close_round(round, arrivals);
    };
    co_await node.compute(server.work_flops(arrivals), std::move(close));
    report(node, round, server, arrivals);
    server.forget_rows();
  }
  MessageBuilder message(kGoodbyeTag, static_cast<Step>(job->settings.rounds));
  const Frame goodbye = message.finish();
  for (const NodeId client : job->clients) co_await node.send(client, goodbye);
}

}  // namespace shoal

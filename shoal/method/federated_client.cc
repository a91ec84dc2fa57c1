#include "shoal/method/federated_client.h"

#include <algorithm>
#include <cstring>

#include "shoal/attack/local_attack.h"
#include "shoal/data/order.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// Epochs of different rounds have different keys, so no order repeats.
constexpr std::uint32_t kEpochsPerRound = 1024;

}  // namespace

FederatedClient::FederatedClient(const Node& node, std::shared_ptr<const FederatedJob> job)
    : job_(std::move(job)),
      id_(node.id()),
      twin_(job_->twin_of(node.id())),
      correction_(make_correction(job_->settings.correction)) {}

Result<std::uint32_t> FederatedClient::counted(const Message& invitation) const {
  if (!job_->feedback.any()) return 0u;
  const std::vector<NodeId> cohort = job_->cohort(invitation.round());
  const auto place = std::ranges::lower_bound(cohort, id_);
  SHOAL_TRY(const ByteView bytes, invitation.tensor("counted"));
  std::vector<std::uint32_t> counted(cohort.size());
  if (place == cohort.end() || *place != id_ || bytes.size() != 4 * counted.size())
    return corrupt("an invitation that does not say what counted of the update before");
  std::memcpy(counted.data(), bytes.data(), bytes.size());
  return counted[static_cast<std::size_t>(place - cohort.begin())];
}

void FederatedClient::settle(std::uint32_t counted) {
  if (!job_->feedback.any()) return;
  if (!feedback_)
    feedback_ = std::make_unique<FeedbackSender<float>>(job_->feedback, job_->problem->dimension());
  if (counted == kStartAnew)
    feedback_->restart();
  else
    feedback_->settle(counted == sent_round_ + 1);
}

Status FederatedClient::accept(const Message& invitation) {
  std::vector<float> model(job_->problem->dimension());
  SHOAL_TRY_STATUS(invitation.vector<float>("model", model));
  std::vector<float> state;
  const CorrectionKind kind = job_->settings.correction.kind;
  if (kind == CorrectionKind::kScaffold || kind == CorrectionKind::kMimeLite) {
    state.resize(model.size());
    SHOAL_TRY_STATUS(invitation.vector<float>("state", state));
  }
  SHOAL_TRY(const std::uint32_t counted, this->counted(invitation));
  settle(counted);
  model_ = std::move(model);
  server_state_ = std::move(state);
  round_ = invitation.round();
  attack_ = job_->problem->attack_of(worker(), round_);
  return ok_status();
}

double FederatedClient::work_flops() const {
  const double encoding =
      job_->codec_work.encode_flops_per_entry * static_cast<double>(job_->problem->dimension());
  return static_cast<double>(gradients()) * job_->problem->models->flops_per_row() + encoding;
}

std::uint64_t FederatedClient::gradients() const {
  const FederatedSettings& settings = job_->settings;
  // Whole epochs, then the batches of the last one, which ends with the remainder.
  const std::size_t steps = job_->steps_of(worker(), rows().size());
  const auto batch = static_cast<std::size_t>(settings.batch);
  const std::size_t per_epoch = (rows().size() + batch - 1) / batch;
  std::uint64_t evaluated =
      steps / per_epoch * rows().size() + std::min(steps % per_epoch * batch, rows().size());
  if (settings.correction.kind == CorrectionKind::kMimeLite) evaluated += rows().size();
  return evaluated;
}

void FederatedClient::lie(const LocalAttack& attack, std::span<float> delta) const {
  double all_rows = 0.0;
  for (const NodeId client : job_->cohort(round_))
    all_rows +=
        static_cast<double>((client == id_ ? rows() : job_->problem->rows[client - 1]).size());
  const double factor = attack.outgoing_factor(static_cast<double>(rows().size()), all_rows);
  if (factor == 1.0) return;
  for (float& value : delta) value = static_cast<float>(factor * static_cast<double>(value));
}

void FederatedClient::local_steps(std::span<float> y, std::size_t steps, double learning_rate) {
  const Problem<float>& problem = *job_->problem;
  Model<float>& model = problem.models->mine();
  LocalOptimizer<float> optimizer(job_->settings.optimizer);
  std::vector<float> gradient(y.size());
  DataOrder order(problem.order, rows(), static_cast<std::size_t>(job_->settings.batch), job_->seed,
                  twin_);
  order.seek(round_ * kEpochsPerRound);
  RandomStream skips(job_->seed, purpose("skipped steps"), id_, round_);
  for (std::size_t step = 0; step < steps; ++step) {
    const std::span<const std::uint32_t> batch = order.next_batch();
    if (attack_ && attack_->skips_step(skips)) continue;
    model.gradient(y, Batch{problem.data.get(), batch}, gradient);
    correction_->correct(y, gradient);
    optimizer.step(learning_rate, gradient, gradient);
    for (std::size_t i = 0; i < y.size(); ++i) y[i] += gradient[i];
    const bool ends_epoch = (step + 1) % order.batches_per_epoch() == 0 || step + 1 == steps;
    if (attack_) attack_->after_step(model_, y, step + 1, ends_epoch);
  }
}

void FederatedClient::train() {
  const double learning_rate = learning_rate_at(job_->settings.optimizer, round_,
                                                static_cast<std::uint64_t>(job_->settings.rounds));
  const std::size_t steps = job_->steps_of(worker(), rows().size());
  correction_->begin(model_, server_state_);
  std::vector<float> y = model_;
  if (attack_ && attack_->starts_at_random())
    job_->problem->models->mine().initialize(
        RandomStream(job_->seed, purpose("random start"), id_, round_), y);
  local_steps(y, steps, learning_rate);
  const auto full_gradient = [this](std::span<const float> at, std::span<float> out) {
    job_->problem->models->mine().gradient(at, Batch{job_->problem->data.get(), rows()}, out);
  };
  const std::vector<float> extra = correction_->finish(y, steps, learning_rate, full_gradient);
  for (std::size_t i = 0; i < y.size(); ++i) y[i] -= model_[i];
  if (attack_) lie(*attack_, y);
  if (job_->settings.worker_momentum > 0.0) add_momentum(y);
  encode(y, extra, steps, learning_rate);
}

void FederatedClient::add_momentum(std::span<float> delta) {
  if (momentum_.empty()) momentum_.assign(delta.size(), 0.0f);
  const auto beta = static_cast<float>(job_->settings.worker_momentum);
  scaled_sum(beta, momentum_, 1.0f - beta, delta, momentum_);
  std::copy(momentum_.begin(), momentum_.end(), delta.begin());
}

void FederatedClient::encode(std::span<const float> delta, std::span<const float> extra,
                             std::size_t steps, double learning_rate) {
  const Layout& layout = job_->problem->models->layout();
  const Draws draws = codec_draws(job_->seed, twin_, round_);
  ByteWriter encoded;
  Status status;
  if (job_->feedback.any()) {
    status = feedback_->encode(*job_->codec, delta, layout, draws, encoded);
    sent_round_ = round_;
  } else {
    status = job_->codec->encode(delta, layout, draws, encoded);
  }
  // A model that has blown up has no encoding; an empty tensor tells the server so.
  if (!status.ok()) encoded.clear();
  MessageBuilder message(kUpdateTag, round_);
  message.tensor("update", encoded.bytes()).count("rows", rows().size());
  if (job_->settings.normalise)
    message.number("divisor", normalising_divisor(job_->settings, steps, learning_rate));
  if (job_->feedback.keeps_shift()) message.count("shift", feedback_->shift_checksum());
  if (!extra.empty()) message.vector<float>("extra", extra);
  update_ = message.finish();
}

Frame FederatedClient::update() {
  model_ = {};
  server_state_ = {};
  return std::move(update_);
}

void FederatedClient::save(ByteWriter& out) const {
  correction_->save(out);
  out.numbers<float>(momentum_);
  out.number<std::uint32_t>(sent_round_);
  out.number<std::uint8_t>(feedback_ ? 1 : 0);
  if (feedback_) feedback_->save(out);
}

Status FederatedClient::load(ByteReader& in) {
  SHOAL_TRY_STATUS(correction_->load(in));
  SHOAL_TRY(momentum_, in.numbers<float>());
  SHOAL_TRY(sent_round_, in.number<std::uint32_t>());
  SHOAL_TRY(const auto has_feedback, in.number<std::uint8_t>());
  if (has_feedback == 0) return ok_status();
  feedback_ = std::make_unique<FeedbackSender<float>>(job_->feedback, job_->problem->dimension());
  return feedback_->load(in);
}

Task<> federated_client(Node& node, std::shared_ptr<const FederatedJob> job) {
  FederatedClient client(node, job);
  node.keep(client);
  // Silence for as long as the whole run may take means that the server is gone.
  const double idle_patience_s = job->patience_s * static_cast<double>(job->settings.rounds + 1);
  for ([[maybe_unused]] const Step turn : node.steps(kForever)) {
    const auto invitation = co_await node.next(idle_patience_s);
    if (!invitation || invitation->tag() != kModelTag) co_return;
    if (!client.accept(*invitation).ok()) continue;
    std::function<void()> train = [&client] { client.train(); };
    co_await node.compute(client.work_flops(), std::move(train));
    node.count_gradients(client.gradients());
    const Frame update = client.update();
    co_await node.send(kServer, update);
  }
}

}  // namespace shoal

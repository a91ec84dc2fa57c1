#include "shoal/method/federated.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/method/entries.h"

namespace shoal {

void describe(Settings& s, FederatedSettings& v) {
  s.integer("rounds", v.rounds, "rounds of the run", {.range = at_least(1).up_to(1e6)});
  s.integer("cohort", v.cohort, "clients a round needs; 0: all of them",
            {.range = at_least(0).up_to(10000), .unit = "clients"});
  s.real("over_selection", v.over_selection, "invited for each one needed; the first ones count",
         {.range = at_least(1).up_to(10), .paper = "1902.01046"});
  s.choice("sampling", v.sampling, "who is invited to a round",
           {{"uniform", CohortSampling::kUniform}, {"permutation", CohortSampling::kPermutation}},
           {.paper = "1903.06996"});
  s.integer("epochs", v.epochs, "passes over its rows a client makes in a round",
            {.range = at_least(1).up_to(1000)});
  s.integer("local_steps", v.local_steps, "gradient steps in a round; 0: epochs decide",
            {.range = at_least(0)});
  s.flag("uneven_steps", v.uneven_steps,
         "each client makes 1..local_steps steps, drawn once a client", {.paper = "2007.07481"});
  s.integer("batch", v.batch, "rows of a gradient", {.range = at_least(1)});
  describe(s, v.optimizer);
  s.real("worker_momentum", v.worker_momentum,
         "beta of m <- beta m + (1 - beta) Delta, which a client keeps and sends",
         {.range = at_least(0).below(1), .paper = "2012.10333"});
  s.integer("redundancy", v.redundancy,
            "clients in a row that do the same work, for majority_vote; odd",
            {.range = at_least(1).up_to(99), .unit = "clients", .paper = "1907.12205"});
  describe(s, v.correction);
  s.choice("weighting", v.weighting, "a client's weight in the mean",
           {{"examples", Weighting::kExamples}, {"uniform", Weighting::kUniform}});
  s.flag("normalise", v.normalise, "divide updates by their effective steps (FedNova)",
         {.paper = "2007.07481"});
  describe(s, v.server);
  s.real("round_deadline_s", v.round_deadline_s, "a round closes after this; 0: the run's patience",
         {.range = at_least(0), .unit = "s"});
}

std::size_t FederatedJob::cohort_size() const {
  const auto wanted = static_cast<std::size_t>(settings.cohort);
  return wanted == 0 ? clients.size() : wanted;
}

NodeId FederatedJob::twin_of(NodeId client) const {
  const auto r = static_cast<NodeId>(settings.redundancy);
  if (r == 1) return client;
  const NodeId last_group = static_cast<NodeId>(clients.size()) / r - 1;
  return 1 + std::min((client - 1) / r, last_group) * r;
}

std::vector<NodeId> FederatedJob::cohort(Step round) const {
  if (settings.sampling == CohortSampling::kPermutation) return block_of_permutation(round);
  const auto invited = std::min(
      clients.size(), static_cast<std::size_t>(
                          std::ceil(static_cast<double>(cohort_size()) * settings.over_selection)));
  RandomStream stream(seed, purpose("cohort"), kServer, round);
  std::vector<NodeId> cohort = stream.sample(clients.size(), invited);
  for (NodeId& client : cohort) client = clients[client];
  return cohort;
}

std::vector<NodeId> FederatedJob::block_of_permutation(Step round) const {
  const std::size_t size = cohort_size();
  const std::size_t blocks = clients.size() / size;
  std::vector<NodeId> order = clients;
  RandomStream stream(seed, purpose("cohort"), kServer, static_cast<Step>(round / blocks));
  stream.shuffle(std::span(order));
  const auto first = order.begin() + static_cast<std::ptrdiff_t>(round % blocks * size);
  std::vector<NodeId> cohort(first, first + static_cast<std::ptrdiff_t>(size));
  std::sort(cohort.begin(), cohort.end());
  return cohort;
}

std::size_t FederatedJob::steps_of(std::size_t worker, std::size_t rows) const {
  if (settings.local_steps > 0) {
    const auto steps = static_cast<std::uint64_t>(settings.local_steps);
    if (!settings.uneven_steps) return steps;
    RandomStream stream(seed, purpose("uneven steps"), static_cast<std::uint32_t>(worker));
    return 1 + static_cast<std::size_t>(stream.below(steps));
  }
  const auto batch = static_cast<std::size_t>(settings.batch);
  const std::size_t batches = (rows + batch - 1) / batch;
  return batches * static_cast<std::size_t>(settings.epochs);
}

double normalising_divisor(const FederatedSettings& settings, std::size_t steps,
                           double learning_rate) {
  const auto k = static_cast<double>(steps);
  if (settings.correction.kind == CorrectionKind::kProximal && settings.correction.mu > 0.0) {
    const double alpha = learning_rate * settings.correction.mu;
    return (1.0 - std::pow(1.0 - alpha, k)) / alpha;
  }
  if (settings.optimizer.optimizer == LocalOptimizerKind::kSgd) return k;
  const double rho = settings.optimizer.momentum;
  return (k - rho * (1.0 - std::pow(rho, k)) / (1.0 - rho)) / (1.0 - rho);
}

namespace {

Status check_redundancy(const FederatedSettings& settings, std::size_t clients,
                        std::size_t wanted) {
  const auto r = static_cast<std::size_t>(settings.redundancy);
  if (r == 1) return ok_status();
  if (r % 2 == 0 || clients < r || clients % r > 1)
    return invalid_argument(
        fmt::format("redundancy needs groups of an odd number of clients and at most one client "
                    "left over: {} clients in groups of {} leave {}",
                    clients, r, clients % r));
  if (wanted != clients)
    return invalid_argument("redundancy needs all members of a group in a round; set cohort = 0");
  return ok_status();
}

Status check_settings(const FederatedSettings& settings, std::size_t clients) {
  const auto cohort = static_cast<std::size_t>(settings.cohort);
  if (clients == 0) return invalid_argument("no client has any data; change [partition]");
  if (cohort > clients)
    return invalid_argument(
        fmt::format("a cohort of {} from {} clients with data", cohort, clients));
  if (settings.uneven_steps && settings.local_steps == 0)
    return invalid_argument(
        "uneven_steps draws from 1..local_steps; set local_steps to the most a client may make");
  const std::size_t wanted = cohort == 0 ? clients : cohort;
  if (wanted > kClientsPerRoundMax)
    return limit_exceeded(fmt::format("a round of {} clients; the limit is {}: set cohort", wanted,
                                      kClientsPerRoundMax));
  if (settings.sampling == CohortSampling::kPermutation &&
      (settings.over_selection != 1.0 || clients % wanted != 0))
    return invalid_argument(fmt::format(
        "sampling = \"permutation\" invites everybody once in blocks of the cohort: {} clients in "
        "blocks of {} leave {} over; over_selection must be 1",
        clients, wanted, clients % wanted));
  SHOAL_TRY_STATUS(check_redundancy(settings, clients, wanted));
  const bool stateful = settings.correction.kind == CorrectionKind::kScaffold;
  if (stateful && settings.optimizer.optimizer != LocalOptimizerKind::kSgd)
    return invalid_argument(
        "SCAFFOLD's control variate divides by K lr, which momentum breaks; use optimizer = "
        "\"sgd\"");
  const LocalOptimizerKind optimizer = settings.optimizer.optimizer;
  if (settings.normalise && optimizer != LocalOptimizerKind::kSgd &&
      optimizer != LocalOptimizerKind::kMomentum)
    return invalid_argument(
        "FedNova's divisor is known for sgd and momentum, not for nesterov and adagrad");
  return ok_status();
}

Result<std::unique_ptr<Rule>> weighted_mean() {
  Table table;
  table.set("kind", "mean");
  return rules().make(table, "[rule]");
}

Result<std::unique_ptr<const Codec>> make_dense() {
  Table table;
  table.set("kind", "dense");
  SHOAL_TRY(auto codec, codecs().make(table, "[codec]"));
  return std::unique_ptr<const Codec>(std::move(codec));
}

class Federated : public Method {
 public:
  explicit Federated(const FederatedSettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 1; }
  Step length() const override { return static_cast<Step>(settings_.rounds); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    SHOAL_TRY(const std::shared_ptr<const FederatedJob> job, make_job(parts));
    return Program([job](Node& node) {
      return node.id() == kServer ? federated_server(node, job) : federated_client(node, job);
    });
  }

  // The model comes with each round. A client's memory (SCAFFOLD, error feedback) begins at zero.
  Status newcomer() const override { return ok_status(); }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    SHOAL_TRY(const std::shared_ptr<const FederatedJob> job, make_job(parts));
    return ContentCheck([job](const Message& message, std::uint64_t rows_max) {
      return check_update(*job, message, rows_max);
    });
  }

  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    SHOAL_TRY(const std::shared_ptr<const FederatedJob> job, make_job(parts));
    if (job->feedback.keeps_shift())
      return unsupported(
          "attacks forge whole rows, and this feedback sends differences to a shift that liars are "
          "not modelled to keep; use feedback = \"ef\" or \"none\" with [attack]");
    RowPlace place;
    place.tag = kUpdateTag;
    place.parts = {"update"};
    place.layout = layout_of(parts);
    place.codec = parts.codec;
    if (settings_.weighting == Weighting::kExamples) place.weight = "rows";
    place.senders = [job](Step round) { return job->cohort(round); };
    return std::vector<RowPlace>{std::move(place)};
  }
  bool trains_in_rounds() const override { return true; }

  // As FederatedServer::adds_up().
  bool adds_up(const MethodParts& parts) const override {
    const CorrectionKind kind = settings_.correction.kind;
    if (keeps_shift(parts.feedback.kind)) return false;
    if (settings_.normalise || kind == CorrectionKind::kScaffold ||
        kind == CorrectionKind::kMimeLite)
      return false;
    const auto rule = parts.make_rule ? parts.make_rule() : weighted_mean();
    return rule.ok() && (*rule)->is_weighted_mean();
  }

 private:
  Result<std::shared_ptr<const FederatedJob>> make_job(const MethodParts& parts) const {
    if (!parts.in_float)
      return unsupported("federated methods run in float; leave precision = \"float\"");
    auto job = std::make_shared<FederatedJob>();
    job->settings = settings_;
    job->problem = parts.in_float;
    job->seed = parts.seed;
    job->pool = parts.pool;
    job->declared_faults = parts.declared_faults;
    job->validation = parts.validation;
    job->patience_s =
        settings_.round_deadline_s > 0.0 ? settings_.round_deadline_s : parts.patience_s;
    job->update_norm_max = parts.update_norm_max;
    job->own_data = parts.own_data;
    for (std::size_t worker = 0; worker < parts.workers(); ++worker)
      if (parts.own_data || !parts.in_float->rows[worker].empty())
        job->clients.push_back(static_cast<NodeId>(worker + 1));
    SHOAL_TRY_STATUS(check_settings(settings_, job->clients.size()));
    SHOAL_TRY_STATUS(share_groups(*job, parts.workers()));
    job->codec = parts.codec;
    job->codec_work = parts.codec_work;
    if (!job->codec) {
      SHOAL_TRY(job->own_codec, make_dense());
      job->codec = job->own_codec.get();
    }
    SHOAL_TRY(job->feedback,
              make_feedback(parts.feedback, *job->codec, job->problem->models->layout()));
    job->make_rule = parts.make_rule;
    if (!job->make_rule) job->make_rule = &weighted_mean;
    SHOAL_TRY(const auto rule, job->make_rule());
    SHOAL_TRY_STATUS(rule->check(job->cohort_size(), job->declared_faults));
    RuleNeeds offered;
    offered.validation_rows = job->validation ? job->validation->rows.size() : 0;
    offered.every_sender = job->cohort_size() == job->clients.size();
    SHOAL_TRY_STATUS(check_needs(rule->needs(), offered));
    return std::shared_ptr<const FederatedJob>(std::move(job));
  }

  // With redundancy every group has the rows of all its members.
  static Status share_groups(FederatedJob& job, std::size_t workers) {
    if (job.settings.redundancy == 1) return ok_status();
    if (job.own_data || job.clients.size() != workers)
      return unsupported(
          "redundancy gives several clients the same rows, so every client needs rows of the "
          "experiment; members with their own data cannot share them");
    std::vector<Rows> groups(workers + 1);
    for (const NodeId client : job.clients) {
      const Rows& rows = job.problem->rows[client - 1];
      Rows& group = groups[job.twin_of(client)];
      group.insert(group.end(), rows.begin(), rows.end());
    }
    for (const NodeId client : job.clients) job.group_rows.push_back(groups[job.twin_of(client)]);
    return ok_status();
  }

  FederatedSettings settings_;
};

Result<std::unique_ptr<Method>> make_federated(const FederatedSettings& settings) {
  return std::unique_ptr<Method>(std::make_unique<Federated>(settings));
}

CatalogueEntry<Method> instance(const char* name, const char* summary, const char* paper,
                                const FederatedSettings& settings) {
  return catalogue_entry<Method, FederatedSettings>(name, summary, paper, &make_federated,
                                                    settings);
}

FederatedSettings with_server(ServerOptimizerKind kind) {
  FederatedSettings settings;
  settings.server.kind = kind;
  if (kind != ServerOptimizerKind::kMomentum) settings.server.learning_rate = 0.1;
  return settings;
}

FederatedSettings with_correction(CorrectionKind kind) {
  FederatedSettings settings;
  settings.correction.kind = kind;
  return settings;
}

}  // namespace

CatalogueEntry<Method> federated_entry() {
  return instance("federated", "the skeleton: every part a setting", "2107.06917", {});
}
CatalogueEntry<Method> fedavg_entry() {
  return instance("fedavg", "mean of the clients' local training", "1602.05629", {});
}
CatalogueEntry<Method> fedavgm_entry() {
  return instance("fedavgm", "FedAvg with server momentum", "1909.06335",
                  with_server(ServerOptimizerKind::kMomentum));
}
CatalogueEntry<Method> fedprox_entry() {
  return instance("fedprox", "FedAvg with a proximal term at the clients", "1812.06127",
                  with_correction(CorrectionKind::kProximal));
}
CatalogueEntry<Method> fedadagrad_entry() {
  return instance("fedadagrad", "FedOpt with Adagrad at the server", "2003.00295",
                  with_server(ServerOptimizerKind::kAdagrad));
}
CatalogueEntry<Method> fedadam_entry() {
  return instance("fedadam", "FedOpt with Adam at the server", "2003.00295",
                  with_server(ServerOptimizerKind::kAdam));
}
CatalogueEntry<Method> fedyogi_entry() {
  return instance("fedyogi", "FedOpt with Yogi at the server", "2003.00295",
                  with_server(ServerOptimizerKind::kYogi));
}
CatalogueEntry<Method> fednova_entry() {
  FederatedSettings settings;
  settings.normalise = true;
  return instance("fednova", "FedAvg normalised by each client's effective steps", "2007.07481",
                  settings);
}
CatalogueEntry<Method> scaffold_entry() {
  return instance("scaffold", "control variates against client drift", "1910.06378",
                  with_correction(CorrectionKind::kScaffold));
}
CatalogueEntry<Method> mimelite_entry() {
  return instance("mimelite", "the server's momentum in every local step", "2008.03606",
                  with_correction(CorrectionKind::kMimeLite));
}

// A client's step has size 1, so that the rows are gradients with their sign turned, and attacks
// and rules see them in their own units.
CatalogueEntry<Method> server_sgd_entry() {
  FederatedSettings settings;
  settings.local_steps = 1;
  settings.optimizer.learning_rate = 1.0;
  settings.server.learning_rate = 0.1;
  settings.weighting = Weighting::kUniform;
  return instance("server_sgd",
                  "synchronous SGD: a gradient a worker and round, server_learning_rate its step",
                  "1802.10116", settings);
}
CatalogueEntry<Method> slsgd_entry() {
  FederatedSettings settings;
  settings.weighting = Weighting::kUniform;
  settings.sampling = CohortSampling::kPermutation;
  return instance("slsgd",
                  "local SGD, and a server that moves a share of the way to the rule's row",
                  "1903.06996", settings);
}

}  // namespace shoal

// The federated skeleton (generalised FedAvg, arXiv 2107.06917): a server and its clients.
//
//   server: choose a cohort, send the model, gather until goal or deadline, screen, apply the rule,
//           step the server optimizer
//   client: K local steps from the model received, send Delta = y_K - x
//
// Local correction, weighting, normalisation, encoding, rule and server optimizer are settings, so
// FedAvg, FedAvgM, FedProx, FedOpt, FedNova, SCAFFOLD, MimeLite, SLSGD and SGD at a server are rows
// of a table (federated.cc).
//
// Worker momentum (2012.10333): a client sends m <- beta m + (1 - beta) Delta, which it keeps. With
// one local step that is SGD with momentum at the workers, and what the server sees varies less.
//
// Redundancy r (DETOX, 1907.12205): r clients in a row form a group that trains on the rows of all
// of them, with the same draws, so that what honest members send is equal to the bit, and a
// majority_vote before the rule finds those who lie. A group costs r times the gradients of one.
//
// Wire, per client and round: the model down (4d bytes, and 4d of correction state), the encoded
// update up with its row count (and 4d of correction, and the divisor a_i when normalised). With
// feedback (codec/feedback.h) the model comes with 4 bytes for every client of the cohort, its
// newest update that counted, and an update with the checksum of the shift it was encoded against.
#pragma once

#include <memory>
#include <vector>

#include "shoal/method/correction.h"
#include "shoal/method/method.h"
#include "shoal/method/optimizer.h"
#include "shoal/method/server_optimizer.h"

namespace shoal {

enum class Weighting { kExamples, kUniform };
// Who is invited: a uniform draw every round, or blocks of a permutation, a new one each time that
// everybody has been.
enum class CohortSampling { kUniform, kPermutation };

struct FederatedSettings {
  std::int64_t rounds = 100;
  std::int64_t cohort = 0;      // 0: everybody
  double over_selection = 1.0;  // invited / needed
  CohortSampling sampling = CohortSampling::kUniform;
  std::int64_t epochs = 1;
  std::int64_t local_steps = 0;  // 0: epochs decide
  bool uneven_steps = false;     // each client makes 1..local_steps steps, always as many
  std::int64_t batch = 32;
  OptimizerSettings optimizer;  // of the client
  double worker_momentum = 0.0;
  std::int64_t redundancy = 1;
  CorrectionSettings correction;
  Weighting weighting = Weighting::kExamples;
  bool normalise = false;  // FedNova
  ServerOptimizerSettings server;
  double round_deadline_s = 0.0;  // 0: the run's patience
};
void describe(Settings& s, FederatedSettings& v);

inline constexpr NodeId kServer = 0;
// Clients of one round; an inbox holds them all, with room for early and doubled frames.
inline constexpr std::size_t kClientsPerRoundMax = 10000;

// What all nodes of a federated run share, read-only.
struct FederatedJob {
  FederatedSettings settings;
  const Problem<float>* problem = nullptr;
  const Codec* codec = nullptr;  // never null: dense by default
  CodecWork codec_work;
  std::unique_ptr<const Codec> own_codec;
  Feedback feedback;
  std::function<Result<std::unique_ptr<Rule>>()> make_rule;
  std::size_t declared_faults = 0;
  const ValidationSet* validation = nullptr;
  std::vector<NodeId> clients;  // node ids with data, increasing
  std::uint64_t seed = 1;
  double patience_s = 0.0;
  double update_norm_max = 0.0;  // 0: any
  bool own_data = false;         // clients bring rows that the problem does not list
  ThreadPool* pool = nullptr;

  std::vector<Rows> group_rows;  // of each worker's group, with redundancy

  std::size_t cohort_size() const;
  // What a worker trains on, and the client whose draws it makes: its own, or its group's.
  const Rows& rows_of(std::size_t worker) const {
    return group_rows.empty() ? problem->rows[worker] : group_rows[worker];
  }
  NodeId twin_of(NodeId client) const;
  // Node ids invited to a round, increasing.
  std::vector<NodeId> cohort(Step round) const;
  std::vector<NodeId> block_of_permutation(Step round) const;
  // Local steps in a round of a client that trains on so many rows, batches of an epoch counted.
  // Uneven ones are drawn once a client, uniform on 1..local_steps.
  std::size_t steps_of(std::size_t worker, std::size_t rows) const;
};

// One client's update, read and screened.
struct FederatedUpdate {
  NodeId sender = 0;
  double rows = 0.0;
  double divisor = 1.0;
  std::vector<float> delta;
  std::vector<float> shift_step;  // what moves the sender's shift; empty: delta, if any
  std::vector<float> extra;
};
// Fills `update`, whose memory is used again. Error: what is wrong with it, in a sentence. Claims
// of more than `rows_max` rows are wrong.
//
// `memory` is the receiver's half of the sender's feedback; null where it is not known, and then a
// row that is sent as its difference to a shift is taken for that difference. update.delta is what
// was sent; memory->count() makes it the sender's row.
Status read_update(const FederatedJob& job, const Message& message, std::uint64_t rows_max,
                   const FeedbackReceiver<float>* memory, FederatedUpdate& update);
// Whether the message is an update that read_update takes.
Status check_update(const FederatedJob& job, const Message& message, std::uint64_t rows_max);

// FedNova's divisor a_i for K steps (2007.07481): K, or with momentum rho
// [K - rho (1 - rho^K)/(1 - rho)]/(1 - rho), or with a proximal term, alpha = lr mu,
// [1 - (1 - alpha)^K]/alpha.
double normalising_divisor(const FederatedSettings& settings, std::size_t steps,
                           double learning_rate);

Task<> federated_server(Node& node, std::shared_ptr<const FederatedJob> job);
Task<> federated_client(Node& node, std::shared_ptr<const FederatedJob> job);

// In place of a counted round: the shift of client and server differ, and both begin with h = 0.
inline constexpr std::uint32_t kStartAnew = 0xffffffffu;

// Tags and parts on the wire.
inline constexpr Tag kModelTag = tag("model");
inline constexpr Tag kUpdateTag = tag("update");
inline constexpr Tag kGoodbyeTag = tag("goodbye");

}  // namespace shoal

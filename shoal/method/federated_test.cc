#include "shoal/method/federated.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <set>

#include "shoal/method/federated_server.h"
#include "shoal/model/factory.h"

namespace shoal {
namespace {

// A job over scalar quadratics, one row a client; what the server does needs no more of it.
struct Jobs {
  Problem<float> problem;
  std::shared_ptr<FederatedJob> job = std::make_shared<FederatedJob>();

  explicit Jobs(std::size_t clients, const FederatedSettings& settings = {}) {
    auto data = std::make_shared<Dataset>();
    data->rows = clients;
    data->features = 2;
    data->shape = {2};
    data->targets.resize(clients);
    for (std::uint32_t i = 0; i < clients; ++i) {
      data->x.insert(data->x.end(), {static_cast<float>(i), 1.0f});
      problem.rows.push_back({i});
      job->clients.push_back(i + 1);
    }
    Table quadratic;
    quadratic.set("kind", "quadratic");
    auto factory = models().make(quadratic, "[model]", *data).value()->in_float();
    problem.data = data;
    problem.models = std::make_shared<ModelPool<float>>(std::move(factory).value(), 1);
    problem.initial = {0.0f};
    Table dense;
    dense.set("kind", "dense");
    job->own_codec = codecs().make(dense, "[codec]").value();
    job->codec = job->own_codec.get();
    job->settings = settings;
    job->problem = &problem;
  }
};

std::unique_ptr<Rule> mean() {
  Table table;
  table.set("kind", "mean");
  return rules().make(table, "[rule]").value();
}

Message update(const Jobs& jobs, NodeId sender, float delta, std::uint64_t rows,
               double divisor = 0.0) {
  ByteWriter encoded;
  const std::vector<float> row = {delta};
  EXPECT_TRUE(
      jobs.job->codec->encode(row, jobs.problem.models->layout(), codec_draws(1, 0, 0), encoded)
          .ok());
  MessageBuilder builder(kUpdateTag, 0);
  builder.tensor("update", encoded.bytes()).count("rows", rows);
  if (divisor != 0.0) builder.number("divisor", divisor);
  Frame frame = builder.finish();
  const FrameHeader header = read_frame_header(*frame).value();
  return Message(sender, std::move(frame), header);
}

float closed(const Jobs& jobs, std::vector<Message> messages) {
  FederatedServer server(jobs.job, mean());
  Arrivals arrivals;
  arrivals.messages = std::move(messages);
  server.close_round(0, arrivals);
  EXPECT_FALSE(server.abandoned());
  return server.parameters()[0];
}

TEST(FedNova, ByHand) {
  FederatedSettings settings;
  const Jobs plain(4, settings);
  EXPECT_FLOAT_EQ(closed(plain, {update(plain, 1, -0.4f, 1), update(plain, 2, -1.2f, 3)}), -1.0f);
  settings.normalise = true;
  const Jobs normal(4, settings);
  EXPECT_FLOAT_EQ(closed(normal, {update(normal, 1, -0.4f, 1, 2), update(normal, 2, -1.2f, 3, 4)}),
                  -0.9625f);
  // Equal divisors are FedAvg, bit for bit.
  EXPECT_EQ(closed(normal, {update(normal, 1, -0.4f, 1, 3), update(normal, 2, -1.2f, 3, 3)}),
            closed(plain, {update(plain, 1, -0.4f, 1), update(plain, 2, -1.2f, 3)}));
}

TEST(FedNova, Divisors) {
  FederatedSettings settings;
  EXPECT_DOUBLE_EQ(normalising_divisor(settings, 7, 0.1), 7.0);
  settings.optimizer.optimizer = LocalOptimizerKind::kMomentum;
  settings.optimizer.momentum = 0.9;
  EXPECT_NEAR(normalising_divisor(settings, 3, 0.1), 5.61, 1e-12);
  settings.optimizer.momentum = 0.0;
  EXPECT_DOUBLE_EQ(normalising_divisor(settings, 3, 0.1), 3.0);
  settings = {};
  settings.correction.kind = CorrectionKind::kProximal;
  settings.correction.mu = 1.0;
  EXPECT_NEAR(normalising_divisor(settings, 3, 0.1), 2.71, 1e-12);
  settings.correction.mu = 0.0;
  EXPECT_DOUBLE_EQ(normalising_divisor(settings, 3, 0.1), 3.0);
}

// The mean of the update over all cohorts of 2 of 4, uniformly weighted, is that of all four.
TEST(FederatedServer, CohortsAreUnbiased) {
  FederatedSettings settings;
  settings.weighting = Weighting::kUniform;
  const Jobs jobs(4, settings);
  const std::vector<float> deltas = {0.5f, -1.25f, 2.0f, 3.75f};
  const auto of = [&](std::size_t client) {
    return update(jobs, static_cast<NodeId>(client + 1), deltas[client], 1 + client);
  };
  double sum = 0.0;
  for (std::size_t a = 0; a < 4; ++a)
    for (std::size_t b = a + 1; b < 4; ++b) sum += closed(jobs, {of(a), of(b)});
  EXPECT_NEAR(sum / 6.0, closed(jobs, {of(0), of(1), of(2), of(3)}), 1e-6);
}

// What cannot be an honest update never reaches the rule.
TEST(FederatedServer, ScreensUpdates) {
  FederatedSettings settings;
  settings.normalise = true;
  const Jobs jobs(4, settings);
  const auto refused = [&](Message bad) {
    FederatedServer server(jobs.job, mean());
    Arrivals arrivals;
    arrivals.messages = {update(jobs, 1, 0.5f, 1, 2), std::move(bad)};
    server.close_round(0, arrivals);
    EXPECT_EQ(server.used() + server.refused(), 2u);
    if (server.refused() == 1) {
      EXPECT_FLOAT_EQ(server.parameters()[0], 0.5f);
    }
    return server.refused() == 1;
  };
  EXPECT_FALSE(refused(update(jobs, 2, 0.5f, 4, 2)));
  EXPECT_TRUE(refused(update(jobs, 2, 0.5f, 0, 2)));   // no rows
  EXPECT_TRUE(refused(update(jobs, 2, 0.5f, 5, 2)));   // more rows than there are
  EXPECT_TRUE(refused(update(jobs, 2, 0.5f, 1, -1)));  // a negative divisor
  EXPECT_TRUE(refused(update(jobs, 2, 0.5f, 1, NAN)));
  EXPECT_TRUE(refused(update(jobs, 2, 0.5f, 1)));  // no divisor at all
  MessageBuilder empty(kUpdateTag, 0);
  empty.tensor("update", {}).count("rows", 1).number("divisor", 1.0);
  Frame frame = empty.finish();
  const FrameHeader header = read_frame_header(*frame).value();
  EXPECT_TRUE(refused(Message(2, std::move(frame), header)));
  // Dense bytes of NaN, as a liar could write them.
  const float nan = NAN;
  MessageBuilder poisoned(kUpdateTag, 0);
  poisoned.tensor("update", std::as_bytes(std::span(&nan, 1))).count("rows", 1);
  poisoned.number("divisor", 1.0);
  frame = poisoned.finish();
  const FrameHeader poisoned_header = read_frame_header(*frame).value();
  EXPECT_TRUE(refused(Message(2, std::move(frame), poisoned_header)));
}

// Updates that are added up as they come give the same bits in every order, and those of a round
// whose messages were all kept.
TEST(FederatedServer, AddsUpInTheOrderOfTheCohort) {
  constexpr std::uint32_t kClients = 7;
  const Jobs jobs(kClients);
  const std::vector<float> deltas = {0.1f, -3e-4f, 7.77f, 1e-7f, -0.3f, 2.5f, 1e3f};
  std::vector<Message> messages;
  for (std::uint32_t i = 0; i < kClients; ++i)
    messages.push_back(update(jobs, i + 1, deltas[i], 1 + i));
  const float kept = closed(jobs, messages);
  std::vector<std::uint32_t> order = {0, 1, 2, 3, 4, 5, 6};
  RandomStream stream(3, purpose("order"));
  for (int turn = 0; turn < 50; ++turn) {
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[stream.below(i)]);
    FederatedServer server(jobs.job, mean());
    server.open_round(jobs.job->clients);
    for (const std::uint32_t i : order) server.take(messages[i]);
    server.close_round(0, {});
    EXPECT_EQ(server.parameters()[0], kept);
    EXPECT_EQ(server.used(), kClients);
  }
  double sum = 0.0, weight = 0.0;
  for (std::uint32_t i = 0; i < kClients; ++i) {
    sum += (1.0 + i) * deltas[i];
    weight += 1.0 + i;
  }
  EXPECT_FLOAT_EQ(kept, static_cast<float>(sum / weight));
}

// What a gate asks of an update before it lets it in.
TEST(FederatedServer, ContentCheckCapsNormAndWeight) {
  const Jobs jobs(4);
  FederatedJob job;
  job.settings = jobs.job->settings;
  job.problem = &jobs.problem;
  job.codec = jobs.job->codec;
  job.update_norm_max = 2.0;
  EXPECT_TRUE(check_update(job, update(jobs, 1, -2.0f, 3), 3).ok());
  EXPECT_FALSE(check_update(job, update(jobs, 1, -2.01f, 3), 3).ok());
  const Status heavy = check_update(job, update(jobs, 1, 1.0f, 4), 3);
  ASSERT_FALSE(heavy.ok());
  EXPECT_EQ(heavy.error().message, "node 1 claims 4 rows; it has between 1 and 3");
  MessageBuilder other(kModelTag, 0);
  Frame frame = other.finish();
  EXPECT_FALSE(check_update(job, Message(1, frame, read_frame_header(*frame).value()), 3).ok());
}

// A client with feedback, without its training.
struct Remembering {
  Remembering(const Jobs& jobs, NodeId id)
      : jobs(jobs), id(id), sender(jobs.job->feedback, jobs.problem.dimension()) {}

  Message update(Step round, float delta) {
    ByteWriter encoded;
    const std::uint32_t shift = sender.shift_checksum();
    EXPECT_TRUE(sender
                    .encode(*jobs.job->codec, std::vector<float>{delta},
                            jobs.problem.models->layout(), codec_draws(1, id, round), encoded)
                    .ok());
    MessageBuilder builder(kUpdateTag, round);
    builder.tensor("update", encoded.bytes()).count("rows", 1).count("shift", shift);
    Frame frame = builder.finish();
    const FrameHeader header = read_frame_header(*frame).value();
    return Message(id, std::move(frame), header);
  }

  const Jobs& jobs;
  NodeId id;
  FeedbackSender<float> sender;
};

// What the invitation says of each client of the cohort.
std::vector<std::uint32_t> counted(const FederatedServer& server, Step round) {
  const Frame frame = server.invitation(round);
  const Message message(kServer, frame, read_frame_header(*frame).value());
  const ByteView bytes = message.tensor("counted").value();
  std::vector<std::uint32_t> counted(bytes.size() / 4);
  std::memcpy(counted.data(), bytes.data(), bytes.size());
  return counted;
}

TEST(FederatedServer, RemembersWhatCounted) {
  Jobs jobs(2);
  jobs.job->feedback = {0.0f, 1.0f};  // EF21
  FederatedServer server(jobs.job, mean());
  Remembering first(jobs, 1), second(jobs, 2);
  server.open_round({1, 2});
  EXPECT_EQ(counted(server, 0), (std::vector<std::uint32_t>{0, 0}));
  server.take(first.update(0, 2.0f));
  server.close_round(0, {});  // the second's is lost
  EXPECT_FLOAT_EQ(server.parameters()[0], 2.0f);
  server.open_round({1, 2});
  EXPECT_EQ(counted(server, 1), (std::vector<std::uint32_t>{1, 0}));
  first.sender.settle(true);
  second.update(0, 4.0f);
  second.sender.settle(false);
  // A round that is abandoned moves nobody's shift; what is saved is as it was.
  server.close_round(1, {});
  EXPECT_TRUE(server.abandoned());
  ByteWriter saved;
  server.save(saved);
  FederatedServer restored(jobs.job, mean());
  ByteReader reader(saved.bytes());
  ASSERT_TRUE(restored.load(reader).ok());
  restored.open_round({1, 2});
  EXPECT_EQ(counted(restored, 2), (std::vector<std::uint32_t>{1, 0}));
  // The first comes back without its state: refused once, then both begin anew.
  Remembering reborn(jobs, 1);
  restored.take(reborn.update(2, 1.0f));
  restored.take(second.update(2, 4.0f));
  restored.close_round(2, {});
  EXPECT_EQ(restored.refused(), 1u);
  EXPECT_FLOAT_EQ(restored.parameters()[0], 6.0f);
  restored.open_round({1, 2});
  EXPECT_EQ(counted(restored, 3), (std::vector<std::uint32_t>{kStartAnew, 3}));
  reborn.sender.restart();
  second.sender.settle(true);
  restored.take(reborn.update(3, 1.0f));
  restored.take(second.update(3, 5.0f));
  restored.close_round(3, {});
  EXPECT_EQ(restored.refused(), 0u);
  EXPECT_FLOAT_EQ(restored.parameters()[0], 9.0f);
}

TEST(FederatedServer, ARoundWithoutUpdatesIsAbandoned) {
  const Jobs jobs(4);
  FederatedServer server(jobs.job, mean());
  server.close_round(0, {});
  EXPECT_TRUE(server.abandoned());
  EXPECT_EQ(server.parameters()[0], 0.0f);
}

TEST(FederatedJob, CohortsAreDrawnAnew) {
  FederatedSettings settings;
  settings.cohort = 4;
  Jobs jobs(20, settings);
  std::vector<int> chosen(21);
  std::set<std::vector<NodeId>> different;
  for (Step round = 0; round < 4000; ++round) {
    const auto cohort = jobs.job->cohort(round);
    ASSERT_EQ(cohort.size(), 4u);
    EXPECT_TRUE(std::is_sorted(cohort.begin(), cohort.end()));
    EXPECT_EQ(std::set<NodeId>(cohort.begin(), cohort.end()).size(), 4u);
    for (const NodeId client : cohort) ++chosen.at(client);
    different.insert(cohort);
  }
  EXPECT_GT(different.size(), 2000u);
  // 800 expected each, standard deviation 25.
  EXPECT_EQ(chosen[0], 0);
  for (std::size_t client = 1; client <= 20; ++client) EXPECT_NEAR(chosen[client], 800, 130);
  const auto first = jobs.job->cohort(0);
  jobs.job->seed = 2;
  EXPECT_NE(jobs.job->cohort(0), first);
  jobs.job->settings.over_selection = 1.3;
  EXPECT_EQ(jobs.job->cohort(0).size(), 6u);  // ceil(5.2)
  EXPECT_EQ(jobs.job->cohort_size(), 4u);
}

}  // namespace
}  // namespace shoal

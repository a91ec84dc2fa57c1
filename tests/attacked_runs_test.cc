// Attacks with methods: whatever acts where, in whole runs on scikit-learn's digits.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "shoal/attack/attack.h"
#include "shoal/attack/local_attack.h"

#include "tests/test_runs.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

struct Wanted {
  std::string nodes = "count = 8\nliars = 2\n";
  std::string method = "kind = \"fedavg\"\nrounds = 4\n";
  std::string attack = "kind = \"inner_product\"\n";
  std::string more = "[rule]\nkind = \"trimmed_mean\"\nfaults = 2\n";
};

const std::string kGather = "kind = \"all_reduce_sgd\"\nsteps = 4\ncollective = \"gather\"\n";
const std::string kGossip = "kind = \"dpsgd\"\nsteps = 4\n";
const std::string kComplete = "[topology]\nkind = \"complete\"\n";

std::string text_of(const Wanted& wanted) {
  return fmt::format(
      "name = \"attacked\"\nseed = 3\n[data]\nkind = \"digits\"\n[partition]\nkind = \"iid\"\n"
      "[model]\nkind = \"softmax\"\n[nodes]\n{}[method]\n{}batch = 16\nlearning_rate = 0.2\n"
      "[attack]\n{}{}",
      wanted.nodes, wanted.method, wanted.attack, wanted.more);
}

std::vector<LedgerLine> lines_of(const Wanted& wanted) {
  ThreadPool pool(1);
  const auto run = run_of(experiment_of(text_of(wanted)), pool);
  const Status status = run->go();
  SHOAL_CHECK(status.ok(), status.error().message);
  return run->result().lines;
}

std::string settings_of(const std::string& kind) {
  const std::string head = fmt::format("kind = \"{}\"\n", kind);
  if (kind == "mixture")
    return head + "parts = [{ kind = \"sign_flip\" }, { kind = \"label_flip\" }]\n";
  if (kind == "bit_flip") return head + "dims = 20\n";
  if (kind == "backdoor") return head + "edge_rows = 20\nclean_rows = 60\nradius = 0.5\n";
  return head;
}

// Every attack of the catalogue, on a server, in an all-gather and in gossip.
TEST(AttackedRuns, AnyAttackWithAnyMethod) {
  for (const auto& entry : attacks().entries()) {
    if (entry.name == "none") continue;  // no attack at all, so no liars either
    const auto attack = attacks().make(parse_toml(settings_of(entry.name)).value(), "[attack]");
    ASSERT_TRUE(attack.ok()) << entry.name;
    const bool transit = dynamic_cast<const TransitAttack*>(attack->get()) != nullptr;
    const auto* local = dynamic_cast<const LocalAttack*>(attack->get());
    const std::string nodes = transit ? "count = 8\n" : "count = 8\nliars = 2\n";
    for (const std::string& method : {Wanted{}.method, kGather, kGossip}) {
      SCOPED_TRACE(entry.name + " on " + method);
      Wanted wanted{.nodes = nodes, .method = method, .attack = settings_of(entry.name)};
      if (method == kGossip) wanted.more = kComplete;
      const bool refused = local && local->changes_rounds() && method != Wanted{}.method;
      if (refused) {
        EXPECT_NE(refusal(text_of(wanted)), "");
        continue;
      }
      const auto lines = lines_of(wanted);
      ASSERT_EQ(lines.size(), 4u);
    }
  }
}

TEST(AttackedRuns, RefusalsSayWhatToChange) {
  const auto expect = [](const Wanted& wanted, const char* sentence) {
    EXPECT_THAT(refusal(text_of(wanted)), HasSubstr(sentence));
  };
  expect({.method = "kind = \"all_reduce_sgd\"\nsteps = 4\n", .more = ""},
         "an all-reduce sums rows on the way");
  expect({.nodes = "count = 8\n",
          .method = "kind = \"one_byte\"\nrounds = 4\n",
          .attack = "kind = \"bit_flip\"\ndims = 1\n",
          .more = ""},
         "set code = \"f32\"");
  expect({.nodes = "count = 8\n",
          .method = "kind = \"cser\"\nsteps = 4\ncollective = \"gather\"\n",
          .attack = "kind = \"bit_flip\"\ndims = 9\n",
          .more = ""},
         "set reset_ratio = 1");
  expect({.more = "[codec]\nkind = \"top_k\"\nk = 9\nfeedback = \"ef21\"\n"}, "to a shift");
  expect({.attack = "kind = \"bit_flip\"\ndims = 9\n"}, "set nodes.liars = 0");
  expect({.nodes = "count = 8\n",
          .attack = "kind = \"bit_flip\"\ndims = 9\n",
          .more = "[codec]\nkind = \"top_k\"\nk = 9\n"},
         "leave [codec] out");
  expect({.nodes = "count = 8\n", .attack = "kind = \"bit_flip\"\ndims = 651\n"},
         "dims = 651 of rows that have 650");
  expect({.attack = "kind = \"zero\"\nequivocate = true\n"}, "a server is the only one");
  expect({.attack = "kind = \"label_flip\"\nequivocate = true\n"}, "this attack forges none");
  expect({.nodes = "count = 8\nliars = 2\nliars_move = true\n", .method = kGather},
         "liars_move draws");
  expect({.nodes = "count = 8\nliars = 2\nliars_move = true\n",
          .method = kGather,
          .attack = "kind = \"label_flip\"\n"},
         "liars_move draws");
  expect({.nodes = "count = 8\nliars = 5\nliars_move = true\n",
          .method = "kind = \"fedavg\"\nrounds = 4\ncohort = 4\n",
          .more = ""},
         "5 liars and a round asks 4");
  expect({.method = kGather, .attack = "kind = \"label_flip\"\nrandom_start = true\n"},
         "leave those settings out");
}

// Where everybody lies in every round it does not matter that liars move; where two of eight do, it
// does.
TEST(AttackedRuns, DataAttacksMoveWithTheirLiars) {
  const auto model = [](int liars, bool move) {
    const Wanted wanted{
        .nodes = fmt::format("count = 8\nliars = {}\nliars_move = {}\n", liars, move),
        .attack = "kind = \"label_flip\"\nrandom_start = true\n"};
    return outcome_of(experiment_of(text_of(wanted))).models.at(0);
  };
  EXPECT_EQ(model(8, true), model(8, false));
  EXPECT_NE(model(2, true), model(2, false));
}

// A mixture of one part is that attack, whatever place it acts in.
TEST(AttackedRuns, AMixtureOfOnePartIsThatPart) {
  for (const std::string part :
       {"kind = \"sign_flip\"", "kind = \"little_is_enough\"", "kind = \"label_flip\"",
        "kind = \"unreliable\"", "kind = \"backdoor\", edge_rows = 20, replace = true"}) {
    std::string lines = part;
    std::ranges::replace(lines, ',', '\n');
    const auto alone = outcome_of(experiment_of(text_of({.attack = lines + "\n"})));
    const auto mixed = outcome_of(experiment_of(
        text_of({.attack = "kind = \"mixture\"\nparts = [{ " + part + ", liars = 2 }]\n"})));
    EXPECT_EQ(mixed.models.at(0), alone.models.at(0)) << part;
  }
}

// Which of its parts a liar has makes a difference, and each part keeps to its own liars: with one
// that sends what cannot be read, as many rows are refused as it has liars.
TEST(AttackedRuns, AMixtureGivesEachPartItsLiars) {
  const auto lines = lines_of({.nodes = "count = 8\nliars = 5\n",
                               .attack = "kind = \"mixture\"\nparts = [{ kind = \"not_finite\", "
                                         "liars = 2 }, { kind = \"label_flip\", liars = 3 }]\n",
                               .more = ""});
  EXPECT_EQ(lines.back().figure("refused").value_or(0.0), 2.0);
  const auto refusal_of = [](const char* nodes, const char* parts) {
    return refusal(text_of(
        {.nodes = nodes, .attack = fmt::format("kind = \"mixture\"\nparts = {}\n", parts)}));
  };
  const char* const two = "count = 8\nliars = 2\n";
  EXPECT_THAT(refusal_of(two, "[{ kind = \"zero\", liars = 3 }]"), HasSubstr("have 3 liars"));
  EXPECT_THAT(refusal_of(two, "[]"), HasSubstr("needs parts"));
  EXPECT_THAT(refusal_of(two, "[{ kind = \"bit_flip\", dims = 3, liars = 2 }]"),
              HasSubstr("no place for"));
  EXPECT_THAT(
      refusal_of("count = 8\nliars = 2\nliars_move = true\n", "[{ kind = \"zero\", liars = 2 }]"),
      HasSubstr("whole run"));
}

// Rounds before from_round and between are those of an honest run; on messages and on data.
TEST(AttackedRuns, AttacksBeginAndPause) {
  const auto refused = [](const std::string& when) {
    std::vector<double> counts;
    for (const LedgerLine& line : lines_of({.method = "kind = \"fedavg\"\nrounds = 8\n",
                                  .attack = "kind = \"not_finite\"\n" + when,
                                  .more = ""}))
      counts.push_back(line.figure("refused").value_or(0.0));
    return counts;
  };
  EXPECT_THAT(refused("from_round = 3\nevery = 2\n"), ElementsAre(0, 0, 0, 2, 0, 2, 0, 2));
  const auto model = [](const std::string& attack, int rounds) {
    const Wanted wanted{.nodes = attack.empty() ? "count = 8\n" : "count = 8\nliars = 2\n",
                        .method = fmt::format("kind = \"fedavg\"\nrounds = {}\n", rounds),
                        .attack = attack.empty() ? "kind = \"none\"\n" : attack};
    return outcome_of(experiment_of(text_of(wanted))).models.at(0);
  };
  for (const std::string attack :
       {"kind = \"label_flip\"\n", "kind = \"backdoor\"\nedge_rows = 20\nclean_rows = 60\n"}) {
    EXPECT_EQ(model(attack + "from_round = 3\n", 3), model("", 3));
    EXPECT_NE(model(attack + "from_round = 3\n", 4), model("", 4));
    EXPECT_EQ(model(attack + "from_round = 0\nevery = 1\n", 4), model(attack, 4));
  }
}

double last(const std::vector<LedgerLine>& lines, const char* figure) {
  return lines.back().figure(figure).value_or(-1.0);
}

// A server sees who lies; the ledger says whom its rule kept.
TEST(AttackedRuns, TheLedgerKnowsWhoWasKept) {
  const auto lines = lines_of({.attack = "kind = \"constant\"\n"});
  for (const LedgerLine& line : lines) {
    ASSERT_TRUE(line.kept.has_value());
    EXPECT_EQ(line.kept->size(), 8u);  // a trimmed mean keeps everybody
    EXPECT_EQ(line.figure("kept_count"), 8.0);
    EXPECT_EQ(line.figure("kept_liars"), 2.0);
    EXPECT_EQ(line.figure("detection_recall"), 0.0);
    EXPECT_EQ(line.figure("detection_precision"), std::nullopt);
  }
  // A screened row never reaches the rule.
  const auto screened = lines_of({.attack = "kind = \"not_finite\"\n",
                                  .more = "[rule]\nkind = \"trimmed_mean\"\nfaults = 1\n"});
  EXPECT_EQ(last(screened, "refused"), 2.0);
  EXPECT_EQ(last(screened, "kept_count"), 6.0);
  EXPECT_EQ(last(screened, "kept_liars"), 0.0);
  EXPECT_EQ(screened.back().figure("detection_recall"), std::nullopt);
}

// Each receiver of an all-gather reads its own copy of a row, so what changes on the way parts the
// replicas, and the ledger says how far.
TEST(AttackedRuns, ValuesInTransitPartTheReplicasOfAnAllGather) {
  const Wanted wanted{.nodes = "count = 8\n",
                      .method = kGather,
                      .attack = "kind = \"gambler\"\nprobability = 0.5\nfactor = -2\n"};
  EXPECT_GT(last(lines_of(wanted), "consensus_distance"), 0.0);
}

// Honest workers hear the same in an all-gather, so their replicas stay equal to the bit.
TEST(AttackedRuns, AnAllGatherKeepsHonestReplicasEqual) {
  for (const char* attack : {"kind = \"gaussian_noise\"\n", "kind = \"mimic\"\nwarm_up = 2\n",
                             "kind = \"sign_flip\"\nscale = 3.0\n"}) {
    EXPECT_EQ(last(lines_of({.method = kGather, .attack = attack}), "consensus_distance"), 0.0);
    const auto told_two_things =
        lines_of({.method = kGather, .attack = std::string(attack) + "equivocate = true\n"});
    EXPECT_GT(last(told_two_things, "consensus_distance"), 0.0);
  }
}

TEST(AttackedRuns, MovingLiarsAreAsManyAsTheCohortHolds) {
  const auto lines = lines_of({.nodes = "count = 20\nliars = 2\nliars_move = true\n",
                               .method = "kind = \"fedavg\"\nrounds = 8\ncohort = 6\n",
                               .attack = "kind = \"constant\"\n"});
  for (const LedgerLine& line : lines) EXPECT_EQ(line.figure("kept_liars"), 2.0);
}

// Poisoned data ruin the mean of a majority of liars, and nothing else about the run is different.
TEST(AttackedRuns, FlippedLabelsTeachTheWrongClasses) {
  Wanted wanted{.nodes = "count = 8\nliars = 7\n",
                .method = "kind = \"fedavg\"\nrounds = 20\n",
                .attack = "kind = \"label_flip\"\n",
                .more = ""};
  EXPECT_LT(last(lines_of(wanted), "test_accuracy"), 0.2);
  const std::uint64_t bytes = lines_of(wanted).back().bytes_up;
  wanted.nodes = "count = 8\nliars = 0\n";
  const auto honest = lines_of(wanted);
  EXPECT_GT(last(honest, "test_accuracy"), 0.8);
  EXPECT_EQ(honest.back().bytes_up, bytes);
}

// With one liar who replaces the model, the mean is the liar's model up to the honest updates.
TEST(AttackedRuns, ABackdoorSucceedsByReplacement) {
  Wanted wanted{.nodes = "count = 8\nliars = 1\n",
                .method = "kind = \"fedavg\"\nrounds = 12\nepochs = 3\n",
                .attack = "kind = \"backdoor\"\nedge_rows = 100\nclean_rows = 100\n",
                .more = ""};
  const auto black_box = lines_of(wanted);
  wanted.attack += "replace = true\n";
  const auto replaced = lines_of(wanted);
  EXPECT_GT(last(replaced, "attack_success"), 0.9);
  EXPECT_LT(last(black_box, "attack_success"), last(replaced, "attack_success"));
  wanted.nodes = "count = 8\nliars = 0\n";
  EXPECT_EQ(lines_of(wanted).back().figure("attack_success"), std::nullopt);
}

// Honest workers with edge cases have them in every round and as rows of their own; who holds any
// and what the liars do is drawn apart from all other draws.
TEST(AttackedRuns, HonestWorkersHoldEdgeCasesBesideTheirRows) {
  ThreadPool pool(1);
  const auto shares = [&pool](const std::string& more) {
    const std::string attack =
        "kind = \"backdoor\"\nedge_rows = 20\nclean_rows = 60\nhonest_rows = 10\n" + more;
    const auto run = run_of(experiment_of(text_of({.attack = attack, .more = ""})), pool);
    std::vector<Rows> rows = run->assembly().partition.nodes;
    const Dataset& data = *run->assembly().partition.data;
    for (const Rows& own : rows)
      for (const std::uint32_t row : own) EXPECT_LT(row, data.rows);
    return rows;
  };
  const auto nobody = shares(""), half = shares("honest_share = 0.5\n");
  int holders = 0, liars = 0;
  for (std::size_t worker = 0; worker < nobody.size(); ++worker) {
    const std::size_t more = half[worker].size() - nobody[worker].size();
    EXPECT_TRUE(more == 0 || more == 10) << more;
    holders += more == 10;
    liars += nobody[worker].size() == 80;
    EXPECT_TRUE(nobody[worker].size() == 80 ||
                std::equal(nobody[worker].begin(), nobody[worker].end(), half[worker].begin()));
  }
  EXPECT_EQ(holders, 3);
  EXPECT_EQ(liars, 2);
}

// PGD without a bound that binds is the black-box attack, bit for bit.
TEST(AttackedRuns, AWideBallIsNoProjection) {
  Wanted wanted{.attack = "kind = \"backdoor\"\nedge_rows = 50\nclean_rows = 50\n", .more = ""};
  const Outcome black_box = outcome_of(experiment_of(text_of(wanted)));
  wanted.attack += "radius = 1e9\n";
  EXPECT_EQ(outcome_of(experiment_of(text_of(wanted))).lines, black_box.lines);
}

}  // namespace
}  // namespace shoal

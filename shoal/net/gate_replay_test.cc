// Replays, conflicts, rotation, restarts and races at the gate; random sequences against a model.
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <thread>
#include <tuple>

#include "shoal/base/random.h"
#include "shoal/net/gate_test_bench.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

const TestAuthority& authority() {
  static const TestAuthority made;
  return made;
}
const TestMember& alpha() {
  static const TestMember made = authority().member("alpha");
  return made;
}

std::string reason(const std::variant<Receipt, Refusal>& outcome) {
  const auto* refusal = std::get_if<Refusal>(&outcome);
  return refusal == nullptr ? "received" : std::string(refusal->reason);
}

struct Replay : testing::Test {
  Replay() {
    bench.join(alpha().peer, "alpha");
    frame = bench.frame(alpha(), 1);
  }
  void expect_already(const TestFrame& again) {
    const GateView before = bench.view();
    EXPECT_EQ(reason(bench.upload(alpha().peer, again)), "already_received");
    EXPECT_EQ(reason(bench.gate.check_body(alpha().peer, again.head, again.body)),
              "already_received");
    EXPECT_EQ(bench.view(), before);
    const auto receipt = bench.gate.receipt_of(1, kTestTag, kTestRound);
    ASSERT_TRUE(receipt);
    EXPECT_EQ(receipt->number, 1u);
    EXPECT_EQ(receipt->sha256, again.head.sha256);
  }

  GateBench bench;
  TestFrame frame;
};

TEST_F(Replay, GetsTheFirstReceiptForEver) {
  EXPECT_EQ(reason(bench.upload(alpha().peer, frame)), "received");
  expect_already(frame);  // the very same bytes, nonce included
  TestFrame again = frame;
  bench.sign(again, alpha().key);
  expect_already(again);  // the same update under a new proof
  bench.wall_s += 3600;
  bench.clock_s += 3600;
  expect_already(frame);  // long after its proof has expired
  bench.gate.open_round(kTestRound + 6);
  expect_already(frame);  // rounds later
}

TEST_F(Replay, ASecondUpdateIsRefusedAndBothAreNoted) {
  EXPECT_EQ(reason(bench.upload(alpha().peer, frame)), "received");
  const TestFrame other = bench.frame(alpha(), 1, kTestRound, 2.0);
  const GateView before = bench.view();
  const auto outcome = bench.upload(alpha().peer, other);
  EXPECT_EQ(reason(outcome), "conflicting_update");
  EXPECT_EQ(std::get<Refusal>(outcome).code, RefusalCode::kFailedPrecondition);
  EXPECT_EQ(bench.view(), before);
  const std::string& detail = bench.events.back().detail;
  EXPECT_NE(detail.find(hex(other.head.sha256)), std::string::npos);
  EXPECT_NE(detail.find("first seen " + hex(frame.head.sha256)), std::string::npos);
}

TEST_F(Replay, ANonceServesOnce) {
  EXPECT_EQ(reason(bench.upload(alpha().peer, frame)), "received");
  TestFrame other = bench.frame(alpha(), 1, kTestRound, 1.0, tag("other"));
  other.head.proof.nonce = frame.head.proof.nonce;
  other.head.proof.signature = alpha().key.sign(frame_statement(other.head, "server", kSendMethod));
  const GateView before = bench.view();
  const auto outcome = bench.upload(alpha().peer, other);
  EXPECT_EQ(reason(outcome), "nonce_reused");
  EXPECT_EQ(std::get<Refusal>(outcome).code, RefusalCode::kUnauthenticated);
  EXPECT_EQ(bench.view(), before);
}

TEST_F(Replay, AnUploadThatBrokeOffCanBeSentAgainAsItWas) {
  ASSERT_FALSE(bench.gate.check_head(alpha().peer, frame.head));
  EXPECT_EQ(reason(bench.upload(alpha().peer, frame)), "received");
}

TEST_F(Replay, ARepeatedRoundTakesTheSameFramesAgain) {
  EXPECT_EQ(reason(bench.upload(alpha().peer, frame)), "received");
  bench.gate.open_round(kTestRound);
  EXPECT_TRUE(bench.gate.receipts(kTestRound).empty());
  const auto outcome = bench.upload(alpha().peer, frame);
  ASSERT_EQ(reason(outcome), "received");
  EXPECT_EQ(std::get<Receipt>(outcome).number, 2u);  // no number is given twice
}

TEST_F(Replay, AfterARestart) {
  EXPECT_EQ(reason(bench.upload(alpha().peer, frame)), "received");
  GateBench second;
  ASSERT_TRUE(
      second.gate.restore(bench.gate.members(), bench.gate.receipts(kTestRound), kTestRound + 1)
          .ok());
  EXPECT_EQ(second.gate.present(), 0u);
  EXPECT_EQ(second.gate.current_round(), kTestRound + 1);
  EXPECT_EQ(reason(second.upload(alpha().peer, frame)), "already_received");
  EXPECT_EQ(second.gate.receipt_of(1, kTestTag, kTestRound)->number, 1u);
  EXPECT_EQ(reason(second.upload(alpha().peer, second.frame(alpha(), 1, kTestRound, 2.0))),
            "conflicting_update");
  const auto next = second.upload(alpha().peer, second.frame(alpha(), 1, kTestRound + 1));
  ASSERT_EQ(reason(next), "received");
  EXPECT_EQ(std::get<Receipt>(next).number, 2u);
  EXPECT_EQ(second.gate.present(), 1u);
  EXPECT_EQ(second.join(alpha().peer, "alpha"), 1u);  // its old place
}

TEST(Restore, RefusesWhatContradictsItself) {
  Member member;
  member.name = "alpha";
  member.node = 1;
  Member elsewhere = member;
  elsewhere.node = 9;
  Member twice = member;
  twice.name = "beta";
  const FrameReceipt receipt{1, kTestTag, {{}, 0, 1}};
  const FrameReceipt stranger{2, kTestTag, {{}, 0, 1}};
  const std::vector<std::pair<std::vector<Member>, std::vector<FrameReceipt>>> bad = {
      {{elsewhere}, {}},
      {{member, twice}, {}},
      {{member, member}, {}},
      {{member}, {stranger}},
      {{member}, {receipt, receipt}}};
  for (const auto& [members, receipts] : bad) {
    GateBench bench;
    EXPECT_FALSE(bench.gate.restore(members, receipts, 1).ok());
    EXPECT_TRUE(bench.gate.members().empty());
  }
}

TEST(Rotation, OldAndNewKeyOverlapUntilTheOldOneIsRevoked) {
  GateBench bench;
  bench.join(alpha().peer, "alpha");
  const TestMember renewed = authority().member("alpha");
  ASSERT_NE(renewed.peer.key, alpha().peer.key);
  EXPECT_EQ(reason(bench.upload(alpha().peer, bench.frame(alpha(), 1, 3, 1.0, tag("a")))),
            "received");
  EXPECT_EQ(reason(bench.upload(renewed.peer, bench.frame(renewed, 1, 3, 1.0, tag("b")))),
            "received");
  EXPECT_EQ(bench.join(renewed.peer, "alpha"), 1u);
  EXPECT_EQ(bench.gate.members()[0].key, renewed.peer.key);
  EXPECT_EQ(reason(bench.upload(alpha().peer, bench.frame(alpha(), 1, 3, 1.0, tag("c")))),
            "received");
  // A connection of one key does not carry proofs of the other.
  EXPECT_EQ(reason(bench.upload(renewed.peer, bench.frame(alpha(), 1, 3, 1.0, tag("d")))),
            "proof_mismatch");
  bench.gate.set_revoked([](const Digest& key) { return key == alpha().peer.key; });
  EXPECT_EQ(reason(bench.upload(alpha().peer, bench.frame(alpha(), 1, 3, 1.0, tag("d")))),
            "revoked");
  EXPECT_EQ(reason(bench.upload(renewed.peer, bench.frame(renewed, 1, 3, 1.0, tag("d")))),
            "received");
}

TEST(Race, OneOfManyUploadsWins) {
  constexpr int kThreads = 8;
  for (int trial = 0; trial < 20; ++trial) {
    GateBench bench;
    bench.join(alpha().peer, "alpha");
    const TestFrame first = bench.frame(alpha(), 1, kTestRound, 1.0);
    const TestFrame second = bench.frame(alpha(), 1, kTestRound, 2.0);
    std::vector<std::string> outcomes(kThreads);
    std::vector<std::thread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&, i] {
        outcomes[i] = reason(bench.upload(alpha().peer, i % 2 == 0 ? first : second));
      });
    for (std::thread& thread : threads) thread.join();
    std::map<std::string, int> count;
    for (const std::string& outcome : outcomes) ++count[outcome];
    EXPECT_EQ(count["received"], 1);
    EXPECT_EQ(count["already_received"], kThreads / 2 - 1);
    EXPECT_EQ(count["conflicting_update"], kThreads / 2);
    EXPECT_EQ(bench.gate.receipts(kTestRound).size(), 1u);
    EXPECT_EQ(bench.gate.receipt_of(1, kTestTag, kTestRound)->number, 1u);
  }
}

// Without certificates: joins, leaves, silence, rounds and frames in random order, against the
// plainest bookkeeping one can write.
TEST(Model, RandomSequences) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomStream random(seed, purpose("gate_test"));
    GateBench bench(false);
    std::map<std::string, NodeId> places;
    std::set<NodeId> left;
    std::map<std::tuple<NodeId, Step>, std::pair<int, std::uint64_t>> received;
    Step current = kTestRound;
    std::uint64_t number = 1;
    for (int step = 0; step < 200; ++step) {
      const auto draw = random.below(10);
      const std::string name(1, static_cast<char>('a' + random.below(5)));
      const auto from = static_cast<NodeId>(random.below(5));
      if (draw == 0) {
        Member candidate;
        candidate.name = name;
        const auto joined = bench.gate.join({}, candidate);
        if (places.contains(name) || places.size() < 3) {
          places.try_emplace(name, static_cast<NodeId>(places.size() + 1));
          left.erase(places[name]);
          ASSERT_TRUE(std::holds_alternative<Member>(joined));
          ASSERT_EQ(std::get<Member>(joined).node, places[name]);
        } else {
          ASSERT_EQ(std::get<Refusal>(joined).reason, "run_full");
        }
      } else if (draw == 1) {
        const bool member = from >= 1 && from <= places.size() && !left.contains(from);
        ASSERT_EQ(bench.gate.leave({}, from).has_value(), !member);
        if (member) left.insert(from);
      } else if (draw == 2) {
        current = static_cast<Step>(random.below(3)) + (current > 0 ? current - 1 : 0);
        bench.gate.open_round(current);
        std::erase_if(received,
                      [&](const auto& entry) { return std::get<1>(entry.first) >= current; });
      } else {
        const auto round = current + static_cast<Step>(random.below(3)) - (current > 0 ? 1 : 0);
        const int content = static_cast<int>(random.below(2));
        const auto outcome = bench.upload({}, GateBench::unsigned_frame(from, round, content));
        const auto known = received.find({from, round});
        std::string expected = "received";
        if (from < 1 || from > places.size())
          expected = "not_joined";
        else if (left.contains(from))
          expected = "left";
        else if (known != received.end())
          expected = known->second.first == content ? "already_received" : "conflicting_update";
        else if (round != current)
          expected = round < current ? "stale_round" : "future_round";
        ASSERT_EQ(reason(outcome), expected) << "seed " << seed << " step " << step;
        if (expected == "received") {
          ASSERT_EQ(std::get<Receipt>(outcome).number, number);
          received[{from, round}] = {content, number++};
        }
      }
      std::size_t receipts = 0;
      for (Step round = 0; round < current + 3; ++round)
        receipts += bench.gate.receipts(round).size();
      ASSERT_EQ(receipts, received.size());
      ASSERT_EQ(bench.gate.members().size(), places.size());
    }
  }
}

TEST(Peers, RunAheadOfEachOther) {
  GateBench bench(false, false);
  Member peer;
  peer.name = "beta";
  peer.node = 2;
  bench.gate.introduce(peer);
  for (const Step round : {5u, 0u, 4000u})
    EXPECT_EQ(reason(bench.upload({}, GateBench::unsigned_frame(2, round))), "received");
  bench.events.clear();
  peer.node = 3;  // it has a place
  bench.gate.introduce(peer);
  ASSERT_EQ(bench.events.size(), 1u);
  EXPECT_EQ(bench.events[0].refusal->reason, "place_held");
  EXPECT_EQ(bench.gate.members().size(), 1u);
}

TEST(Silence, MarksAbsentAndAnyCallBringsBack) {
  GateBench bench(false);
  bench.join({}, "alpha");
  bench.clock_s += kSilence_s;
  EXPECT_TRUE(bench.gate.mark_silent().empty());
  bench.clock_s += 0.5;
  EXPECT_EQ(bench.gate.mark_silent(), std::vector<NodeId>{1});
  EXPECT_EQ(bench.events.back().kind, GateEvent::Kind::kAbsent);
  EXPECT_EQ(bench.gate.present(), 0u);
  EXPECT_FALSE(bench.gate.heard({}, 1));
  EXPECT_EQ(bench.events.back().kind, GateEvent::Kind::kReturned);
  EXPECT_EQ(bench.gate.present(), 1u);
}

TEST(Joining, GivesPlacesAndNamesThemInEvents) {
  GateBench bench(true);
  EXPECT_EQ(bench.join(alpha().peer, "alpha"), 1u);
  Member wrong;
  wrong.name = "beta";
  EXPECT_EQ(std::get<Refusal>(bench.gate.join(alpha().peer, wrong)).code,
            RefusalCode::kPermissionDenied);
  Member rows;
  rows.name = "alpha";
  rows.rows = 11;
  EXPECT_EQ(std::get<Refusal>(bench.gate.join(alpha().peer, rows)).reason, "rows_differ");
  EXPECT_EQ(bench.events.back().name, "alpha");
  EXPECT_EQ(bench.gate.members()[0].rows, 10u);

  GateBench open(false);
  for (const char* name : {"", "Alpha", "a b", "a\n", "../a", "a\"b"}) {
    Member candidate;
    candidate.name = name;
    EXPECT_EQ(std::get<Refusal>(open.gate.join({}, candidate)).reason, "bad_name") << name;
    EXPECT_EQ(open.events.back().name, "") << name;
  }
}

}  // namespace
}  // namespace shoal

// The gate, attack by attack: each gets its code and changes nothing.
#include "shoal/net/gate.h"

#include <gtest/gtest.h>
#include <limits>

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
const TestMember& beta() {
  static const TestMember made = authority().member("beta");
  return made;
}

Member named_alpha() {
  Member member;
  member.name = "alpha";
  member.rows = 10;
  return member;
}

// Alpha is node 1, beta node 2.
struct Admission : testing::Test {
  Admission() {
    bench.join(alpha().peer, "alpha");
    bench.join(beta().peer, "beta");
    frame = bench.frame(alpha(), 1);
    peer = alpha().peer;
    bench.clock_s += 1.0;  // so that a sign of life would show
  }

  void expect_refused(RefusalCode code, std::string_view reason) {
    const GateView before = bench.view();
    bench.events.clear();
    const auto outcome = bench.upload(peer, frame);
    ASSERT_TRUE(std::holds_alternative<Refusal>(outcome));
    const Refusal& refusal = std::get<Refusal>(outcome);
    EXPECT_EQ(static_cast<int>(refusal.code), static_cast<int>(code)) << refusal.sentence;
    EXPECT_EQ(refusal.reason, reason);
    EXPECT_FALSE(refusal.sentence.empty());
    if (!state_moves) {
      EXPECT_EQ(bench.view(), before);
    }
    ASSERT_FALSE(bench.events.empty());
    const GateEvent& event = bench.events.back();
    EXPECT_EQ(event.kind, GateEvent::Kind::kRefused);
    ASSERT_TRUE(event.refusal);
    EXPECT_EQ(event.refusal->reason, reason);
  }
  void expect_honest_is_received(std::uint64_t number = 1) {
    TestFrame honest = bench.frame(alpha(), 1);
    const auto outcome = bench.upload(alpha().peer, honest);
    ASSERT_TRUE(std::holds_alternative<Receipt>(outcome)) << std::get<Refusal>(outcome).sentence;
    EXPECT_EQ(std::get<Receipt>(outcome).number, number);
  }
  void sign_again() { bench.sign(frame, alpha().key); }

  GateBench bench;
  TestFrame frame;
  PeerIdentity peer;
  bool state_moves = false;  // by the test itself
};

TEST_F(Admission, AnHonestFrameIsReceived) {
  const auto outcome = bench.upload(peer, frame);
  ASSERT_TRUE(std::holds_alternative<Receipt>(outcome)) << std::get<Refusal>(outcome).sentence;
  const Receipt receipt = std::get<Receipt>(outcome);
  EXPECT_EQ(receipt.sha256, frame.head.sha256);
  EXPECT_EQ(receipt.round, kTestRound);
  EXPECT_EQ(receipt.number, 1u);
  ASSERT_EQ(bench.gate.receipts(kTestRound).size(), 1u);
  const GateEvent& event = bench.events.back();
  EXPECT_EQ(event.kind, GateEvent::Kind::kReceived);
  EXPECT_EQ(event.name, "alpha");
  EXPECT_EQ(event.bytes, frame.body->size());
  EXPECT_NE(event.detail.find(hex(alpha().peer.key)), std::string::npos);
}

TEST_F(Admission, NoCertificate) {
  peer.certified = false;
  expect_refused(RefusalCode::kUnauthenticated, "no_certificate");
  EXPECT_TRUE(bench.gate.heard(peer, 1));
  EXPECT_TRUE(bench.gate.leave(peer, 1));
  EXPECT_TRUE(std::holds_alternative<Refusal>(bench.gate.join(peer, named_alpha())));
  expect_honest_is_received();
}

TEST_F(Admission, UnreadableCertificate) {
  peer.certificate_pem = peer.certificate_pem.substr(0, 100);
  expect_refused(RefusalCode::kUnauthenticated, "bad_certificate");
  peer.certificate_pem.clear();
  expect_refused(RefusalCode::kUnauthenticated, "bad_certificate");
}

TEST_F(Admission, KeyOfAnotherCertificate) {
  peer.key = beta().peer.key;
  expect_refused(RefusalCode::kUnauthenticated, "bad_certificate");
}

TEST_F(Admission, NameOfAnotherCertificate) {
  peer.name = "beta";
  expect_refused(RefusalCode::kUnauthenticated, "bad_certificate");
}

TEST_F(Admission, CertificateThatHasEnded) {
  bench.wall_s += 31 * 86400;
  sign_again();
  expect_refused(RefusalCode::kUnauthenticated, "certificate_expired");
}

TEST_F(Admission, CertificateThatHasNotBegun) {
  bench.wall_s -= 2 * 86400;
  sign_again();
  expect_refused(RefusalCode::kUnauthenticated, "certificate_expired");
}

TEST_F(Admission, RevokedKeyIsRefusedEverywhere) {
  bool revoked = true;
  bench.gate.set_revoked([&](const Digest& key) { return revoked && key == alpha().peer.key; });
  expect_refused(RefusalCode::kUnauthenticated, "revoked");
  EXPECT_EQ(bench.gate.heard(peer, 1)->reason, "revoked");
  EXPECT_EQ(bench.gate.leave(peer, 1)->reason, "revoked");
  EXPECT_EQ(std::get<Refusal>(bench.gate.join(peer, named_alpha())).reason, "revoked");
  EXPECT_EQ(std::get<Refusal>(bench.gate.check_body(peer, frame.head, frame.body)).reason,
            "revoked");
  EXPECT_FALSE(bench.gate.heard(beta().peer, 2));
  revoked = false;
  expect_honest_is_received();
}

TEST_F(Admission, ServersCertificateIsNoMembers) {
  peer = authority().member("another-server", kTestNow_s, 30, true).peer;
  expect_refused(RefusalCode::kPermissionDenied, "wrong_role");
}

TEST_F(Admission, CertifiedButNotJoined) {
  const TestMember gamma = authority().member("gamma");
  peer = gamma.peer;
  frame = bench.frame(gamma, 3);
  expect_refused(RefusalCode::kNotFound, "not_joined");
}

TEST_F(Admission, NodeOfAnother) {
  peer = beta().peer;
  bench.sign(frame, beta().key);
  expect_refused(RefusalCode::kPermissionDenied, "wrong_node");
  EXPECT_EQ(bench.gate.heard(peer, 1)->code, RefusalCode::kPermissionDenied);
  EXPECT_EQ(bench.gate.leave(peer, 1)->code, RefusalCode::kPermissionDenied);
  expect_honest_is_received();
}

TEST_F(Admission, AfterLeaving) {
  EXPECT_FALSE(bench.gate.leave(peer, 1));
  expect_refused(RefusalCode::kFailedPrecondition, "left");
  EXPECT_EQ(bench.join(peer, "alpha"), 1u);
  expect_honest_is_received();
}

TEST_F(Admission, ForeignRun) {
  frame.head.run = "run-8\n\x1b[2J";
  sign_again();
  expect_refused(RefusalCode::kPermissionDenied, "wrong_run");
  EXPECT_EQ(bench.events.back().refusal->sentence.find('\n'), std::string::npos);
  EXPECT_EQ(bench.events.back().refusal->sentence.find('\x1b'), std::string::npos);
}

TEST_F(Admission, WrongReceiver) {
  frame.head.to = 2;
  sign_again();
  expect_refused(RefusalCode::kFailedPrecondition, "wrong_receiver");
}

TEST_F(Admission, NoProof) {
  frame.head.proof.signature.clear();
  expect_refused(RefusalCode::kUnauthenticated, "no_proof");
  expect_honest_is_received();
}

TEST_F(Admission, ProofTooOldOrTooNew) {
  for (const std::int64_t off : {-kClockSkew_s - 1, kClockSkew_s + 1}) {
    frame.head.proof = prove(alpha().key, frame.head, "server", bench.wall_s + off);
    expect_refused(RefusalCode::kUnauthenticated, "expired");
  }
  for (const std::int64_t at :
       {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max()}) {
    frame.head.proof = prove(alpha().key, frame.head, "server", at);
    expect_refused(RefusalCode::kUnauthenticated, "expired");
  }
  for (const std::int64_t off : {-kClockSkew_s, kClockSkew_s}) {
    frame.head.proof = prove(alpha().key, frame.head, "server", bench.wall_s + off);
    EXPECT_FALSE(bench.gate.check_head(peer, frame.head));
  }
}

// A proof made for something else, presented here.
TEST_F(Admission, ReplayedToAnotherServer) {
  frame.head.proof = prove(alpha().key, frame.head, "another-server", bench.wall_s);
  expect_refused(RefusalCode::kFailedPrecondition, "proof_mismatch");
  expect_honest_is_received();
}

TEST_F(Admission, ReplayedToAnotherRun) {
  frame.head.run = "run-6";
  sign_again();
  frame.head.run = "run-7";
  expect_refused(RefusalCode::kFailedPrecondition, "proof_mismatch");
}

TEST_F(Admission, ReplayedToAnotherRound) {
  frame = bench.frame(alpha(), 1, kTestRound - 1);
  frame.head.round = kTestRound;
  expect_refused(RefusalCode::kFailedPrecondition, "proof_mismatch");
}

TEST_F(Admission, SignatureOfAnotherMember) {
  bench.sign(frame, beta().key);
  expect_refused(RefusalCode::kFailedPrecondition, "proof_mismatch");
}

TEST_F(Admission, SignatureOfAnotherCall) {
  frame.head.proof.signature = alpha().key.sign(frame_statement(frame.head, "server", "Observe"));
  expect_refused(RefusalCode::kFailedPrecondition, "proof_mismatch");
}

TEST_F(Admission, SignatureMovedToAnotherFrame) {
  const FrameHead honest = frame.head;
  const std::vector<std::function<void(FrameHead&)>> moves = {
      [](FrameHead& head) { head.tag = tag("other"); },
      [](FrameHead& head) { head.size_bytes += 1; },
      [](FrameHead& head) { head.sha256[31] ^= std::byte{1}; },
      [](FrameHead& head) { head.proof.nonce[0] ^= std::byte{1}; },
      [](FrameHead& head) { head.proof.expires_unix_s += 1; },
      [](FrameHead& head) { head.proof.signature.back() ^= std::byte{1}; },
      [](FrameHead& head) { head.proof.signature.pop_back(); },
      [](FrameHead& head) { head.proof.signature.resize(1); },
      [](FrameHead& head) { head.proof.signature.resize(100000); },
  };
  for (const auto& move : moves) {
    frame.head = honest;
    move(frame.head);
    expect_refused(RefusalCode::kFailedPrecondition, "proof_mismatch");
  }
  expect_honest_is_received();
}

TEST_F(Admission, StaleAndFutureRounds) {
  for (const auto& [round, reason] :
       {std::pair{Step{2}, "stale_round"}, {Step{4}, "future_round"}, {~Step{0}, "future_round"}}) {
    frame = bench.frame(alpha(), 1, round);
    expect_refused(RefusalCode::kFailedPrecondition, reason);
    EXPECT_NE(bench.events.back().refusal->sentence.find("current round is 3"), std::string::npos);
  }
  expect_honest_is_received();
}

TEST_F(Admission, DeclaredSizes) {
  for (const std::uint64_t size :
       {std::uint64_t{4097}, std::uint64_t{1} << 31, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    frame.head.size_bytes = size;
    sign_again();
    expect_refused(RefusalCode::kResourceExhausted, "too_large");
  }
  for (const std::uint64_t size : {0u, 15u}) {
    frame.head.size_bytes = size;
    sign_again();
    expect_refused(RefusalCode::kInvalidArgument, "too_small");
  }
  expect_honest_is_received();
}

// Its head is let in, which is a sign of life (so this clock stands still); its body is not.
struct Body : Admission {
  Body() { bench.clock_s -= 1.0; }
  void body(Frame bytes) {
    frame.body = std::move(bytes);
    frame.head.size_bytes = frame.body->size();
    frame.head.sha256 = sha256(*frame.body);
    sign_again();
  }
};

TEST_F(Body, OfAnotherSizeOrDigest) {
  Bytes changed = *frame.body;
  changed.back() ^= std::byte{1};
  frame.body = std::make_shared<const Bytes>(changed);
  expect_refused(RefusalCode::kInvalidArgument, "wrong_digest");
  changed.pop_back();
  frame.body = std::make_shared<const Bytes>(changed);
  expect_refused(RefusalCode::kInvalidArgument, "wrong_size");
  frame.body = nullptr;
  expect_refused(RefusalCode::kInvalidArgument, "wrong_size");
  expect_honest_is_received();
}

TEST_F(Body, WithABadHeader) {
  Bytes changed = *frame.body;
  changed[0] ^= std::byte{1};
  body(std::make_shared<const Bytes>(changed));
  expect_refused(RefusalCode::kInvalidArgument, "bad_frame");
  body(bench.frame(alpha(), 1, kTestRound + 1).body);
  expect_refused(RefusalCode::kInvalidArgument, "wrong_header");
  body(bench.frame(alpha(), 1, kTestRound, 1.0, tag("other")).body);
  expect_refused(RefusalCode::kInvalidArgument, "wrong_header");
  expect_honest_is_received();
}

TEST_F(Body, ThatTheMethodRefuses) {
  body(bench.frame(alpha(), 1, kTestRound, std::numeric_limits<double>::quiet_NaN()).body);
  expect_refused(RefusalCode::kInvalidArgument, "bad_content");
  EXPECT_EQ(bench.events.back().refusal->sentence, "the loss is NaN");
  MessageBuilder empty(kTestTag, kTestRound);
  body(empty.finish());
  expect_refused(RefusalCode::kInvalidArgument, "bad_content");
  expect_honest_is_received();
}

TEST_F(Body, WhoseHeadWasNeverAsked) {
  frame.head.proof.signature.pop_back();
  const auto outcome = bench.gate.check_body(peer, frame.head, frame.body);
  EXPECT_EQ(std::get<Refusal>(outcome).reason, "proof_mismatch");
}

TEST_F(Body, WhoseKeyIsRevokedMeanwhile) {
  bool revoked = false;
  bench.gate.set_revoked([&](const Digest&) { return revoked; });
  bench.during_content = [&] { revoked = true; };
  expect_refused(RefusalCode::kUnauthenticated, "revoked");
  EXPECT_TRUE(bench.gate.receipts(kTestRound).empty());
}

// Between the end of a round's gather and the next round nothing more comes in, but what came
// before still has its receipt.
TEST_F(Admission, ALateFrameOfTheCurrentRound) {
  bench.gate.close_round(kTestRound - 1);  // of another round: no matter
  expect_honest_is_received();
  bench.gate.close_round(kTestRound);
  const TestFrame early = bench.frame(beta(), 2);
  EXPECT_EQ(std::get<Refusal>(bench.upload(beta().peer, early)).reason, "round_closed");
  TestFrame again = bench.frame(alpha(), 1);
  EXPECT_EQ(std::get<Refusal>(bench.upload(alpha().peer, again)).reason, "already_received");
  bench.gate.open_round(kTestRound + 1);
  frame = bench.frame(alpha(), 1, kTestRound + 1);
  EXPECT_TRUE(std::holds_alternative<Receipt>(bench.upload(peer, frame)));
}

TEST_F(Body, WhoseRoundClosesMeanwhile) {
  state_moves = true;
  bench.during_content = [&] { bench.gate.open_round(kTestRound + 1); };
  expect_refused(RefusalCode::kFailedPrecondition, "stale_round");
  EXPECT_TRUE(bench.gate.receipts(kTestRound).empty());
}

TEST_F(Body, WhoseSenderLeavesMeanwhile) {
  state_moves = true;
  bench.during_content = [&] { bench.gate.leave(peer, 1); };
  expect_refused(RefusalCode::kFailedPrecondition, "left");
  EXPECT_TRUE(bench.gate.receipts(kTestRound).empty());
}

TEST_F(Body, ThatTookLongerThanItsProofLives) {
  ASSERT_FALSE(bench.gate.check_head(peer, frame.head));
  bench.wall_s += 600;
  bench.clock_s += 600;
  EXPECT_TRUE(std::holds_alternative<Receipt>(bench.gate.check_body(peer, frame.head, frame.body)));
}

}  // namespace
}  // namespace shoal

#include "shoal/rule/suspicion_ledger.h"

#include <gmock/gmock.h>

namespace shoal {
namespace {

using ::testing::IsEmpty;

constexpr std::uint32_t kSender = 4;

// The rounds under suspicion of one sender, one letter each: f, u, t, or . for none.
SuspicionLedger after(const std::string& story) {
  SuspicionLedger ledger(2);
  const std::vector<std::uint32_t> all{kSender}, none;
  for (const char letter : story)
    ledger.record(
        all, {letter == 'f' ? all : none, letter == 'u' ? all : none, letter == 't' ? all : none});
  return ledger;
}

TEST(SuspicionLedger, StateMachineOfTheCard) {
  const auto is = [](const std::string& story, SuspectKind kind) {
    return after(story).confirmed(kSender, kind);
  };
  EXPECT_FALSE(is("f", SuspectKind::kSignFlip));
  EXPECT_TRUE(is("ff", SuspectKind::kSignFlip));
  EXPECT_FALSE(is("f.f", SuspectKind::kSignFlip));
  EXPECT_FALSE(is("ttt", SuspectKind::kTargeted));
  EXPECT_TRUE(is("tttt", SuspectKind::kTargeted));
  EXPECT_TRUE(is("tf", SuspectKind::kSignFlip));  // any suspicion counts
  EXPECT_TRUE(is("ff.", SuspectKind::kSignFlip));
  EXPECT_FALSE(is("ff..", SuspectKind::kSignFlip));
  EXPECT_TRUE(is("uu", SuspectKind::kNoise));
  EXPECT_TRUE(is("uu.", SuspectKind::kNoise));
  EXPECT_TRUE(is("uu.uu", SuspectKind::kNoise));
  EXPECT_FALSE(is("uu.uu.", SuspectKind::kNoise));  // came clean twice
  EXPECT_TRUE(is("uu.uu.", SuspectKind::kUnreliable));
  EXPECT_FALSE(after("uu.uu.").malicious(kSender));
}

TEST(SuspicionLedger, UnreliabilityCountsUpAndDown) {
  SuspicionLedger ledger(2);
  const std::vector<std::uint32_t> all{kSender}, none;
  const auto is = [&] { return ledger.confirmed(kSender, SuspectKind::kUnreliable); };
  for (int k = 0; k < 2; ++k) ledger.record_unreliable(all, all);
  EXPECT_FALSE(is());
  ledger.record_unreliable(all, all);
  EXPECT_TRUE(is());
  for (int k = 0; k < 2; ++k) ledger.record_unreliable(all, none);
  EXPECT_TRUE(is());
  ledger.record_unreliable(all, none);
  EXPECT_FALSE(is());
  EXPECT_THAT(ledger.suspects(), IsEmpty());
}

// A ledger from a checkpoint goes on as the one that wrote it; a damaged one is refused whole.
TEST(SuspicionLedger, GoesOnFromACheckpoint) {
  const std::vector<std::uint32_t> all{kSender}, none;
  SuspicionLedger ledger = after("uu.u");
  ByteWriter out;
  ledger.save(out);
  SuspicionLedger other(2);
  ByteReader in(out.bytes());
  ASSERT_TRUE(other.load(in).ok());
  EXPECT_TRUE(in.done());
  EXPECT_EQ(other.suspects(), (std::vector<Suspect>{{kSender, SuspectKind::kNoise}}));
  for (SuspicionLedger* each : {&ledger, &other}) each->record(all, {none, none, none});
  EXPECT_EQ(other.suspects(), (std::vector<Suspect>{{kSender, SuspectKind::kUnreliable}}));
  EXPECT_EQ(other.suspects(), ledger.suspects());
  for (std::size_t size = 0; size < out.size(); ++size) {
    ByteReader part(ByteView(out.bytes()).first(size));
    EXPECT_FALSE(other.load(part).ok()) << size;
  }
  Bytes damaged(out.bytes().begin(), out.bytes().end());
  damaged.back() = std::byte{0xFF};  // kinds that do not exist
  ByteReader bad(damaged);
  EXPECT_FALSE(other.load(bad).ok());
  EXPECT_EQ(other.suspects(), ledger.suspects());
}

}  // namespace
}  // namespace shoal

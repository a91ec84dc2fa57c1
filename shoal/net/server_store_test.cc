#include "shoal/net/server_store.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "shoal/net/faulty_disk.h"
#include "shoal/net/malformed_files.h"

namespace shoal {
namespace {

constexpr const char* kFolder = "state";
constexpr const char* kRun = "run-1";
const std::string kJournal = "state/journal";

Digest model(std::string_view name) { return sha256(as_bytes(name)); }

CommittedRound made_round(Step round, std::size_t receipts = 2) {
  CommittedRound made{
      round, model(fmt::format("{}", round)), model(fmt::format("{}", round + 1)), {}, {}};
  for (std::size_t i = 0; i < receipts; ++i)
    made.receipts.push_back(
        {static_cast<NodeId>(i + 1), tag("update"), {model("update"), round, 10 * round + i}});
  return made;
}

Bytes made_state(Step round) { return Bytes(100, static_cast<std::byte>(round)); }

Member made_member(NodeId node, std::string address) {
  return {fmt::format("client-{}", node), node, 10, std::move(address), model("key")};
}

std::string checkpoint_path(Step round) { return fmt::format("state/checkpoint-{:010}", round); }

class ServerStoreTest : public testing::Test {
 protected:
  // Closes the store that is open, as a process that ends does, and opens it again.
  const Recovered& open(ServerStoreSettings settings = {}) {
    opened.reset();
    auto result = ServerStore::open(disk, kFolder, kRun, settings);
    EXPECT_TRUE(result.ok()) << result.error().message;
    opened = std::make_unique<OpenedServerStore>(std::move(*result));
    return opened->recovered;
  }
  Error open_error(const std::string& run = kRun) {
    opened.reset();
    return ServerStore::open(disk, kFolder, run).error();
  }
  ServerStore& store() { return *opened->store; }
  void commit(Step begin, Step end) {
    for (Step round = begin; round < end; ++round) {
      const Status status = store().commit(made_round(round), made_state(round));
      ASSERT_TRUE(status.ok()) << status.error().message;
      ASSERT_TRUE(store().upkeep().ok());
    }
  }
  void spoil(const std::string& path) {
    Bytes bytes = *disk.content(path);
    bytes[bytes.size() / 2] ^= std::byte{1};
    disk.put(path, bytes);
  }

  FaultyDisk disk{1};
  std::unique_ptr<OpenedServerStore> opened;
};

TEST_F(ServerStoreTest, AFreshFolderHasNothing) {
  const Recovered& past = open();
  EXPECT_EQ(past.incarnation, 1u);
  EXPECT_EQ(past.next_round(), 0u);
  EXPECT_TRUE(past.rounds.empty() && past.members.empty() && past.state.empty());
  EXPECT_TRUE(past.receipts().empty() && past.repaired.empty() && past.notes.empty());
  EXPECT_EQ(open().incarnation, 2u);
}

TEST_F(ServerStoreTest, WhatWasCommittedComesBack) {
  open();
  const std::vector<Member> members = {made_member(2, "a"), made_member(1, "b")};
  ASSERT_TRUE(store().join(members).ok());
  const Member moved = made_member(2, "c");
  ASSERT_TRUE(store().join(std::span(&moved, 1)).ok());
  ASSERT_TRUE(store().note("two updates of client-1: ab12, cd34").ok());
  commit(0, 5);
  const Recovered& past = open();
  EXPECT_EQ(past.incarnation, 2u);
  ASSERT_EQ(past.members.size(), 2u);
  EXPECT_EQ(past.members[0].name, "client-1");
  EXPECT_EQ(past.members[1].address, "c");
  EXPECT_EQ(past.members[1].key, model("key"));
  EXPECT_EQ(past.members[1].presence, Presence::kAbsent);
  EXPECT_EQ(past.next_round(), 5u);
  EXPECT_EQ(past.state, made_state(4));
  EXPECT_EQ(past.rounds[3].model_after, model("4"));
  const auto receipts = past.receipts();
  ASSERT_EQ(receipts.size(), 10u);
  EXPECT_EQ(receipts[7].from, 2u);
  EXPECT_EQ(receipts[7].receipt.number, 31u);
  EXPECT_EQ(past.notes, std::vector<std::string>{"two updates of client-1: ab12, cd34"});
  // Two checkpoints, the journal: nothing else is left behind.
  EXPECT_EQ(disk.list(kFolder)->size(), 3u);
}

TEST_F(ServerStoreTest, RoundsHaveToBeAChain) {
  open();
  commit(0, 2);
  EXPECT_FALSE(store().commit(made_round(1), made_state(1)).ok());
  EXPECT_FALSE(store().commit(made_round(3), made_state(3)).ok());
  commit(2, 3);
  // An abandoned round is left out, and the model is as it was.
  CommittedRound later = made_round(7);
  later.model_before = model("3");
  EXPECT_TRUE(store().commit(later, made_state(7)).ok());
  EXPECT_EQ(open().next_round(), 8u);
}

TEST_F(ServerStoreTest, ABrokenChainOnDiskIsAnError) {
  open();
  commit(0, 1);
  RecordLog log(disk, kFolder, "journal", kRun);
  ASSERT_TRUE(log.read().ok());
  CommittedRound foreign = made_round(1);
  foreign.model_before = model("another");
  ASSERT_TRUE(log.append(committed_record(foreign).view()).ok());
  const Error error = open_error();
  EXPECT_EQ(error.code, ErrorCode::kCorrupt);
  EXPECT_NE(error.message.find("no chain"), std::string::npos) << error.message;
}

TEST_F(ServerStoreTest, ADamagedCheckpointUndoesItsRound) {
  open();
  commit(0, 4);
  spoil(checkpoint_path(3));
  const Recovered& past = open();
  EXPECT_EQ(past.next_round(), 3u);
  EXPECT_EQ(past.state, made_state(2));
  EXPECT_EQ(past.receipts().size(), 6u);
  ASSERT_EQ(past.repaired.size(), 1u);
  EXPECT_NE(past.repaired[0].find("round 3 was undone"), std::string::npos);
  EXPECT_EQ(past.notes, past.repaired);
  commit(3, 6);
  EXPECT_EQ(open().next_round(), 6u);
  spoil(checkpoint_path(4));
  spoil(checkpoint_path(5));
  EXPECT_EQ(open_error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(open_error().code, ErrorCode::kCorrupt);
}

TEST_F(ServerStoreTest, TheFirstRoundsCheckpointDamagedIsNoFreshStart) {
  open();
  commit(0, 1);
  spoil(checkpoint_path(0));
  EXPECT_EQ(open_error().code, ErrorCode::kCorrupt);
  disk.put("other/checkpoint-0000000000", made_state(0));
  EXPECT_EQ(ServerStore::open(disk, "other", kRun).error().code, ErrorCode::kCorrupt);
}

TEST_F(ServerStoreTest, OneOwnerAndOneRun) {
  open();
  const auto second = ServerStore::open(disk, kFolder, kRun);
  EXPECT_NE(second.error().message.find("another process"), std::string::npos);
  EXPECT_EQ(open_error("run-2").code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(open_error("").code, ErrorCode::kInvalidArgument);
}

TEST_F(ServerStoreTest, TheJournalGrowsByWhatMustBeKeptAndReceiptsSurvive) {
  const ServerStoreSettings settings{10000, 2000, 500};
  open(settings);
  std::uint64_t longest = 0;
  for (Step round = 0; round < 100; ++round) {
    for (int i = 0; i < 30; ++i)
      ASSERT_TRUE(store().note(fmt::format("round {}, note {:>60}", round, i)).ok());
    const Member moved = made_member(1, fmt::format("address {}", round));
    ASSERT_TRUE(store().join(std::span(&moved, 1)).ok());
    commit(round, round + 1);
    longest = std::max(longest, store().journal_bytes());
  }
  // 264 KB were written. 100 rounds of 132 + 24 + 2 x 56 bytes have to stay.
  const std::uint64_t needed = 100 * (132 + 24 + 2 * 56);
  EXPECT_LT(longest, needed + 10000 + 2000 + 5000);
  const Recovered& past = open(settings);
  EXPECT_EQ(past.receipts().size(), 200u);
  EXPECT_EQ(past.members[0].address, "address 99");
  EXPECT_LT(store().journal_bytes(), needed + 2000 + 500);
  ASSERT_FALSE(past.notes.empty());
  EXPECT_NE(past.notes.back().find("round 99"), std::string::npos);
}

TEST_F(ServerStoreTest, NotesAndReceiptsAreBounded) {
  open();
  EXPECT_EQ(store().note(std::string(kNoteBytesMax + 1, 'x')).error().code, ErrorCode::kLimit);
  EXPECT_EQ(store().commit(made_round(0, receipts_per_round_max() + 1), {}).error().code,
            ErrorCode::kLimit);
  const Member long_address = made_member(1, std::string(kAddressBytesMax + 1, 'x'));
  EXPECT_EQ(store().join(std::span(&long_address, 1)).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(store().commit(made_round(0, 10000), {}).ok());
  EXPECT_EQ(open().receipts().size(), 10000u);
}

TEST_F(ServerStoreTest, DroppedNotesAreCounted) {
  open({1000, 1000, 50});
  disk.set_capacity(0);
  int dropped = 0;
  for (int i = 0; i < 10; ++i) dropped += store().note("a note of twenty-two").ok() ? 0 : 1;
  EXPECT_EQ(dropped, 8);
  disk.set_capacity(1 << 20);
  ASSERT_TRUE(store().flush_notes().ok());
  const Recovered& past = open();
  ASSERT_EQ(past.notes.size(), 3u);
  EXPECT_EQ(past.notes[2].rfind("8 notes were dropped", 0), 0u);
}

// Whatever the journal is spoiled to, opening ends in an error, or in a prefix of the history with
// its own state.
TEST_F(ServerStoreTest, SpoiledJournalsAreRefusedOrRecovered) {
  open();
  commit(0, 2);
  opened.reset();
  const Bytes good = *disk.content(kJournal);
  const auto files = spoiled_versions(good, 0, good.size());
  EXPECT_GE(files.size(), 200u);
  std::size_t recovered = 0;
  for (const SpoiledFile& file : files) {
    FaultyDisk other(1);
    other.put(kJournal, file.bytes);
    for (Step round = 0; round < 2; ++round)
      other.put(checkpoint_path(round), *disk.content(checkpoint_path(round)));
    const auto result = ServerStore::open(other, kFolder, kRun);
    if (!result.ok()) continue;
    ++recovered;
    const Recovered& past = result->recovered;
    EXPECT_LE(past.next_round(), 2u) << file.how;
    const Bytes state = past.rounds.empty() ? Bytes() : made_state(past.next_round() - 1);
    EXPECT_EQ(past.state, state) << file.how;
  }
  EXPECT_GT(recovered, 100u);
}

// On the real disk: the faulty one is for one thread.
TEST(ServerStoreThreads, NotesAndJoinsComeWhileRoundsAreCommitted) {
  std::string folder = testing::TempDir() + "shoal-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  {
    const ServerStoreSettings settings{2000, 100000, 100};
    auto opened = ServerStore::open(real_disk(), folder, kRun, settings);
    ASSERT_TRUE(opened.ok());
    ServerStore& store = *opened->store;
    std::vector<std::jthread> threads;
    for (NodeId node = 1; node <= 3; ++node)
      threads.emplace_back([&store, node] {
        for (int i = 0; i < 20; ++i) {
          const Member member = made_member(node, fmt::format("{}", i));
          EXPECT_TRUE(store.join(std::span(&member, 1)).ok());
          EXPECT_TRUE(store.note("joined").ok());
        }
      });
    for (Step round = 0; round < 20; ++round)
      EXPECT_TRUE(store.commit(made_round(round), made_state(round)).ok());
    threads.clear();
    EXPECT_TRUE(store.flush_notes().ok());
    EXPECT_TRUE(store.upkeep().ok());
  }
  const auto opened = ServerStore::open(real_disk(), folder, kRun);
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  EXPECT_EQ(opened->recovered.members.size(), 3u);
  EXPECT_EQ(opened->recovered.notes.size(), 60u);
  EXPECT_EQ(opened->recovered.next_round(), 20u);
  std::filesystem::remove_all(folder);
}

// A real process on the real disk, killed at some instant, twenty times.
TEST(ServerStoreKill, AKilledProcessLosesNothingItReported) {
  std::string folder = testing::TempDir() + "shoal-store-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  RandomStream random(1, purpose("kill"));
  Step told = 0;
  for (std::uint64_t life = 1; life <= 20; ++life) {
    int pipe[2];
    ASSERT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      auto opened = ServerStore::open(real_disk(), folder, kRun);
      if (!opened.ok()) ::_exit(1);
      for (Step round = opened->recovered.next_round();; ++round) {
        const Bytes state(100000 + round, static_cast<std::byte>(round));
        if (!opened->store->commit(made_round(round), state).ok()) ::_exit(1);
        if (::write(pipe[1], &round, sizeof(round)) != sizeof(round)) ::_exit(1);
      }
    }
    ::close(pipe[1]);
    ::usleep(static_cast<useconds_t>(5000 + random.below(40000)));
    ::kill(child, SIGKILL);
    for (Step round = 0; ::read(pipe[0], &round, sizeof(round)) == sizeof(round);) told = round + 1;
    ::close(pipe[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto opened = ServerStore::open(real_disk(), folder, kRun);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const Recovered& past = opened->recovered;
    ASSERT_GE(past.next_round(), told);
    ASSERT_LE(past.next_round(), told + 1);
    told = past.next_round();
    if (told > 0) {
      EXPECT_EQ(past.state, Bytes(100000 + told - 1, static_cast<std::byte>(told - 1)));
    }
    EXPECT_GE(past.incarnation, life);
  }
  std::filesystem::remove_all(folder);
  EXPECT_GT(told, 0u);
}

}  // namespace
}  // namespace shoal

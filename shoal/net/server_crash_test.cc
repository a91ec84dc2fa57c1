// What a server has committed survives a crash at every call, and failures at every call: the runs
// below are repeated with the power lost, or an error returned, at call 1, 2, 3, ... of the disk.
#include <algorithm>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <optional>
#include <string>
#include <vector>

#include "shoal/net/faulty_disk.h"
#include "shoal/net/server_store.h"

namespace shoal {
namespace {

constexpr const char* kFolder = "state";
constexpr const char* kRun = "crash-test";
constexpr Step kRounds = 10;
constexpr NodeId kClients = 4;

Digest model_after(Step rounds) { return sha256(as_bytes(fmt::format("model {}", rounds))); }

// Different for every round, and of every size up to some pieces of a write.
Bytes state_after(Step round) {
  RandomStream random(7, purpose("state"), 0, round);
  Bytes state(1 + random.below(3000));
  for (std::byte& byte : state) byte = static_cast<std::byte>(random.below(256));
  return state;
}

CommittedRound made_round(Step round) {
  CommittedRound made{round, model_after(round), model_after(round + 1), {}, {}};
  for (NodeId from = 1; from <= kClients; ++from) {
    const Digest body = sha256(as_bytes(fmt::format("update {} {}", round, from)));
    made.receipts.push_back({from, tag("update"), {body, round, round * kClients + from}});
  }
  return made;
}

Member made_member(NodeId node) {
  return {fmt::format("client-{}", node), node, 100 * node, "ipv4:127.0.0.1:4711",
          sha256(as_bytes(fmt::format("key {}", node)))};
}

// Small limits, so that the journal is shortened in these short runs too.
ServerStoreSettings small_settings() { return {600, 1000, 100}; }

// What a run has been told.
struct Told {
  Step rounds = 0;  // committed with an ok
  NodeId members = 0;
  bool finished = false;
  bool shortened = false;  // the journal was, at least once
  std::optional<Error> error;
};

// Runs until the end or the first error, from whatever the disk holds.
Told run(FaultyDisk& disk, Told told) {
  auto opened = ServerStore::open(disk, kFolder, kRun, small_settings());
  if (!opened.ok()) {
    told.error = opened.error();
    return told;
  }
  ServerStore& store = *opened->store;
  const auto fails = [&](const Status& status) {
    if (!status.ok()) told.error = status.error();
    return !status.ok();
  };
  // What an opening found is as good as told.
  told.rounds = std::max(told.rounds, opened->recovered.next_round());
  told.members = std::max(told.members, static_cast<NodeId>(opened->recovered.members.size()));
  for (NodeId node = told.members + 1; node <= kClients; ++node) {
    const Member member = made_member(node);
    if (fails(store.join(std::span(&member, 1)))) return told;
    told.members = node;
  }
  for (Step round = opened->recovered.next_round(); round < kRounds; ++round) {
    const std::uint64_t bytes = store.journal_bytes();
    const std::string note = fmt::format("round {} was closed; {:>900}", round, "nothing else");
    (void)store.note(note).ok();
    if (fails(store.commit(made_round(round), state_after(round)))) return told;
    told.rounds = round + 1;
    told.shortened = told.shortened || store.journal_bytes() < bytes;
  }
  told.finished = true;
  return told;
}

// The first thing that is wrong with what is found after a crash; empty if nothing is. At least
// what was told has to be there, at most one round more, all of it bit for bit.
std::string fault_in(const Recovered& found, const Told& told) {
  const std::size_t rounds = found.rounds.size();
  if (rounds < told.rounds || rounds > told.rounds + 1)
    return fmt::format("{} rounds were committed, {} are found", told.rounds, rounds);
  if (found.members.size() < told.members || found.members.size() > told.members + 1)
    return fmt::format("{} members had joined, {} are found", told.members, found.members.size());
  for (const Member& member : found.members)
    if (const Member made = made_member(member.node);
        member.name != made.name || member.rows != made.rows || member.key != made.key ||
        member.address != made.address)
      return fmt::format("member {} is another one", member.node);
  for (Step round = 0; round < rounds; ++round) {
    CommittedRound made = made_round(round);
    made.checkpoint = found.rounds[round].checkpoint;
    if (committed_record(made).payload != committed_record(found.rounds[round]).payload)
      return fmt::format("round {} is another one", round);
  }
  const Bytes state = rounds == 0 ? Bytes() : state_after(static_cast<Step>(rounds - 1));
  if (found.state != state) return fmt::format("the state is not that of round {}", rounds);
  for (const std::string& sentence : found.repaired)
    if (sentence.find("undone") != std::string::npos) return sentence;
  return {};
}

// Opens the folder on a disk that works, and checks it.
std::string fault_after_restart(FaultyDisk& disk, const Told& told) {
  disk.restart();
  const auto opened = ServerStore::open(disk, kFolder, kRun, small_settings());
  if (!opened.ok()) return opened.error().message;
  return fault_in(opened->recovered, told);
}

std::uint64_t calls_of_a_clean_run() {
  FaultyDisk disk(1);
  const Told told = run(disk, {});
  EXPECT_TRUE(told.finished && told.shortened);
  return disk.calls();
}

struct CrashCount {
  std::uint64_t crashes = 0;
  std::uint64_t faults = 0;
  std::string first;
};

// Crashes at every call of the run, and again at a random call of the run after that.
CrashCount crash_everywhere(std::uint64_t seed, const std::optional<std::string>& unsynced = {}) {
  CrashCount count;
  const std::uint64_t calls = calls_of_a_clean_run();
  for (std::uint64_t call = 1; call <= calls; ++call) {
    FaultyDisk disk(seed * 100000 + call);
    if (unsynced) disk.ignore_syncs_of(*unsynced);
    RandomStream random(seed, purpose("second crash"), 0, static_cast<std::uint32_t>(call));
    disk.lose_power_at(call);
    Told told = run(disk, {});
    disk.restart();
    disk.lose_power_at(1 + random.below(calls));
    told = run(disk, told);
    ++count.crashes;
    const std::string fault = fault_after_restart(disk, told);
    if (fault.empty()) continue;
    ++count.faults;
    if (count.first.empty()) count.first = fmt::format("call {}: {}", call, fault);
  }
  return count;
}

TEST(ServerCrash, NoCommittedRoundIsLostAtAnyCall) {
  const std::uint64_t calls = calls_of_a_clean_run();
  EXPECT_GT(calls, 100u);
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    for (std::uint64_t call = 1; call <= calls; ++call) {
      FaultyDisk disk(seed * 100000 + call);
      disk.lose_power_at(call);
      const Told told = run(disk, {});
      ASSERT_FALSE(disk.has_power());
      ASSERT_EQ(fault_after_restart(disk, told), "") << "seed " << seed << ", call " << call;
      // The run goes on to its end.
      const Told after = run(disk, {});
      ASSERT_TRUE(after.finished) << after.error->message;
      ASSERT_EQ(fault_after_restart(disk, after), "") << "seed " << seed << ", call " << call;
      ++crashes;
    }
  }
  RecordProperty("crashes", static_cast<int>(crashes));
}

TEST(ServerCrash, NorAtTwoCrashesInARow) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const CrashCount count = crash_everywhere(seed);
    EXPECT_EQ(count.faults, 0u) << "seed " << seed << ", " << count.first;
  }
}

// Planted mistakes: a server that leaves out one kind of sync is caught, whichever it is.
TEST(ServerCrash, LeavingOutAnySyncIsCaught) {
  for (const char* unsynced : {"", "/journal", "/journal.tmp", "5.tmp", kFolder}) {
    const CrashCount count = crash_everywhere(1, unsynced);
    EXPECT_GT(count.faults, 0u) << "syncs of '" << unsynced << "' were left out";
    RecordProperty(fmt::format("faults{}", unsynced), static_cast<int>(count.faults));
  }
}

// A call fails, the process goes on, tries again, and dies later.
TEST(ServerCrash, FailuresAtEveryCallDoNoHarm) {
  const std::uint64_t calls = calls_of_a_clean_run();
  for (const DiskFailure failure :
       {DiskFailure::kNoSpace, DiskFailure::kIo, DiskFailure::kShortWrite})
    for (std::uint64_t call = 1; call <= calls; ++call) {
      SCOPED_TRACE(fmt::format("failure {} at call {}", static_cast<int>(failure), call));
      FaultyDisk disk(call);
      disk.fail_at(call, failure);
      Told told = run(disk, {});
      // A new process on the same machine, which has not been down.
      if (!told.finished) told = run(disk, told);
      ASSERT_TRUE(told.finished) << told.error->message;
      ASSERT_EQ(fault_after_restart(disk, told), "");
    }
}

// A call fails, the process gives up, a new one goes on, and the power fails under that one.
TEST(ServerCrash, NorDoFailuresWithACrashAfterThem) {
  const std::uint64_t calls = calls_of_a_clean_run();
  for (const DiskFailure failure :
       {DiskFailure::kNoSpace, DiskFailure::kIo, DiskFailure::kShortWrite})
    for (std::uint64_t call = 1; call <= calls; ++call) {
      SCOPED_TRACE(fmt::format("failure {} at call {}", static_cast<int>(failure), call));
      FaultyDisk disk(call);
      RandomStream random(call, purpose("crash after a failure"));
      disk.fail_at(call, failure);
      disk.lose_power_at(call + 1 + random.below(calls));
      Told told = run(disk, {});
      if (disk.has_power()) told = run(disk, told);
      ASSERT_EQ(fault_after_restart(disk, told), "");
    }
}

// As above, but the store stays open and the same commit is asked for again; then the power fails.
TEST(ServerCrash, ACommitThatFailedWorksWhenAskedAgain) {
  std::uint64_t refused = 0;
  for (const DiskFailure failure :
       {DiskFailure::kNoSpace, DiskFailure::kIo, DiskFailure::kShortWrite})
    for (std::uint64_t call = 1; call <= calls_of_a_clean_run(); ++call) {
      SCOPED_TRACE(fmt::format("failure {} at call {}", static_cast<int>(failure), call));
      FaultyDisk disk(call);
      auto opened = ServerStore::open(disk, kFolder, kRun, small_settings());
      ASSERT_TRUE(opened.ok());
      disk.fail_at(disk.calls() + call, failure);
      Told told;
      for (Step round = 0; round < kRounds; ++round) {
        (void)opened->store->note("a note that makes the journal grow to be shortened").ok();
        const Status first = opened->store->commit(made_round(round), state_after(round));
        if (!first.ok()) {
          ++refused;
          const Status second = opened->store->commit(made_round(round), state_after(round));
          ASSERT_TRUE(second.ok()) << second.error().message;
        }
        told.rounds = round + 1;
        // Sometimes right after the failure, sometimes later.
        if (disk.calls() > call + 40) break;
      }
      opened->store.reset();
      ASSERT_EQ(fault_after_restart(disk, told), "");
    }
  EXPECT_GT(refused, 100u);
}

TEST(ServerCrash, AFullDiskStopsCommitsUntilThereIsRoom) {
  FaultyDisk disk(3);
  auto opened = ServerStore::open(disk, kFolder, kRun, small_settings());
  ASSERT_TRUE(opened.ok());
  ServerStore& store = *opened->store;
  ASSERT_TRUE(store.commit(made_round(0), state_after(0)).ok());
  for (Step round = 1; round < kRounds; ++round) {
    // Every amount of room: too little for the checkpoint, for the record, for part of it.
    std::uint64_t capacity = 0;
    Status status;
    do {
      disk.set_capacity(capacity);
      status = store.commit(made_round(round), state_after(round));
      if (!status.ok()) {
        ASSERT_EQ(status.error().code, ErrorCode::kNoSpace) << status.error().message;
      }
      capacity += 97;
    } while (!status.ok());
    EXPECT_GT(capacity, 1000u);
  }
  opened->store.reset();
  Told told;
  told.rounds = kRounds;
  EXPECT_EQ(fault_after_restart(disk, told), "");
}

}  // namespace
}  // namespace shoal

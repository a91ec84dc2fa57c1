// ServerStore: what the server of a run has to remember when it is killed at any instant, in one
// folder: `journal` (record_log.h, server_journal.h), `checkpoint-<round>` (checkpoint_store.h) and
// `lock`.
//
//   SHOAL_TRY(OpenedServerStore opened, ServerStore::open(real_disk(), folder, run));
//   const Recovered& past = opened.recovered;
//   gate.restore(past.members, past.receipts(), past.next_round());
//   if (!past.rounds.empty()) restore the node from past.state;
//   for each round:
//     store.commit({round, before, after, gate.receipts(round)}, state);   // then tell the clients
//
// commit() makes the checkpoint durable first, and then the journal's record, which names the
// checkpoint's digest: a round is committed when its record is whole. So wherever a crash falls,
// the record's checkpoint is there:
//
//   before the checkpoint has its name   the last committed round stands, its checkpoint untouched
//   before the record is whole           the same; the newer checkpoint is removed on opening
//   after that                           the new round stands; checkpoints before the last two are
//                                        removed only now, and any left over go next time
//
// A round whose commit() failed or was cut short stands or does not; it is never half there. The
// digests of the model make the rounds a chain, checked on commit and on opening.
//
// Opening writes the journal anew, shortened, with one incarnation more, before anything is added:
// what a dead process left unsynced is either in it, synced, or gone.
//
// The journal grows by 56 bytes a receipt and 132 a round, which have to be kept: an update counts
// once for ever. Everything else in it (openings, former records of members, notes beyond the
// newest kNotesKeptBytesMax) is disposable, and the journal is written anew when that is more than
// kJournalDisposableBytesMax and a quarter of it. At kJournalBytesMax, 19 million receipts,
// commit() refuses.
//
// A commit costs one pass of SHA-256 over the state, one write of it and four syncs. Thread-safe:
// join() and note() do not wait for the checkpoint of a commit().
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shoal/net/checkpoint_store.h"
#include "shoal/net/limits.h"
#include "shoal/net/server_journal.h"

namespace shoal {

// What the folder held when it was opened.
struct Recovered {
  std::uint64_t incarnation = 1;  // how often the folder has been opened, this time included
  std::vector<Member> members;    // by node id, all absent
  std::vector<CommittedRound> rounds;
  Bytes state;                        // after the last of these rounds; empty when there is none
  std::vector<std::string> notes;     // the newest ones
  std::vector<std::string> repaired;  // what was cut or passed over, a sentence each

  std::vector<FrameReceipt> receipts() const;  // of all rounds
  Step next_round() const { return rounds.empty() ? 0 : rounds.back().round + 1; }
};

struct ServerStoreSettings {
  std::uint64_t disposable_bytes_max = kJournalDisposableBytesMax;
  std::size_t notes_kept_bytes_max = kNotesKeptBytesMax;
  std::size_t notes_buffered_bytes_max = kNotesBufferedBytesMax;
};

class ServerStore;
struct OpenedServerStore {
  std::unique_ptr<ServerStore> store;
  Recovered recovered;
};

class ServerStore {
 public:
  // `folder` is made if it is not there. Errors: another process has it open; it belongs to another
  // run; its journal is damaged or no chain; no checkpoint of its last two rounds is whole. One
  // whole is enough: if it is the older one, the last round is undone, and `repaired` says so. A
  // checkpoint that cannot be read for another reason than damage is an error, as reading it may
  // succeed later.
  static Result<OpenedServerStore> open(Disk& disk, const std::string& folder,
                                        const std::string& run, ServerStoreSettings settings = {});

  // Durable when it returns ok. After an error the rounds before stand, and the same round may be
  // committed again, or another in its place, when the cause (a full disk) is gone.
  Status commit(CommittedRound round, ByteView state);
  // Durable when it returns ok: the name keeps its place. Again for a changed address or key.
  Status join(std::span<const Member> members);
  // One line for the audit, of at most kNoteBytesMax. Kept in memory until the next record, until
  // kNotesBufferedBytesMax wait, or until flush_notes(); a crash may lose those. When they cannot
  // be written and the memory is full, notes are dropped, and a note says how many.
  Status note(std::string text);
  Status flush_notes();

  // The last failure to remove an old checkpoint or to shorten the journal. The commit during which
  // it happened stands, and the next one tries again.
  Status upkeep() const;
  std::uint64_t journal_bytes() const;

 private:
  ServerStore(Disk& disk, const std::string& folder, const std::string& run,
              ServerStoreSettings settings);

  Status load(Recovered& out);
  Status load_state(ServerHistory& history, Recovered& out);
  Status start_anew();
  void remember(const CommittedRound& round);
  Status keep_last_two();
  // With journal_mutex_ held.
  Status append(const OwnedRecord& record, bool disposable);
  Status flush_notes_locked();
  Status shorten_journal();
  void shorten_if_worthwhile();
  void took_care(const Status& status);

  const ServerStoreSettings settings_;
  const std::string folder_;
  std::unique_ptr<DiskLock> lock_;
  CheckpointStore checkpoints_;

  std::mutex commit_mutex_;  // one commit at a time; taken before journal_mutex_
  // The last round and the one before it, without their receipts.
  std::optional<CommittedRound> last_;
  std::optional<CommittedRound> before_last_;

  mutable std::mutex journal_mutex_;
  RecordLog journal_;
  std::uint64_t disposable_bytes_ = 0;
  std::vector<std::string> notes_;  // not written yet
  std::size_t notes_bytes_ = 0;
  std::uint64_t notes_dropped_ = 0;
  Status upkeep_;
};

}  // namespace shoal

// What the journal of a server says: its records, and the history they add up to.
//
//   opened      u64 incarnation
//   joined      u32 count; for each: text name, u32 node, u64 rows, text address, 32 bytes key
//   committed   u32 round, 32 bytes model digest before, after, 32 bytes checkpoint digest,
//               u64 count; for each receipt: u32 from, u64 tag, u32 round, u64 number, 32 bytes
//               SHA-256
//   notes       u32 count; the texts
//
// Members and rounds hold for ever; of the openings only the last, of a member's records the last,
// of the notes the newest.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "shoal/net/gate.h"
#include "shoal/net/record_log.h"

namespace shoal {

// A round that is part of the model for ever.
struct CommittedRound {
  Step round = 0;
  Digest model_before{};
  Digest model_after{};
  std::vector<FrameReceipt> receipts;  // of the updates that count in it
  Digest checkpoint{};                 // of the state after it; commit() fills it in
};

struct ServerHistory {
  std::uint64_t incarnation = 0;
  std::map<NodeId, Member> members;    // absent, all of them
  std::vector<CommittedRound> rounds;  // oldest first
  std::vector<std::string> notes;      // oldest first

  // Adds what a record says. An error when it does not follow its format, or breaks the chain: a
  // round comes after the one before it and starts from the model that one left.
  Status add(const LogRecord& record);
  // Drops all but the newest notes of at most `bytes_max`.
  void trim_notes(std::size_t bytes_max);
};

// Whether `round` may follow the committed rounds: their last, or null.
Status check_follows(const CommittedRound* last, const CommittedRound& round);

// A record with bytes of its own.
struct OwnedRecord {
  std::uint32_t type = 0;
  Bytes payload;
  LogRecord view() const { return {type, payload}; }
};

OwnedRecord opened_record(std::uint64_t incarnation);
OwnedRecord joined_record(std::span<const Member> members);
OwnedRecord committed_record(const CommittedRound& round);
OwnedRecord notes_record(std::span<const std::string> notes);

// The shortest journal of a history that was read from `read`: the rounds are views into that.
struct ShortJournal {
  std::vector<OwnedRecord> owned;
  std::vector<LogRecord> records;
};
ShortJournal shorten(const ServerHistory& history, std::span<const LogRecord> read);

// Receipts that one committed record holds.
std::size_t receipts_per_round_max();

}  // namespace shoal

#include "shoal/net/server_journal.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr std::uint32_t kOpened = 1;
constexpr std::uint32_t kJoined = 2;
constexpr std::uint32_t kCommitted = 3;
constexpr std::uint32_t kNotes = 4;

constexpr std::size_t kReceiptBytes = 4 + 8 + 4 + 8 + sizeof(Digest);
constexpr std::size_t kCommittedHeadBytes = 4 + 3 * sizeof(Digest) + 8;
constexpr std::size_t kMembersPerRecord = 4096;  // far below a record's limit

Result<Digest> read_digest(ByteReader& in) {
  Digest digest{};
  SHOAL_TRY(const ByteView bytes, in.raw(digest.size()));
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

Result<Member> read_member(ByteReader& in) {
  Member member;
  SHOAL_TRY(member.name, in.text(kNameLengthMax));
  SHOAL_TRY(member.node, in.number<NodeId>());
  SHOAL_TRY(member.rows, in.number<std::uint64_t>());
  SHOAL_TRY(member.address, in.text(kAddressBytesMax));
  SHOAL_TRY(member.key, read_digest(in));
  return member;
}

Result<FrameReceipt> read_receipt(ByteReader& in) {
  FrameReceipt receipt;
  SHOAL_TRY(receipt.from, in.number<NodeId>());
  SHOAL_TRY(const std::uint64_t packed_tag, in.number<std::uint64_t>());
  receipt.tag = static_cast<Tag>(packed_tag);
  SHOAL_TRY(receipt.receipt.round, in.number<Step>());
  SHOAL_TRY(receipt.receipt.number, in.number<std::uint64_t>());
  SHOAL_TRY(receipt.receipt.sha256, read_digest(in));
  return receipt;
}

Result<CommittedRound> read_committed(ByteReader& in) {
  CommittedRound round;
  SHOAL_TRY(round.round, in.number<Step>());
  SHOAL_TRY(round.model_before, read_digest(in));
  SHOAL_TRY(round.model_after, read_digest(in));
  SHOAL_TRY(round.checkpoint, read_digest(in));
  SHOAL_TRY(const std::uint64_t count, in.number<std::uint64_t>());
  if (count != in.left() / kReceiptBytes)
    return corrupt(fmt::format("{} receipts in {} bytes", count, in.left()));
  round.receipts.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    SHOAL_TRY(const FrameReceipt receipt, read_receipt(in));
    round.receipts.push_back(receipt);
  }
  return round;
}

Status add_members(ServerHistory& history, ByteReader& in) {
  SHOAL_TRY(const std::uint32_t count, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < count; ++i) {
    SHOAL_TRY(Member member, read_member(in));
    const NodeId node = member.node;
    history.members.insert_or_assign(node, std::move(member));
  }
  return ok_status();
}

Status add_round(ServerHistory& history, ByteReader& in) {
  SHOAL_TRY(CommittedRound round, read_committed(in));
  const CommittedRound* last = history.rounds.empty() ? nullptr : &history.rounds.back();
  if (const Status status = check_follows(last, round); !status.ok())
    return corrupt("the journal's rounds are no chain: " + status.error().message);
  history.rounds.push_back(std::move(round));
  return ok_status();
}

Status add_notes(ServerHistory& history, ByteReader& in) {
  SHOAL_TRY(const std::uint32_t count, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < count; ++i) {
    SHOAL_TRY(std::string note, in.text(kNoteBytesMax));
    history.notes.push_back(std::move(note));
  }
  return ok_status();
}

Status add_opening(ServerHistory& history, ByteReader& in) {
  SHOAL_TRY(const std::uint64_t incarnation, in.number<std::uint64_t>());
  if (incarnation <= history.incarnation)
    return corrupt(fmt::format("incarnation {} after {}", incarnation, history.incarnation));
  history.incarnation = incarnation;
  return ok_status();
}

Status add_record(ServerHistory& history, std::uint32_t type, ByteReader& in) {
  switch (type) {
    case kOpened:
      return add_opening(history, in);
    case kJoined:
      return add_members(history, in);
    case kCommitted:
      return add_round(history, in);
    case kNotes:
      return add_notes(history, in);
    default:
      return unsupported(
          fmt::format("the journal has a record of type {} that this shoal does not know; use the "
                      "shoal that wrote it",
                      type));
  }
}

}  // namespace

Status ServerHistory::add(const LogRecord& record) {
  ByteReader in(record.payload);
  SHOAL_TRY_STATUS(add_record(*this, record.type, in));
  if (!in.done())
    return corrupt(
        fmt::format("a record of type {} has {} bytes too many", record.type, in.left()));
  return ok_status();
}

void ServerHistory::trim_notes(std::size_t bytes_max) {
  std::size_t bytes = 0;
  auto oldest_kept = notes.end();
  while (oldest_kept != notes.begin()) {
    bytes += (oldest_kept - 1)->size() + sizeof(std::uint32_t);
    if (bytes > bytes_max) break;
    --oldest_kept;
  }
  notes.erase(notes.begin(), oldest_kept);
}

Status check_follows(const CommittedRound* last, const CommittedRound& round) {
  if (last == nullptr) return ok_status();
  if (round.round <= last->round)
    return invalid_argument(
        fmt::format("round {} does not come after round {}", round.round, last->round));
  if (round.model_before != last->model_after)
    return invalid_argument(fmt::format("round {} starts from model {}, but round {} left {}",
                                        round.round, hex(round.model_before), last->round,
                                        hex(last->model_after)));
  return ok_status();
}

OwnedRecord opened_record(std::uint64_t incarnation) {
  ByteWriter out;
  out.number<std::uint64_t>(incarnation);
  return {kOpened, std::move(out).take()};
}

OwnedRecord joined_record(std::span<const Member> members) {
  ByteWriter out;
  out.number<std::uint32_t>(static_cast<std::uint32_t>(members.size()));
  for (const Member& member : members) {
    out.text(member.name);
    out.number<NodeId>(member.node);
    out.number<std::uint64_t>(member.rows);
    out.text(member.address);
    out.raw(member.key);
  }
  return {kJoined, std::move(out).take()};
}

OwnedRecord committed_record(const CommittedRound& round) {
  ByteWriter out;
  out.reserve(kCommittedHeadBytes + kReceiptBytes * round.receipts.size());
  out.number<Step>(round.round);
  out.raw(round.model_before);
  out.raw(round.model_after);
  out.raw(round.checkpoint);
  out.number<std::uint64_t>(round.receipts.size());
  for (const FrameReceipt& receipt : round.receipts) {
    out.number<NodeId>(receipt.from);
    out.number<std::uint64_t>(static_cast<std::uint64_t>(receipt.tag));
    out.number<Step>(receipt.receipt.round);
    out.number<std::uint64_t>(receipt.receipt.number);
    out.raw(receipt.receipt.sha256);
  }
  return {kCommitted, std::move(out).take()};
}

OwnedRecord notes_record(std::span<const std::string> notes) {
  ByteWriter out;
  out.number<std::uint32_t>(static_cast<std::uint32_t>(notes.size()));
  for (const std::string& note : notes) out.text(note);
  return {kNotes, std::move(out).take()};
}

ShortJournal shorten(const ServerHistory& history, std::span<const LogRecord> read) {
  ShortJournal journal;
  journal.owned.push_back(opened_record(history.incarnation));
  std::vector<Member> members;
  for (const auto& [node, member] : history.members) members.push_back(member);
  for (std::size_t at = 0; at < members.size(); at += kMembersPerRecord)
    journal.owned.push_back(joined_record(
        std::span(members).subspan(at, std::min(kMembersPerRecord, members.size() - at))));
  if (!history.notes.empty()) journal.owned.push_back(notes_record(history.notes));
  for (const OwnedRecord& record : journal.owned) journal.records.push_back(record.view());
  std::size_t rounds = 0;
  for (const LogRecord& record : read) {
    if (record.type != kCommitted || rounds == history.rounds.size()) continue;
    journal.records.push_back(record);
    ++rounds;
  }
  SHOAL_CHECK(rounds == history.rounds.size(), "a history comes from the records it is read from");
  return journal;
}

std::size_t receipts_per_round_max() {
  return (kJournalRecordBytesMax - kCommittedHeadBytes) / kReceiptBytes;
}

}  // namespace shoal

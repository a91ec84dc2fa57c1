#include "shoal/net/server_store.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr const char* kJournalName = "journal";
constexpr const char* kLockName = "lock";

Result<ServerHistory> history_of(const LogContents& contents) {
  ServerHistory history;
  for (std::size_t i = 0; i < contents.records.size(); ++i)
    if (const Status status = history.add(contents.records[i]); !status.ok())
      return within(fmt::format("record {} of the journal", i + 1), status.error());
  if (history.incarnation == 0) return corrupt("the journal does not say who opened it");
  return history;
}

Status check_member(const Member& member) {
  if (member.name.size() <= kNameLengthMax && member.address.size() <= kAddressBytesMax)
    return ok_status();
  return limit_exceeded(fmt::format("member of node {}: a name has at most {} bytes, an address {}",
                                    member.node, kNameLengthMax, kAddressBytesMax));
}

}  // namespace

std::vector<FrameReceipt> Recovered::receipts() const {
  std::vector<FrameReceipt> all;
  for (const CommittedRound& round : rounds)
    all.insert(all.end(), round.receipts.begin(), round.receipts.end());
  return all;
}

ServerStore::ServerStore(Disk& disk, const std::string& folder, const std::string& run,
                         ServerStoreSettings settings)
    : settings_(settings),
      folder_(folder),
      checkpoints_(disk, folder, run),
      journal_(disk, folder, kJournalName, run) {}

Result<OpenedServerStore> ServerStore::open(Disk& disk, const std::string& folder,
                                            const std::string& run, ServerStoreSettings settings) {
  if (run.empty() || run.size() > kRunIdBytesMax)
    return invalid_argument(
        fmt::format("the id of a run has 1 to {} bytes, not {}", kRunIdBytesMax, run.size()));
  OpenedServerStore opened;
  opened.store.reset(new ServerStore(disk, folder, run, settings));
  ServerStore& store = *opened.store;
  SHOAL_TRY_STATUS(disk.make_folder(folder));
  SHOAL_TRY(store.lock_, disk.lock(path_in(folder, kLockName)));
  SHOAL_TRY_STATUS(store.checkpoints_.prepare());
  SHOAL_TRY_STATUS(store.load(opened.recovered));
  return opened;
}

Status ServerStore::load(Recovered& out) {
  const auto contents = journal_.read();
  if (!contents.ok() && contents.error().code == ErrorCode::kNotFound) return start_anew();
  if (!contents.ok()) return contents.error();
  if (contents->torn_bytes > 0)
    out.repaired.push_back(
        fmt::format("the journal's last {} bytes were cut: a record that was never finished",
                    contents->torn_bytes));
  SHOAL_TRY(ServerHistory history, history_of(*contents));
  SHOAL_TRY_STATUS(load_state(history, out));
  ++history.incarnation;
  for (const std::string& sentence : out.repaired) history.notes.push_back(sentence);
  history.trim_notes(settings_.notes_kept_bytes_max);
  SHOAL_TRY_STATUS(journal_.rewrite(shorten(history, contents->records).records));

  if (!history.rounds.empty()) {
    for (std::size_t i = 0; i < history.rounds.size(); ++i)
      if (i + 2 >= history.rounds.size()) remember(history.rounds[i]);
    took_care(keep_last_two());
  }
  out.incarnation = history.incarnation;
  for (auto& [node, member] : history.members) out.members.push_back(std::move(member));
  out.rounds = std::move(history.rounds);
  out.notes = std::move(history.notes);
  return ok_status();
}

// The journal is there before the first checkpoint is, so checkpoints alone mean that it was lost.
Status ServerStore::start_anew() {
  SHOAL_TRY(const auto numbers, checkpoints_.numbers());
  if (!numbers.empty())
    return corrupt(fmt::format(
        "{} holds checkpoints and no journal; restore the journal, or empty the folder to start "
        "anew",
        folder_));
  ServerHistory history;
  history.incarnation = 1;
  return journal_.rewrite(shorten(history, {}).records);
}

// Undoes the last round if its checkpoint is damaged and the one before is whole.
Status ServerStore::load_state(ServerHistory& history, Recovered& out) {
  constexpr std::size_t kCheckpointsKept = 2;
  std::string damage;
  for (std::size_t tried = 0; tried < kCheckpointsKept && !history.rounds.empty(); ++tried) {
    const CommittedRound& last = history.rounds.back();
    auto checkpoint = checkpoints_.load(last.round);
    if (checkpoint.ok() && checkpoint->sha256 == last.checkpoint) {
      out.state = std::move(checkpoint->state);
      return ok_status();
    }
    if (checkpoint.ok()) {
      damage =
          fmt::format("the checkpoint of round {} is not the one the journal names", last.round);
    } else {
      const ErrorCode code = checkpoint.error().code;
      if (code != ErrorCode::kCorrupt && code != ErrorCode::kNotFound) return checkpoint.error();
      damage = checkpoint.error().message;
    }
    out.repaired.push_back(fmt::format("round {} was undone: {}", last.round, damage));
    history.rounds.pop_back();
  }
  if (damage.empty()) return ok_status();
  return corrupt(fmt::format(
      "neither checkpoint of the last two rounds is whole ({}); restore the folder from a copy",
      damage));
}

Status ServerStore::commit(CommittedRound round, ByteView state) {
  const std::lock_guard commit_lock(commit_mutex_);
  SHOAL_TRY_STATUS(check_follows(last_ ? &*last_ : nullptr, round));
  if (round.receipts.size() > receipts_per_round_max())
    return limit_exceeded(fmt::format("round {} has {} receipts; at most {} fit a record",
                                      round.round, round.receipts.size(),
                                      receipts_per_round_max()));
  {
    // What a failed commit of this round may have left in the journal names the checkpoint that is
    // about to be replaced.
    const std::lock_guard journal_lock(journal_mutex_);
    SHOAL_TRY_STATUS(journal_.prepare());
  }
  SHOAL_TRY(round.checkpoint, checkpoints_.save(round.round, state));

  const std::lock_guard journal_lock(journal_mutex_);
  // The record first: notes that do not fit the disk must not keep a round from being committed.
  SHOAL_TRY_STATUS(append(committed_record(round), false));
  remember(round);
  upkeep_ = ok_status();
  took_care(keep_last_two());
  took_care(flush_notes_locked());
  shorten_if_worthwhile();
  return ok_status();
}

void ServerStore::remember(const CommittedRound& round) {
  before_last_ = std::exchange(
      last_,
      CommittedRound{round.round, round.model_before, round.model_after, {}, round.checkpoint});
}

// By number, not by age: between them may lie one of a round that failed to commit.
Status ServerStore::keep_last_two() {
  std::vector<std::uint64_t> keep = {last_->round};
  if (before_last_) keep.push_back(before_last_->round);
  return checkpoints_.keep_only(keep);
}

Status ServerStore::join(std::span<const Member> members) {
  for (const Member& member : members) SHOAL_TRY_STATUS(check_member(member));
  const std::lock_guard lock(journal_mutex_);
  constexpr std::size_t kMembersPerRecord = 4096;
  for (std::size_t at = 0; at < members.size(); at += kMembersPerRecord)
    SHOAL_TRY_STATUS(
        append(joined_record(members.subspan(at, std::min(kMembersPerRecord, members.size() - at))),
               true));
  shorten_if_worthwhile();
  return ok_status();
}

Status ServerStore::note(std::string text) {
  if (text.size() > kNoteBytesMax)
    return limit_exceeded(
        fmt::format("a note of {} bytes; at most {}", text.size(), kNoteBytesMax));
  const std::lock_guard lock(journal_mutex_);
  Status status;
  if (notes_bytes_ + text.size() > settings_.notes_buffered_bytes_max)
    status = flush_notes_locked();
  if (!status.ok()) {
    ++notes_dropped_;
    return status;
  }
  notes_bytes_ += text.size() + sizeof(std::uint32_t);
  notes_.push_back(std::move(text));
  shorten_if_worthwhile();
  return ok_status();
}

Status ServerStore::flush_notes() {
  const std::lock_guard lock(journal_mutex_);
  SHOAL_TRY_STATUS(flush_notes_locked());
  shorten_if_worthwhile();
  return ok_status();
}

Status ServerStore::flush_notes_locked() {
  if (notes_.empty() && notes_dropped_ == 0) return ok_status();
  std::vector<std::string> notes = notes_;
  if (notes_dropped_ > 0)
    notes.push_back(fmt::format("{} notes were dropped: the disk took none", notes_dropped_));
  SHOAL_TRY_STATUS(append(notes_record(notes), true));
  notes_.clear();
  notes_bytes_ = 0;
  notes_dropped_ = 0;
  return ok_status();
}

Status ServerStore::append(const OwnedRecord& record, bool disposable) {
  const std::uint64_t before = journal_.size_bytes();
  SHOAL_TRY_STATUS(journal_.append(record.view()));
  if (disposable) disposable_bytes_ += journal_.size_bytes() - before;
  return ok_status();
}

void ServerStore::shorten_if_worthwhile() {
  if (disposable_bytes_ <= settings_.disposable_bytes_max) return;
  if (disposable_bytes_ <= journal_.size_bytes() / 4) return;
  took_care(shorten_journal());
}

void ServerStore::took_care(const Status& status) {
  if (!status.ok()) upkeep_ = status;
}

Status ServerStore::shorten_journal() {
  SHOAL_TRY(const auto contents, journal_.read());
  SHOAL_TRY(ServerHistory history, history_of(contents));
  history.trim_notes(settings_.notes_kept_bytes_max);
  SHOAL_TRY_STATUS(journal_.rewrite(shorten(history, contents.records).records));
  disposable_bytes_ = 0;
  return ok_status();
}

Status ServerStore::upkeep() const {
  const std::lock_guard lock(journal_mutex_);
  return upkeep_;
}

std::uint64_t ServerStore::journal_bytes() const {
  const std::lock_guard lock(journal_mutex_);
  return journal_.size_bytes();
}

}  // namespace shoal

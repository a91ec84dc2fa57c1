#include "shoal/rule/suspicion_ledger.h"

#include <algorithm>

namespace shoal {
namespace {

bool contains(std::span<const std::uint32_t> senders, std::uint32_t sender) {
  return std::find(senders.begin(), senders.end(), sender) != senders.end();
}

constexpr SuspectKind kLies[] = {SuspectKind::kSignFlip, SuspectKind::kNoise,
                                 SuspectKind::kTargeted};
constexpr std::size_t kKinds = 4;

}  // namespace

void SuspicionLedger::clear_round(Standing& standing) const {
  if (standing.rounds_suspected == 0) {
    for (const SuspectKind kind : kLies) standing.is(kind) = false;
    return;
  }
  standing.rounds_suspected = 0;
  if (!standing.is(SuspectKind::kNoise)) return;
  if (++standing.noise_stopped < delay_) return;
  standing.is(SuspectKind::kNoise) = false;
  standing.is(SuspectKind::kUnreliable) = true;
  standing.unreliable_rounds = std::max(standing.unreliable_rounds, delay_ + 1);
}

void SuspicionLedger::record(std::span<const std::uint32_t> senders,
                             const RoundSuspicion& suspicion) {
  for (const std::uint32_t sender : senders) {
    Standing& standing = standings_[sender];
    const bool flips = contains(suspicion.sign_flip, sender);
    const bool noisy = contains(suspicion.noise, sender);
    const bool targets = contains(suspicion.targeted, sender);
    if (!flips && !noisy && !targets) {
      clear_round(standing);
      continue;
    }
    const std::uint32_t rounds = ++standing.rounds_suspected;
    if (rounds >= delay_ && flips) standing.is(SuspectKind::kSignFlip) = true;
    if (rounds >= delay_ && noisy) standing.is(SuspectKind::kNoise) = true;
    if (rounds >= 2 * delay_ && targets) standing.is(SuspectKind::kTargeted) = true;
  }
}

void SuspicionLedger::record_unreliable(std::span<const std::uint32_t> examined,
                                        std::span<const std::uint32_t> unreliable) {
  for (const std::uint32_t sender : examined) {
    Standing& standing = standings_[sender];
    if (contains(unreliable, sender)) {
      if (++standing.unreliable_rounds > delay_) standing.is(SuspectKind::kUnreliable) = true;
      continue;
    }
    if (standing.unreliable_rounds > 0) --standing.unreliable_rounds;
    if (standing.unreliable_rounds == 0) standing.is(SuspectKind::kUnreliable) = false;
  }
}

bool SuspicionLedger::confirmed(std::uint32_t sender, SuspectKind kind) const {
  const auto found = standings_.find(sender);
  return found != standings_.end() && found->second.confirmed[static_cast<std::size_t>(kind)];
}

bool SuspicionLedger::malicious(std::uint32_t sender) const {
  return std::any_of(std::begin(kLies), std::end(kLies),
                     [&](SuspectKind kind) { return confirmed(sender, kind); });
}

std::vector<Suspect> SuspicionLedger::suspects() const {
  std::vector<Suspect> all;
  for (const auto& [sender, standing] : standings_)
    for (std::size_t kind = 0; kind < kKinds; ++kind)
      if (standing.confirmed[kind]) all.push_back({sender, static_cast<SuspectKind>(kind)});
  return all;
}

void SuspicionLedger::save(ByteWriter& out) const {
  out.number<std::uint64_t>(standings_.size());
  for (const auto& [sender, standing] : standings_) {
    out.number(sender);
    out.number(standing.rounds_suspected);
    out.number(standing.noise_stopped);
    out.number(standing.unreliable_rounds);
    std::uint8_t bits = 0;
    for (std::size_t kind = 0; kind < kKinds; ++kind)
      bits = static_cast<std::uint8_t>(bits | (standing.confirmed[kind] ? 1u << kind : 0u));
    out.number(bits);
  }
}

Status SuspicionLedger::load(ByteReader& in) {
  SHOAL_TRY(const auto count, in.number<std::uint64_t>());
  std::map<std::uint32_t, Standing> standings;
  for (std::uint64_t k = 0; k < count; ++k) {
    SHOAL_TRY(const auto sender, in.number<std::uint32_t>());
    Standing standing;
    SHOAL_TRY(standing.rounds_suspected, in.number<std::uint32_t>());
    SHOAL_TRY(standing.noise_stopped, in.number<std::uint32_t>());
    SHOAL_TRY(standing.unreliable_rounds, in.number<std::uint32_t>());
    SHOAL_TRY(const auto bits, in.number<std::uint8_t>());
    if (bits >> kKinds != 0 || (!standings.empty() && sender <= standings.rbegin()->first))
      return corrupt("the suspicions of mud_hog in the checkpoint do not follow their format");
    for (std::size_t kind = 0; kind < kKinds; ++kind)
      standing.confirmed[kind] = (bits >> kind & 1) != 0;
    standings.emplace(sender, standing);
  }
  standings_ = std::move(standings);
  return ok_status();
}

}  // namespace shoal

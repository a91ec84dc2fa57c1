#include "shoal/net/roster.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/net/limits.h"
#include "shoal/net/printable.h"

namespace shoal {
namespace {

bool is_address(std::string_view address) {
  return address.size() <= kAddressLengthMax &&
         std::all_of(address.begin(), address.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

std::optional<Refusal> check_candidate(const Member& candidate) {
  if (!is_member_name(candidate.name))
    return Refusal{RefusalCode::kInvalidArgument, "bad_name",
                   fmt::format("'{}' is no member's name: use 1 to {} of a-z, 0-9 and '-'",
                               printable(candidate.name), kNameLengthMax)};
  if (!is_address(candidate.address))
    return Refusal{RefusalCode::kInvalidArgument, "bad_address",
                   fmt::format("'{}' is no address: give HOST:PORT in at most {} characters",
                               printable(candidate.address), kAddressLengthMax)};
  return std::nullopt;
}

}  // namespace

bool is_member_name(std::string_view name) {
  return !name.empty() && name.size() <= kNameLengthMax &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

Roster::Roster(NodeId first, std::size_t places) : first_(first), places_(places) {}

std::variant<NodeId, Refusal> Roster::join(const Member& candidate, double now_s) {
  if (auto refusal = check_candidate(candidate)) return *std::move(refusal);
  const auto known = places_of_.find(candidate.name);
  if (known == places_of_.end()) {
    // Nobody loses a place, so the next free one follows the last.
    NodeId node = first_;
    for (const auto& [taken, member] : members_) {
      if (taken != node) break;
      ++node;
    }
    if (node - first_ >= places_)
      return Refusal{RefusalCode::kResourceExhausted, "run_full",
                     fmt::format("all {} places of this run are taken; only their members can come "
                                 "back, under the names they have",
                                 places_)};
    Member member = candidate;
    member.node = node;
    member.presence = Presence::kPresent;
    member.last_heard_s = now_s;
    places_of_.emplace(member.name, node);
    members_.emplace(node, std::move(member));
    return node;
  }
  Member& member = members_.at(known->second);
  if (member.rows != candidate.rows)
    return Refusal{
        RefusalCode::kFailedPrecondition, "rows_differ",
        fmt::format("'{}' joined with {} rows and now registers {}; give the same number "
                    "again, or join under another name",
                    member.name, member.rows, candidate.rows)};
  if (member.key != Digest{} && candidate.key == Digest{})
    return Refusal{
        RefusalCode::kUnauthenticated, "name_held",
        fmt::format("'{}' joined with a certificate before; show one again", member.name)};
  member.key = candidate.key;
  member.address = candidate.address;
  member.presence = Presence::kPresent;
  member.last_heard_s = now_s;
  return member.node;
}

std::optional<Refusal> Roster::place(const Member& member, double now_s) {
  if (auto refusal = check_candidate(member)) return refusal;
  if (member.node < first_ || member.node - first_ >= places_)
    return Refusal{RefusalCode::kInvalidArgument, "bad_place",
                   fmt::format("'{}' is said to be node {}, but the members of this run are nodes "
                               "{} to {}",
                               member.name, member.node, first_, first_ + places_ - 1)};
  const Member* same_name = find(member.name);
  const auto at = members_.find(member.node);
  if ((same_name != nullptr && same_name->node != member.node) ||
      (at != members_.end() && at->second.name != member.name))
    return Refusal{RefusalCode::kFailedPrecondition, "place_held",
                   fmt::format("'{}' is said to be node {}, but that name or place belongs to "
                               "another member; a member keeps its place for the whole run",
                               member.name, member.node)};
  if (at != members_.end()) {
    at->second.key = member.key;
    at->second.address = member.address;
    if (at->second.presence == Presence::kLeft) at->second.presence = Presence::kAbsent;
    return std::nullopt;
  }
  Member placed = member;
  placed.last_heard_s = now_s;
  places_of_.emplace(placed.name, placed.node);
  members_.emplace(placed.node, std::move(placed));
  return std::nullopt;
}

void Roster::heard(NodeId node, double now_s) {
  const auto at = members_.find(node);
  if (at == members_.end() || at->second.presence == Presence::kLeft) return;
  at->second.presence = Presence::kPresent;
  at->second.last_heard_s = now_s;
}

void Roster::leave(NodeId node) {
  const auto at = members_.find(node);
  if (at != members_.end()) at->second.presence = Presence::kLeft;
}

std::vector<NodeId> Roster::mark_silent(double now_s) {
  std::vector<NodeId> silent;
  for (auto& [node, member] : members_) {
    if (member.presence != Presence::kPresent || now_s - member.last_heard_s <= kSilence_s)
      continue;
    member.presence = Presence::kAbsent;
    silent.push_back(node);
  }
  return silent;
}

const Member* Roster::find(NodeId node) const {
  const auto at = members_.find(node);
  return at == members_.end() ? nullptr : &at->second;
}

const Member* Roster::find(std::string_view name) const {
  const auto at = places_of_.find(name);
  return at == places_of_.end() ? nullptr : &members_.at(at->second);
}

std::vector<Member> Roster::members() const {
  std::vector<Member> all;
  all.reserve(members_.size());
  for (const auto& [node, member] : members_) all.push_back(member);
  return all;
}

std::size_t Roster::present() const {
  return static_cast<std::size_t>(
      std::count_if(members_.begin(), members_.end(),
                    [](const auto& entry) { return entry.second.presence == Presence::kPresent; }));
}

}  // namespace shoal

// Roster: who takes part. A name keeps its place (its node id) for the whole run, through absences
// and restarts; a run has a fixed number of places.
//
// Identity. With certificates a member is its name, as certified by the run's authority; a key is
// only how it proves that at the moment. So keys rotate without a restart: a member that is issued
// a second certificate may use both, until the old one expires or its key is revoked. That overlap
// is the operator's to choose. Every receipt notes in the audit log which key has proved it.
// Without certificates a member is whoever says its name: for loopback only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shoal/base/ids.h"
#include "shoal/base/sha256.h"
#include "shoal/net/refusal.h"

namespace shoal {

enum class Presence : std::uint8_t { kPresent, kAbsent, kLeft };

struct Member {
  std::string name;
  NodeId node = 0;
  std::uint64_t rows = 0;  // registered on joining: the largest weight it may claim
  std::string address;     // where peers reach it; empty for clients of a server
  Digest key{};            // it joined with last; zero where the run has no certificates
  Presence presence = Presence::kAbsent;
  double last_heard_s = 0.0;
};

// [a-z0-9-]{1,63}
bool is_member_name(std::string_view name);

// Not thread-safe; the gate guards it.
class Roster {
 public:
  // Places first, first+1, ..., first+places-1.
  Roster(NodeId first, std::size_t places);

  // Gives the name its place, old or new. Refuses a bad name or address, a full run, registered
  // rows that differ from those it joined with, and a name that has joined with a key before and
  // shows none now.
  std::variant<NodeId, Refusal> join(const Member& candidate, double now_s);
  // Puts a member at the place it has: from a journal, or as the server has announced it. A known
  // one keeps its rows and its presence. Refuses another name at that place, or another place for
  // that name.
  std::optional<Refusal> place(const Member& member, double now_s);
  void heard(NodeId node, double now_s);
  void leave(NodeId node);
  // Marks those silent for more than kSilence_s absent; returns them.
  std::vector<NodeId> mark_silent(double now_s);

  const Member* find(NodeId node) const;
  const Member* find(std::string_view name) const;
  std::vector<Member> members() const;  // by node id
  std::size_t present() const;
  std::size_t places() const { return places_; }

 private:
  NodeId first_;
  std::size_t places_;
  std::map<NodeId, Member> members_;
  std::map<std::string, NodeId, std::less<>> places_of_;  // by name
};

}  // namespace shoal

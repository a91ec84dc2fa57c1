// Bytes on the wire, counted where they are sent, where they arrive and where they are lost:
// sent = received + dropped + in flight, per kind of message and, when asked for, per link and
// kind.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <map>
#include <vector>

#include "shoal/base/bytes.h"
#include "shoal/base/ids.h"
#include "shoal/node/message.h"
#include "shoal/node/world.h"

namespace shoal {

struct Flow {
  std::uint64_t frames = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t dropped_bytes = 0;
};

// What one node sent another, by kind of message.
struct LinkAndTag {
  NodeId from = 0;
  NodeId to = 0;
  Tag tag{};
  auto operator<=>(const LinkAndTag&) const = default;
};

class Traffic {
 public:
  void count_links(bool on) { links_on_ = on; }
  void sent(NodeId from, NodeId to, Tag tag, std::size_t bytes);
  void received(NodeId from, NodeId to, Tag tag, std::size_t bytes);
  void dropped(NodeId from, NodeId to, Tag tag, std::size_t bytes);
  void fate(Fate fate, std::size_t bytes);

  struct TagFlow {
    Tag tag{};
    Flow flow;
  };
  const std::vector<TagFlow>& by_tag() const { return by_tag_; }
  const std::map<LinkAndTag, Flow>& by_link() const { return by_link_; }
  const Flow& total() const { return total_; }
  std::uint64_t fate_bytes(Fate fate) const { return fate_bytes_[static_cast<std::size_t>(fate)]; }

  // Adds what another process counted.
  void add(const Traffic& other);

  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  Flow& of(Tag tag);
  bool links_on_ = false;
  Flow total_;
  std::vector<TagFlow> by_tag_;
  std::map<LinkAndTag, Flow> by_link_;
  std::array<std::uint64_t, 6> fate_bytes_{};
};

}  // namespace shoal

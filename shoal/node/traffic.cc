#include "shoal/node/traffic.h"

namespace shoal {
namespace {

// Kinds are few and looked up one by one; what another process says of them is held to that.
constexpr std::uint64_t kTagsMax = 256;

void save_flow(const Flow& flow, ByteWriter& out) {
  for (const std::uint64_t value :
       {flow.frames, flow.sent_bytes, flow.received_bytes, flow.dropped_bytes})
    out.number(value);
}

Status load_flow(ByteReader& in, Flow& flow) {
  for (std::uint64_t* value :
       {&flow.frames, &flow.sent_bytes, &flow.received_bytes, &flow.dropped_bytes}) {
    SHOAL_TRY(*value, in.number<std::uint64_t>());
  }
  return ok_status();
}

}  // namespace

Flow& Traffic::of(Tag tag) {
  for (TagFlow& entry : by_tag_)
    if (entry.tag == tag) return entry.flow;
  return by_tag_.emplace_back(TagFlow{tag, {}}).flow;
}

void Traffic::sent(NodeId from, NodeId to, Tag tag, std::size_t bytes) {
  const auto count = [bytes](Flow& flow) {
    ++flow.frames;
    flow.sent_bytes += bytes;
  };
  count(total_);
  count(of(tag));
  if (links_on_) count(by_link_[{from, to, tag}]);
}

void Traffic::received(NodeId from, NodeId to, Tag tag, std::size_t bytes) {
  total_.received_bytes += bytes;
  of(tag).received_bytes += bytes;
  if (links_on_) by_link_[{from, to, tag}].received_bytes += bytes;
}

void Traffic::dropped(NodeId from, NodeId to, Tag tag, std::size_t bytes) {
  total_.dropped_bytes += bytes;
  of(tag).dropped_bytes += bytes;
  if (links_on_) by_link_[{from, to, tag}].dropped_bytes += bytes;
}

void Traffic::fate(Fate fate, std::size_t bytes) {
  fate_bytes_[static_cast<std::size_t>(fate)] += bytes;
}

void Traffic::add(const Traffic& other) {
  const auto add_flow = [](Flow& flow, const Flow& more) {
    flow.frames += more.frames;
    flow.sent_bytes += more.sent_bytes;
    flow.received_bytes += more.received_bytes;
    flow.dropped_bytes += more.dropped_bytes;
  };
  add_flow(total_, other.total_);
  for (const TagFlow& entry : other.by_tag_) add_flow(of(entry.tag), entry.flow);
  for (const auto& [link, flow] : other.by_link_) add_flow(by_link_[link], flow);
  for (std::size_t i = 0; i < fate_bytes_.size(); ++i) fate_bytes_[i] += other.fate_bytes_[i];
}

void Traffic::save(ByteWriter& out) const {
  save_flow(total_, out);
  out.number<std::uint64_t>(by_tag_.size());
  for (const TagFlow& entry : by_tag_) {
    out.number(static_cast<std::uint64_t>(entry.tag));
    save_flow(entry.flow, out);
  }
  out.number<std::uint64_t>(by_link_.size());
  for (const auto& [link, flow] : by_link_) {
    out.number(link.from);
    out.number(link.to);
    out.number(static_cast<std::uint64_t>(link.tag));
    save_flow(flow, out);
  }
  for (const std::uint64_t bytes : fate_bytes_) out.number(bytes);
}

Status Traffic::load(ByteReader& in) {
  SHOAL_TRY_STATUS(load_flow(in, total_));
  SHOAL_TRY(const auto tags, in.number<std::uint64_t>());
  if (tags > kTagsMax) return corrupt("more kinds of messages than any method has");
  for (std::uint64_t i = 0; i < tags; ++i) {
    SHOAL_TRY(const auto packed, in.number<std::uint64_t>());
    SHOAL_TRY_STATUS(load_flow(in, of(static_cast<Tag>(packed))));
  }
  SHOAL_TRY(const auto links, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < links; ++i) {
    SHOAL_TRY(const auto from, in.number<NodeId>());
    SHOAL_TRY(const auto to, in.number<NodeId>());
    SHOAL_TRY(const auto packed, in.number<std::uint64_t>());
    SHOAL_TRY_STATUS(load_flow(in, by_link_[{from, to, static_cast<Tag>(packed)}]));
  }
  for (std::uint64_t& bytes : fate_bytes_) {
    SHOAL_TRY(bytes, in.number<std::uint64_t>());
  }
  return ok_status();
}

}  // namespace shoal

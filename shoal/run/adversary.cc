#include "shoal/run/adversary.h"

#include <algorithm>

namespace shoal {

Adversary::Adversary(std::unique_ptr<Attack> attack, std::vector<NodeId> liars, const Codec& codec,
                     const Layout& layout, std::uint64_t seed)
    : attack_(std::move(attack)),
      liars_(std::move(liars)),
      codec_(codec),
      layout_(layout),
      seed_(seed) {}

bool Adversary::is_liar(NodeId node) const {
  return std::binary_search(liars_.begin(), liars_.end(), node);
}

void Adversary::round_closed(NodeId receiver, std::vector<Message>& messages) {
  AttackView view{{},
                  {},
                  {},
                  receiver,
                  messages.front().round(),
                  RandomStream(seed_, purpose("attack"), receiver, messages.front().round())};
  const RandomStream shared = shared_draws(seed_, messages.front().round());
  std::vector<std::vector<float>> rows(messages.size());
  std::vector<std::size_t> lying;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const bool liar = is_liar(messages[i].sender());
    const auto encoded = messages[i].tensor("update");
    rows[i].resize(layout_.size());
    if (!encoded.ok() || !codec_.decode(*encoded, layout_, shared, rows[i]).ok()) continue;
    (liar ? view.own : view.honest).emplace_back(rows[i]);
    if (!liar) continue;
    view.liars.push_back(messages[i].sender());
    lying.push_back(i);
  }
  // An attack that cannot be mounted in this round (too few honest rows, say) is not mounted.
  if (lying.empty() || !attack_->check(view.honest.size(), lying.size()).ok()) return;
  std::vector<float> forged(lying.size() * layout_.size());
  attack_->forge(view, forged);
  for (std::size_t k = 0; k < lying.size(); ++k) {
    Message& message = messages[lying[k]];
    const std::span<const float> row(forged.data() + k * layout_.size(), layout_.size());
    ByteWriter encoded;
    const Draws draws = codec_draws(seed_, message.sender(), message.round());
    if (!codec_.encode(row, layout_, draws, encoded).ok()) continue;
    MessageBuilder builder(message.tag(), message.round());
    builder.tensor("update", encoded.bytes());
    // Everything else stays as the liar sent it: its claims about itself are honest here.
    if (const auto count = message.count("rows"); count.ok()) builder.count("rows", *count);
    if (const auto divisor = message.number("divisor"); divisor.ok())
      builder.number("divisor", *divisor);
    if (const auto extra = message.tensor("extra"); extra.ok()) builder.tensor("extra", *extra);
    Frame frame = builder.finish();
    const auto header = read_frame_header(*frame);
    message = Message(message.sender(), std::move(frame), *header);
  }
}

std::vector<NodeId> draw_liars(std::uint64_t seed, NodeId first, std::size_t count,
                               std::size_t liars) {
  std::vector<NodeId> nodes = RandomStream(seed, purpose("liars")).sample(count, liars);
  for (NodeId& node : nodes) node += first;
  return nodes;
}

}  // namespace shoal

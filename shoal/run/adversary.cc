#include "shoal/run/adversary.h"

#include <algorithm>
#include <optional>

#include "shoal/codec/codec.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

std::unique_ptr<Attack> made(const AdversaryPlan& plan) {
  auto attack = plan.make_attack();
  SHOAL_CHECK(attack.ok(), "an attack that was made once can be made again");
  return std::move(attack).value();
}

}  // namespace

Adversary::Adversary(AdversaryPlan plan) : plan_(std::move(plan)), first_(made(plan_)) {}

void Adversary::sent(NodeId from, const Frame& frame) {
  if (!plan_.among_peers) return;
  const auto header = read_frame_header(*frame);
  if (header.ok() && header->tag == plan_.place.tag) own_[from] = frame;
}

void Adversary::round_closed(NodeId receiver, std::vector<Message>& messages) {
  const Message& first = messages.front();
  if (first.tag() != plan_.place.tag || first.round() % plan_.place.every != 0) return;
  const auto* transit = dynamic_cast<const TransitAttack*>(first_.get());
  if (!transit)
    forge(receiver, messages);
  else if (plan_.rounds.contains(first.round()))
    corrupt(*transit, receiver, messages);
}

void Adversary::corrupt(const TransitAttack& attack, NodeId receiver,
                        std::vector<Message>& messages) const {
  std::vector<std::vector<float>> rows;
  std::vector<Message*> read_from;
  for (Message& message : messages) {
    std::vector<float> row;
    if (!read(message, row)) continue;
    rows.push_back(std::move(row));
    read_from.push_back(&message);
  }
  if (rows.empty()) return;
  const std::vector<std::span<float>> views(rows.begin(), rows.end());
  attack.corrupt(views, plan_.seed, receiver, messages.front().round());
  for (std::size_t i = 0; i < rows.size(); ++i) write(rows[i], *read_from[i]);
}

void Adversary::forge(NodeId receiver, std::vector<Message>& messages) {
  const Meeting meeting = meet(receiver, messages);
  const bool any_sent =
      std::ranges::any_of(meeting.lying, [](const Message* message) { return message != nullptr; });
  // An attack that cannot be mounted in this round (too few honest rows, say) is not mounted.
  if (!any_sent || !first_->check(meeting.view.honest.size(), meeting.lying.size()).ok()) return;
  const std::vector<float>& forged = forged_rows(receiver, meeting);
  const std::size_t d = meeting.view.dimension();
  std::vector<float> row(d);
  for (std::size_t k = 0; k < meeting.lying.size(); ++k) {
    if (!meeting.lying[k]) continue;
    std::copy_n(forged.begin() + static_cast<std::ptrdiff_t>(k * d), d, row.begin());
    if (plan_.equivocate && receiver % 2 == 1)
      for (float& value : row) value = -value;
    // What a liar computed stands as it was encoded.
    if (std::ranges::equal(row, meeting.view.own[k])) continue;
    write(row, *meeting.lying[k]);
  }
}

Adversary::Meeting Adversary::meet(NodeId receiver, std::vector<Message>& messages) const {
  const Step round = messages.front().round();
  std::optional<Message> own;
  if (const auto found = own_.find(receiver); found != own_.end()) {
    const auto header = read_frame_header(*found->second);
    if (header.ok() && header->round == round) own.emplace(receiver, found->second, *header);
  }
  std::vector<Message*> all;
  for (Message& message : messages) all.push_back(&message);
  if (own) {
    const auto place = std::ranges::lower_bound(all, receiver, {}, &Message::sender);
    all.insert(place, &*own);
  }
  const NodeId key = plan_.place.same_everywhere ? 0 : receiver;
  Meeting meeting({.receiver = key,
                   .round = round,
                   .stream = RandomStream(plan_.seed, purpose("attack"), key, round)});
  meeting.rows.resize(all.size());
  AttackView& view = meeting.view;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<float>& row = meeting.rows[i];
    if (!read(*all[i], row)) continue;
    const bool is_own = own && all[i] == &*own;
    if (is_own) meeting.own = row;
    if (plan_.liars->lies(all[i]->sender(), round)) {
      view.own.emplace_back(row);
      view.liars.push_back(all[i]->sender());
      view.liar_numbers.push_back(
          static_cast<std::uint32_t>(plan_.liars->number(all[i]->sender(), round)));
      meeting.lying.push_back(is_own ? nullptr : all[i]);
      meeting.liar_claims.push_back(claim(*all[i]));
    } else {
      view.honest.emplace_back(row);
      view.honest_senders.push_back(all[i]->sender());
      meeting.honest_claims.push_back(claim(*all[i]));
    }
  }
  return meeting;
}

const std::vector<float>& Adversary::forged_rows(NodeId receiver, const Meeting& meeting) {
  const AttackView& known = meeting.view;
  const bool same = plan_.place.same_everywhere;
  if (same && !forged_.rows.empty() && forged_.round == known.round &&
      forged_.honest == known.honest_senders && forged_.liars == known.liars)
    return forged_.rows;
  AttackView view = known;
  if (plan_.make_rule) view.probe = probe_of(meeting);
  forged_ = {view.round, view.honest_senders, view.liars, {}};
  forged_.rows.resize(view.liars.size() * view.dimension());
  attack_of(same ? 0 : receiver).forge(view, forged_.rows);
  return forged_.rows;
}

Probe Adversary::probe_of(const Meeting& meeting) const {
  return [this, &meeting](std::span<const Row> liar_rows, std::span<float> out) -> Status {
    SHOAL_TRY(const auto rule, plan_.make_rule());
    const AttackView& view = meeting.view;
    RoundView round;
    round.round = view.round;
    round.receiver = view.receiver;
    round.seed = plan_.seed;
    round.declared_faults = plan_.declared_faults;
    round.trusted = meeting.own;
    double total = 0.0;
    std::size_t honest = 0, liar = 0;
    while (honest < view.honest.size() || liar < view.liars.size()) {
      const bool lies =
          honest == view.honest.size() ||
          (liar < view.liars.size() && view.liars[liar] < view.honest_senders[honest]);
      const double weight = lies ? meeting.liar_claims[liar] : meeting.honest_claims[honest];
      round.senders.push_back(lies ? view.liars[liar] : view.honest_senders[honest]);
      round.rows.push_back(lies ? liar_rows[liar] : view.honest[honest]);
      round.weights.push_back(weight);
      total += weight;
      ++(lies ? liar : honest);
    }
    for (double& weight : round.weights) weight /= total;
    SHOAL_TRY_STATUS(rule->check(round.size(), round.declared_faults));
    SHOAL_TRY([[maybe_unused]] const Selection selection, rule->aggregate(round, out));
    return ok_status();
  };
}

MessageAttack& Adversary::attack_of(NodeId receiver) {
  std::unique_ptr<MessageAttack>& attack = attacks_[receiver];
  if (!attack) {
    std::unique_ptr<Attack> another = made(plan_);
    auto* message_attack = dynamic_cast<MessageAttack*>(another.get());
    SHOAL_CHECK(message_attack != nullptr, "an adversary forges messages or corrupts values");
    another.release();
    attack.reset(message_attack);
  }
  return *attack;
}

double Adversary::claim(const Message& message) const {
  if (plan_.place.weight.empty()) return 1.0;
  const auto count = message.count(plan_.place.weight);
  return count.ok() ? static_cast<double>(*count) : 0.0;
}

bool Adversary::read(const Message& message, std::vector<float>& row) const {
  const RowPlace& place = plan_.place;
  const std::size_t d = plan_.layout.size();
  row.resize(place.rows * d);
  if (!place.codec) {
    if (place.in_double) {
      std::vector<double> values(row.size());
      if (!message.vector<double>(place.parts[0], values).ok()) return false;
      std::copy(values.begin(), values.end(), row.begin());
    } else if (!message.vector<float>(place.parts[0], row).ok()) {
      return false;
    }
    return all_finite(row);
  }
  for (std::size_t k = 0; k < place.rows; ++k) {
    const auto encoded = message.tensor(place.parts[k]);
    const auto number = static_cast<Step>(message.round() * place.rows + k);
    const std::span<float> part = std::span<float>(row).subspan(k * d, d);
    if (!encoded.ok() ||
        !place.codec->decode(*encoded, plan_.layout, shared_draws(plan_.seed, number), part).ok())
      return false;
  }
  return all_finite(row);
}

void Adversary::write(std::span<const float> row, Message& message) const {
  const RowPlace& place = plan_.place;
  const std::size_t d = plan_.layout.size();
  const auto put = [&message](const std::string& part, ByteView bytes) {
    auto changed = message.with_tensor(part, bytes);
    SHOAL_CHECK(changed.ok(), "a row that was read can be replaced");
    message = std::move(changed).value();
  };
  if (!place.codec) {
    const std::vector<double> wide(row.begin(), row.end());
    put(place.parts[0], place.in_double ? std::as_bytes(std::span(wide)) : std::as_bytes(row));
    return;
  }
  for (std::size_t k = 0; k < place.rows; ++k) {
    const auto number = static_cast<Step>(message.round() * place.rows + k);
    const Draws draws = codec_draws(plan_.seed, message.sender(), number);
    ByteWriter encoded;
    if (!place.codec->encode(row.subspan(k * d, d), plan_.layout, draws, encoded).ok())
      encoded.clear();
    put(place.parts[k], encoded.bytes());
  }
}

void Adversary::save(ByteWriter& out) const {
  out.number<std::uint32_t>(static_cast<std::uint32_t>(attacks_.size()));
  for (const auto& [receiver, attack] : attacks_) {
    out.number<NodeId>(receiver);
    attack->save(out);
  }
  // Not all receivers need have closed the round yet.
  out.number<Step>(forged_.round);
  out.numbers<std::uint32_t>(forged_.honest);
  out.numbers<std::uint32_t>(forged_.liars);
  out.numbers<float>(plan_.place.same_everywhere ? forged_.rows : std::vector<float>());
}

Status Adversary::load(ByteReader& in) {
  attacks_.clear();
  SHOAL_TRY(const auto attacks, in.number<std::uint32_t>());
  for (std::uint32_t i = 0; i < attacks; ++i) {
    SHOAL_TRY(const auto receiver, in.number<NodeId>());
    SHOAL_TRY_STATUS(attack_of(receiver).load(in));
  }
  SHOAL_TRY(forged_.round, in.number<Step>());
  SHOAL_TRY(forged_.honest, in.numbers<std::uint32_t>());
  SHOAL_TRY(forged_.liars, in.numbers<std::uint32_t>());
  SHOAL_TRY(forged_.rows, in.numbers<float>());
  const std::size_t expected = forged_.liars.size() * plan_.place.rows * plan_.layout.size();
  if (!forged_.rows.empty() && forged_.rows.size() != expected)
    return shoal::corrupt("forged rows of another length than the liars'");
  return ok_status();
}

}  // namespace shoal

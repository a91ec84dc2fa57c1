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

Adversary::Adversary(AdversaryPlan plan) : plan_(std::move(plan)), first_(made(plan_)) {
  for (const RowPlace& place : plan_.places) {
    Scene& scene = scenes_.emplace_back();
    scene.place = place;
    // Two places may have the same rounds.
    scene.draws = purpose(scenes_.size() == 1 ? "attack" : "attack, " + tag_text(place.tag));
  }
}

void Adversary::sent(NodeId from, const Frame& frame) {
  if (!plan_.among_peers) return;
  const auto header = read_frame_header(*frame);
  if (!header.ok()) return;
  for (Scene& scene : scenes_)
    if (scene.place.one_for_all && scene.place.holds(header->tag, header->round))
      scene.own[from] = frame;
}

void Adversary::round_closed(NodeId receiver, std::vector<Message>& messages) {
  const Message& first = messages.front();
  const auto here = std::ranges::find_if(scenes_, [&first](const Scene& scene) {
    return scene.place.holds(first.tag(), first.round());
  });
  if (here == scenes_.end()) return;
  const auto* transit = dynamic_cast<const TransitAttack*>(first_.get());
  if (!transit)
    forge(*here, receiver, messages);
  else if (plan_.rounds.contains(here->place.step_of(first.round())))
    corrupt(*transit, *here, receiver, messages);
}

void Adversary::corrupt(const TransitAttack& attack, const Scene& scene, NodeId receiver,
                        std::vector<Message>& messages) const {
  std::vector<std::vector<float>> rows;
  std::vector<Message*> read_from;
  for (Message& message : messages) {
    std::vector<float> row;
    if (!scene.read(plan_.seed, message, row)) continue;
    rows.push_back(std::move(row));
    read_from.push_back(&message);
  }
  if (rows.empty()) return;
  const std::vector<std::span<float>> views(rows.begin(), rows.end());
  attack.corrupt(views, plan_.seed, receiver, messages.front().round());
  for (std::size_t i = 0; i < rows.size(); ++i) scene.write(plan_.seed, rows[i], *read_from[i]);
}

void Adversary::forge(Scene& scene, NodeId receiver, std::vector<Message>& messages) {
  const Meeting meeting = meet(scene, receiver, messages);
  const bool any_sent =
      std::ranges::any_of(meeting.lying, [](const Message* message) { return message != nullptr; });
  // An attack that cannot be mounted in this round (too few honest rows, say) is not mounted.
  if (!any_sent || !first_->check(meeting.view.honest.size(), meeting.lying.size()).ok()) return;
  const std::vector<float>& forged = forged_rows(scene, receiver, meeting);
  const std::size_t d = meeting.view.dimension();
  std::vector<float> row(d);
  for (std::size_t k = 0; k < meeting.lying.size(); ++k) {
    if (!meeting.lying[k]) continue;
    std::copy_n(forged.begin() + static_cast<std::ptrdiff_t>(k * d), d, row.begin());
    if (plan_.equivocate && receiver % 2 == 1)
      for (float& value : row) value = -value;
    // What a liar computed stands as it was encoded.
    if (std::ranges::equal(row, meeting.view.own[k])) continue;
    scene.write(plan_.seed, row, *meeting.lying[k]);
  }
}

Adversary::Meeting Adversary::meet(const Scene& scene, NodeId receiver,
                                   std::vector<Message>& messages) const {
  const Step round = messages.front().round();
  const Step step = scene.place.step_of(round);
  std::optional<Message> own;
  if (const auto found = scene.own.find(receiver); found != scene.own.end()) {
    const auto header = read_frame_header(*found->second);
    if (header.ok() && header->round == round) own.emplace(receiver, found->second, *header);
  }
  std::vector<Message*> all;
  for (Message& message : messages) all.push_back(&message);
  if (own) {
    const auto place = std::ranges::lower_bound(all, receiver, {}, &Message::sender);
    all.insert(place, &*own);
  }
  const NodeId key = scene.place.same_everywhere ? 0 : receiver;
  Meeting meeting({.receiver = key,
                   .round = round,
                   .stream = RandomStream(plan_.seed, scene.draws, key, round)});
  meeting.rows.resize(all.size());
  AttackView& view = meeting.view;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::vector<float>& row = meeting.rows[i];
    if (!scene.read(plan_.seed, *all[i], row)) continue;
    const bool is_own = own && all[i] == &*own;
    if (is_own) meeting.own = row;
    if (plan_.liars->lies(all[i]->sender(), step)) {
      view.own.emplace_back(row);
      view.liars.push_back(all[i]->sender());
      view.liar_numbers.push_back(
          static_cast<std::uint32_t>(plan_.liars->number(all[i]->sender(), step)));
      meeting.lying.push_back(is_own ? nullptr : all[i]);
      meeting.liar_claims.push_back(scene.claim(*all[i]));
    } else {
      view.honest.emplace_back(row);
      view.honest_senders.push_back(all[i]->sender());
      meeting.honest_claims.push_back(scene.claim(*all[i]));
    }
  }
  return meeting;
}

const std::vector<float>& Adversary::forged_rows(Scene& scene, NodeId receiver,
                                                 const Meeting& meeting) {
  const AttackView& known = meeting.view;
  const bool same = scene.place.same_everywhere;
  Forged& forged = scene.forged;
  if (same && !forged.rows.empty() && forged.round == known.round &&
      forged.honest == known.honest_senders && forged.liars == known.liars)
    return forged.rows;
  AttackView view = known;
  if (plan_.make_rule) view.probe = probe_of(meeting);
  forged = {view.round, view.honest_senders, view.liars, {}};
  forged.rows.resize(view.liars.size() * view.dimension());
  attack_of(scene, same ? 0 : receiver).forge(view, forged.rows);
  return forged.rows;
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

MessageAttack& Adversary::attack_of(Scene& scene, NodeId receiver) const {
  std::unique_ptr<MessageAttack>& attack = scene.attacks[receiver];
  if (!attack) {
    std::unique_ptr<Attack> another = made(plan_);
    auto* message_attack = dynamic_cast<MessageAttack*>(another.get());
    SHOAL_CHECK(message_attack != nullptr, "an adversary forges messages or corrupts values");
    another.release();
    attack.reset(message_attack);
  }
  return *attack;
}

double Adversary::Scene::claim(const Message& message) const {
  if (place.weight.empty()) return 1.0;
  const auto count = message.count(place.weight);
  return count.ok() ? static_cast<double>(*count) : 0.0;
}

Draws Adversary::Scene::draws_of(std::uint64_t seed, const Message& message,
                                 std::size_t row) const {
  const auto number = static_cast<Step>(message.round() * place.rows + row);
  return place.draws ? place.draws(message.sender(), number)
                     : codec_draws(seed, message.sender(), number);
}

bool Adversary::Scene::read(std::uint64_t seed, const Message& message,
                            std::vector<float>& row) const {
  const std::size_t d = place.layout.size();
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
    const RandomStream shared = draws_of(seed, message, k).shared;
    const std::span<float> part = std::span<float>(row).subspan(k * d, d);
    if (!encoded.ok() || !place.codec->decode(*encoded, place.layout, shared, part).ok())
      return false;
  }
  return all_finite(row);
}

void Adversary::Scene::write(std::uint64_t seed, std::span<const float> row,
                             Message& message) const {
  const std::size_t d = place.layout.size();
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
    ByteWriter encoded;
    const Draws draws = draws_of(seed, message, k);
    if (!place.codec->encode(row.subspan(k * d, d), place.layout, draws, encoded).ok())
      encoded.clear();
    put(place.parts[k], encoded.bytes());
  }
}

void Adversary::save(ByteWriter& out) const {
  for (const Scene& scene : scenes_) {
    out.number<std::uint32_t>(static_cast<std::uint32_t>(scene.attacks.size()));
    for (const auto& [receiver, attack] : scene.attacks) {
      out.number<NodeId>(receiver);
      attack->save(out);
    }
    // Not all receivers need have closed the round yet.
    out.number<Step>(scene.forged.round);
    out.numbers<std::uint32_t>(scene.forged.honest);
    out.numbers<std::uint32_t>(scene.forged.liars);
    out.numbers<float>(scene.place.same_everywhere ? scene.forged.rows : std::vector<float>());
  }
}

Status Adversary::load(ByteReader& in) {
  for (Scene& scene : scenes_) {
    scene.attacks.clear();
    SHOAL_TRY(const auto attacks, in.number<std::uint32_t>());
    for (std::uint32_t i = 0; i < attacks; ++i) {
      SHOAL_TRY(const auto receiver, in.number<NodeId>());
      SHOAL_TRY_STATUS(attack_of(scene, receiver).load(in));
    }
    Forged& forged = scene.forged;
    SHOAL_TRY(forged.round, in.number<Step>());
    SHOAL_TRY(forged.honest, in.numbers<std::uint32_t>());
    SHOAL_TRY(forged.liars, in.numbers<std::uint32_t>());
    SHOAL_TRY(forged.rows, in.numbers<float>());
    const std::size_t expected = forged.liars.size() * scene.place.rows * scene.place.layout.size();
    if (!forged.rows.empty() && forged.rows.size() != expected)
      return shoal::corrupt("forged rows of another length than the liars'");
  }
  return ok_status();
}

}  // namespace shoal

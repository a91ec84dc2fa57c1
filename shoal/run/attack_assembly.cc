#include "shoal/run/attack_assembly.h"

#include <fmt/format.h>
#include <numeric>

#include "shoal/attack/local_attack.h"
#include "shoal/rule/rule.h"

namespace shoal {
namespace {

std::size_t liars_of(const Assembly& a) {
  return static_cast<std::size_t>(a.experiment.nodes.liars);
}

// Rows of the liars' own at the end of the set, in place of their shares.
void append(Dataset& data, const Dataset& more) {
  data.x.insert(data.x.end(), more.x.begin(), more.x.end());
  data.labels.insert(data.labels.end(), more.labels.begin(), more.labels.end());
  data.rows += more.rows;
  if (!data.users.empty()) data.users.resize(data.rows);
}

// What one worker trains on when it lies, at the end of `data`.
Result<Rows> poisoned_rows(const Assembly& a, const LocalAttack& attack, std::size_t worker,
                           Dataset& data) {
  const auto node = static_cast<NodeId>(a.method->servers() + worker);
  const RandomStream stream(a.conditions.seed, purpose("poisoned data"), node);
  SHOAL_TRY(const Dataset poisoned,
            attack.poison(*a.partition.data, a.partition.nodes[worker], stream));
  Rows rows(poisoned.rows);
  std::iota(rows.begin(), rows.end(), static_cast<std::uint32_t>(data.rows));
  append(data, poisoned);
  return rows;
}

// Fixed liars get other rows for good; where liars move, every worker has a second set for the
// rounds in which it lies.
Status poison(Assembly& a, const LocalAttack& attack) {
  auto data = std::make_shared<Dataset>(*a.partition.data);
  if (a.experiment.nodes.liars_move) {
    for (std::size_t worker = 0; worker < a.partition.nodes.size(); ++worker) {
      SHOAL_TRY(a.lying_rows.emplace_back(), poisoned_rows(a, attack, worker, *data));
    }
  } else {
    for (const NodeId liar : a.liars->in_round(0)) {
      const std::size_t worker = liar - a.method->servers();
      SHOAL_TRY(a.partition.nodes[worker], poisoned_rows(a, attack, worker, *data));
      if (!a.partition.unlabelled.empty()) a.partition.unlabelled[worker].clear();
    }
  }
  a.partition.data = std::move(data);
  SHOAL_TRY(a.attack_goal.data, attack.goal(a.task));
  if (!a.attack_goal.data) return ok_status();
  a.attack_goal.rows.resize(a.attack_goal.data->rows);
  std::iota(a.attack_goal.rows.begin(), a.attack_goal.rows.end(), 0u);
  return ok_status();
}

Result<std::unique_ptr<Rule>> mean_rule() {
  Table table;
  table.set("kind", "mean");
  return rules().make(table, "[rule]");
}

// A rule for attacks that probe: that of the run, or the mean that stands in for it.
Status add_probe(const MethodParts& parts, AdversaryPlan& plan) {
  plan.make_rule = parts.make_rule ? parts.make_rule : &mean_rule;
  SHOAL_TRY(const auto rule, plan.make_rule());
  RuleNeeds offered;
  offered.every_sender = true;
  offered.trusted_row = plan.among_peers;
  if (check_needs(rule->needs(), offered).ok()) return ok_status();
  return unsupported(
      "optimise = true asks the rule what it would make of forged rows, and this rule looks at "
      "data that only its receiver has; set optimise = false");
}

Status draw_moving_liars(Assembly& a, const RowPlace& place) {
  const std::size_t liars = liars_of(a);
  if (!place.senders)
    return unsupported(
        "liars_move draws the liars of a round among those a server asks, and this one asks "
        "nobody; "
        "set it to false");
  const std::size_t asked = place.senders(0).size();
  if (liars > asked)
    return invalid_argument(
        fmt::format("[nodes] has {} liars and a round asks {} clients; lower liars", liars, asked));
  a.liars = std::make_shared<Liars>(a.conditions.seed, liars, place.senders);
  return ok_status();
}

Status check_transit(const Assembly& a, const TransitAttack& attack, const RowPlace& place) {
  if (liars_of(a) > 0)
    return invalid_argument(
        "this attack changes values on their way, whoever sent them; set nodes.liars = 0");
  if (place.same_everywhere)
    return unsupported(
        "in an all-gather each worker reads its own copy of every row, so values that change on "
        "their way part the replicas for good; use a method with a server, or gossip");
  if (place.in_double)
    return unsupported("values change on their way as floats; leave precision = \"float\"");
  if (place.codec && !place.codec->properties(a.layout()).lossless)
    return unsupported(
        "values change on their way after they are decoded, and this codec could not carry what "
        "becomes of them; leave [codec] out, or use dense");
  return attack.check_dimension(place.rows * a.layout().size());
}

}  // namespace

Status add_liars(Assembly& a, bool own_data) {
  const Experiment& e = a.experiment;
  const std::size_t liars = liars_of(a);
  if (e.attack.empty()) return ok_status();
  SHOAL_TRY(a.attack, attacks().make(e.attack, "[attack]"));
  const auto* local = dynamic_cast<const LocalAttack*>(a.attack.get());
  if (e.attack_use.equivocate && !dynamic_cast<const MessageAttack*>(a.attack.get()))
    return invalid_argument(
        "equivocate = true sends the negative of a forged row to receivers of odd id, and this "
        "attack forges none; leave it out");
  if (liars == 0) return ok_status();
  const bool move = e.nodes.liars_move;
  if (move && (a.method->servers() == 0 || (local && !a.method->takes_local_attack())))
    return unsupported(
        "liars_move draws the liars of a round among those a server asks; set it to false, or use "
        "a federated method");
  const auto first = static_cast<NodeId>(a.method->servers());
  // Those that move are drawn among the method's senders: draw_moving_liars().
  if (!move)
    a.liars = std::make_shared<Liars>(
        draw_liars(a.conditions.seed, first, a.partition.nodes.size(), liars));
  if (!local) return ok_status();
  if (own_data)
    return unsupported("members bring their own rows, which no [attack] here can poison");
  if (auto status = poison(a, *local); !status.ok()) return within("[attack]", status.error());
  return ok_status();
}

Status add_local_attack(Assembly& a, MethodParts& parts) {
  const auto* local = dynamic_cast<const LocalAttack*>(a.attack.get());
  if (!local || liars_of(a) == 0) return ok_status();
  if (a.experiment.nodes.liars_move) {
    auto place = a.method->rows(parts);
    if (!place.ok()) return within("[attack]", place.error());
    SHOAL_TRY_STATUS(draw_moving_liars(a, *place));
    parts.lying_rows = a.lying_rows;
  } else if (!local->changes_training()) {
    return ok_status();
  }
  if (!a.method->takes_local_attack())
    return unsupported(
        fmt::format("this attack changes how liars train, and in method {} they all step alike; "
                    "use a federated "
                    "method, or leave those settings out (random_start, skip, radius, replace)",
                    a.experiment.method_kind()));
  parts.local_attack = local;
  parts.lies = [liars = a.liars](NodeId node, Step round) { return liars->lies(node, round); };
  return ok_status();
}

Status add_adversary(Assembly& a, const MethodParts& parts) {
  const std::size_t liars = liars_of(a);
  const auto* message = dynamic_cast<const MessageAttack*>(a.attack.get());
  const auto* transit = dynamic_cast<const TransitAttack*>(a.attack.get());
  if (!transit && (!message || liars == 0)) return ok_status();
  AdversaryPlan plan;
  auto place = a.method->rows(parts);
  if (!place.ok()) return within("[attack]", place.error());
  plan.place = std::move(place).value();
  plan.layout = a.layout();
  plan.seed = a.conditions.seed;
  plan.make_attack = [table = a.experiment.attack] { return attacks().make(table, "[attack]"); };
  plan.among_peers = a.method->servers() == 0;
  plan.equivocate = a.experiment.attack_use.equivocate;
  plan.declared_faults = parts.declared_faults;
  if (transit) {
    SHOAL_TRY_STATUS(check_transit(a, *transit, plan.place));
  } else {
    if (plan.equivocate && !plan.among_peers)
      return invalid_argument(
          "equivocate = true tells receivers different things, and a server is the only one; leave "
          "it out, or use a method among peers");
    if (a.experiment.nodes.liars_move) SHOAL_TRY_STATUS(draw_moving_liars(a, plan.place));
    const std::size_t all =
        a.experiment.nodes.liars_move ? plan.place.senders(0).size() : a.partition.nodes.size();
    if (auto status = message->check(all - liars, liars); !status.ok())
      return within("[attack]", status.error());
    if (message->probes()) SHOAL_TRY_STATUS(add_probe(parts, plan));
  }
  plan.liars = a.liars;
  a.adversary = std::make_unique<Adversary>(std::move(plan));
  return ok_status();
}

}  // namespace shoal

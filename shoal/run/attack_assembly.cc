#include "shoal/run/attack_assembly.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "shoal/attack/local_attack.h"
#include "shoal/attack/mixture.h"
#include "shoal/rule/rule.h"

namespace shoal {
namespace {

std::size_t liars_of(const Assembly& a) {
  return static_cast<std::size_t>(a.experiment.nodes.liars);
}

// The attack, or what it is a mixture of.
std::vector<const Attack*> parts_of(const Assembly& a) {
  const auto* mixture = dynamic_cast<const Mixture*>(a.attack.get());
  if (!mixture) return {a.attack.get()};
  std::vector<const Attack*> parts;
  for (const Mixture::Part& part : mixture->parts()) parts.push_back(part.attack.get());
  return parts;
}

// What a liar does to its data and training, by its place among all; null: nothing.
const LocalAttack* local_attack_of(const Assembly& a, std::size_t number) {
  const auto* mixture = dynamic_cast<const Mixture*>(a.attack.get());
  return dynamic_cast<const LocalAttack*>(
      mixture ? mixture->parts()[mixture->part_of(number)].attack.get() : a.attack.get());
}

LyingRounds lying_rounds(const Assembly& a) {
  const AttackUse& use = a.experiment.attack_use;
  return {static_cast<Step>(use.from_round), static_cast<Step>(use.every)};
}

// Whether a worker can lie in one round and be honest in another.
bool lies_at_times(const Assembly& a) {
  return a.experiment.nodes.liars_move || !lying_rounds(a).all();
}

// Workers who lie and what they do to data. One that moves may be anybody.
struct LyingWorkers {
  const LocalAttack* attack;
  std::vector<std::size_t> workers;
};
std::vector<LyingWorkers> lying_workers(const Assembly& a) {
  std::vector<LyingWorkers> lying;
  if (a.experiment.nodes.liars_move) {
    lying.push_back({local_attack_of(a, 0), std::vector<std::size_t>(a.partition.nodes.size())});
    std::iota(lying[0].workers.begin(), lying[0].workers.end(), std::size_t{0});
    return lying;
  }
  std::size_t number = 0;
  for (const NodeId liar : a.liars->in_round(lying_rounds(a).from)) {
    const LocalAttack* const attack = local_attack_of(a, number++);
    if (!attack) continue;
    // The liars of one part of a mixture follow one another.
    if (lying.empty() || lying.back().attack != attack) lying.push_back({attack, {}});
    lying.back().workers.push_back(liar - a.method->servers());
  }
  return lying;
}

// Workers that train on their own rows, at least in some rounds.
std::vector<std::size_t> honest_workers(const Assembly& a) {
  std::vector<std::size_t> honest;
  for (std::size_t worker = 0; worker < a.partition.nodes.size(); ++worker)
    if (a.experiment.nodes.liars_move ||
        !a.liars->lies(static_cast<NodeId>(a.method->servers() + worker), lying_rounds(a).from))
      honest.push_back(worker);
  return honest;
}

Result<PoisonedRows> poisoned_by(const Assembly& a, const LyingWorkers& lying, std::size_t part,
                                 std::size_t honest, Dataset& made) {
  const std::uint64_t seed = a.conditions.seed;
  PoisonView view{
      .data = *a.partition.data,
      .liars = {},
      .honest = honest,
      .stream = RandomStream(seed, purpose("poison"), static_cast<std::uint32_t>(part))};
  for (const std::size_t worker : lying.workers) {
    const auto node = static_cast<NodeId>(a.method->servers() + worker);
    view.liars.push_back(
        {a.partition.nodes[worker], RandomStream(seed, purpose("poisoned data"), node)});
  }
  return lying.attack->poison(view, made);
}

std::shared_ptr<const Dataset> joined(const Dataset& data, const Dataset& made) {
  auto all = std::make_shared<Dataset>(empty_like(data));
  all->rows = data.rows + made.rows;
  all->x.reserve(data.x.size() + made.x.size());
  all->labels.reserve(all->rows);
  for (const Dataset* part : {&data, &made}) {
    all->x.insert(all->x.end(), part->x.begin(), part->x.end());
    all->labels.insert(all->labels.end(), part->labels.begin(), part->labels.end());
  }
  all->users = data.users;
  if (!all->users.empty()) all->users.resize(all->rows);
  return all;
}

// Liars in every round get other rows for good; else those who may lie have a second set for the
// rounds in which they do.
Status poison(Assembly& a) {
  Dataset made = empty_like(*a.partition.data);
  const bool at_times = lies_at_times(a);
  std::vector<Rows> own = a.partition.nodes;
  std::vector<Rows> lies = own;
  const std::vector<std::size_t> honest = honest_workers(a);
  const std::vector<LyingWorkers> lying = lying_workers(a);
  for (std::size_t part = 0; part < lying.size(); ++part) {
    SHOAL_TRY(PoisonedRows poisoned, poisoned_by(a, lying[part], part, honest.size(), made));
    for (std::size_t i = 0; i < lying[part].workers.size(); ++i) {
      const std::size_t worker = lying[part].workers[i];
      lies[worker] = std::move(poisoned.liars[i]);
      if (!at_times) own[worker] = lies[worker];
      if (!at_times && !a.partition.unlabelled.empty()) a.partition.unlabelled[worker].clear();
    }
    for (std::size_t i = 0; i < poisoned.honest.size(); ++i) {
      Rows& rows = own[honest[i]];
      rows.insert(rows.end(), poisoned.honest[i].begin(), poisoned.honest[i].end());
    }
  }
  a.partition.nodes = std::move(own);
  if (at_times) a.lying_rows = std::move(lies);
  a.partition.data = joined(*a.partition.data, made);
  return ok_status();
}

// The rows that the liars want mislabelled, of the first attack that wants any.
Status add_goal(Assembly& a) {
  for (const Attack* part : parts_of(a)) {
    const auto* local = dynamic_cast<const LocalAttack*>(part);
    if (!local || a.attack_goal.data) continue;
    SHOAL_TRY(a.attack_goal.data, local->goal(a.task));
  }
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

Status draw_moving_liars(Assembly& a, const std::vector<RowPlace>& places) {
  const RowPlace& place = places.front();
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
  a.liars = std::make_shared<Liars>(a.conditions.seed, liars, place.senders, lying_rounds(a));
  return ok_status();
}

Status check_transit(const Assembly& a, const TransitAttack& attack, const RowPlace& place) {
  if (liars_of(a) > 0)
    return invalid_argument(
        "this attack changes values on their way, whoever sent them; set nodes.liars = 0");
  if (place.in_double)
    return unsupported("values change on their way as floats; leave precision = \"float\"");
  if (place.codec && !place.codec->properties(place.layout).lossless)
    return unsupported(
        fmt::format("values change on their way after they are decoded, and this encoding could "
                    "not carry what becomes of them; {}",
                    place.lossless));
  return attack.check_dimension(place.rows * place.layout.size());
}

Status check_mixture(const Assembly& a, const Mixture& mixture) {
  if (a.experiment.nodes.liars_move)
    return unsupported(
        "each liar of a mixture has its part for the whole run; set liars_move = false");
  if (mixture.liars() == liars_of(a)) return ok_status();
  return invalid_argument(
      fmt::format("the parts of the mixture have {} liars in all, and nodes.liars = {}",
                  mixture.liars(), liars_of(a)));
}

bool any_local(const Assembly& a) {
  return std::ranges::any_of(parts_of(a), [](const Attack* part) {
    return dynamic_cast<const LocalAttack*>(part) != nullptr;
  });
}

}  // namespace

Status add_liars(Assembly& a, bool own_data) {
  const Experiment& e = a.experiment;
  const std::size_t liars = liars_of(a);
  if (e.attack.empty()) return ok_status();
  SHOAL_TRY(a.attack, attacks().make(e.attack, "[attack]"));
  const bool local = any_local(a);
  if (e.attack_use.equivocate && !dynamic_cast<const MessageAttack*>(a.attack.get()))
    return invalid_argument(
        "equivocate = true sends the negative of a forged row to receivers of odd id, and this "
        "attack forges none; leave it out");
  if (liars == 0) return ok_status();
  if (const auto* mixture = dynamic_cast<const Mixture*>(a.attack.get()))
    if (auto status = check_mixture(a, *mixture); !status.ok())
      return within("[attack]", status.error());
  const bool move = e.nodes.liars_move;
  if (move && a.method->servers() == 0)
    return unsupported(
        "liars_move draws the liars of a round among those a server asks; set it to false, or use "
        "a federated method");
  const auto first = static_cast<NodeId>(a.method->servers());
  // Those that move are drawn among the method's senders: draw_moving_liars().
  if (!move)
    a.liars = std::make_shared<Liars>(
        draw_liars(a.conditions.seed, first, a.partition.nodes.size(), liars), lying_rounds(a));
  if (!local) return ok_status();
  if (own_data)
    return unsupported("members bring their own rows, which no [attack] here can poison");
  if (auto status = poison(a); !status.ok()) return within("[attack]", status.error());
  if (auto status = add_goal(a); !status.ok()) return within("[attack]", status.error());
  return ok_status();
}

Status add_local_attack(Assembly& a, const MethodParts& parts) {
  if (liars_of(a) == 0 || !any_local(a)) return ok_status();
  if (a.experiment.nodes.liars_move) {
    const auto places = a.method->rows(parts);
    if (!places.ok()) return within("[attack]", places.error());
    SHOAL_TRY_STATUS(draw_moving_liars(a, *places));
  }
  const auto any = [&a](bool (LocalAttack::*does)() const) {
    return std::ranges::any_of(parts_of(a), [does](const Attack* part) {
      const auto* local = dynamic_cast<const LocalAttack*>(part);
      return local && (local->*does)();
    });
  };
  const bool rounds = any(&LocalAttack::changes_rounds);
  if (rounds && !a.method->trains_in_rounds())
    return unsupported(
        fmt::format("this attack changes what liars make of a round of training from the model "
                    "that they were sent, and workers of {} step one by one; use a federated "
                    "method, or leave those settings out (random_start, radius, replace)",
                    a.experiment.method_kind()));
  if (!rounds && !any(&LocalAttack::skips_steps) && !lies_at_times(a)) return ok_status();
  const auto servers = static_cast<NodeId>(a.method->servers());
  const auto attack_of = [&a, servers](std::size_t worker, Step step) -> const LocalAttack* {
    const NodeId node = servers + static_cast<NodeId>(worker);
    return a.liars->lies(node, step) ? local_attack_of(a, a.liars->number(node, step)) : nullptr;
  };
  const auto tell = [&](auto& problem) {
    problem.local_attack = attack_of;
    problem.lying_rows = a.lying_rows;
  };
  tell(a.problem_float);
  tell(a.problem_double);
  return ok_status();
}

Status add_adversary(Assembly& a, const MethodParts& parts) {
  const std::size_t liars = liars_of(a);
  const auto* message = dynamic_cast<const MessageAttack*>(a.attack.get());
  const auto* transit = dynamic_cast<const TransitAttack*>(a.attack.get());
  if (!transit && (!message || liars == 0)) return ok_status();
  AdversaryPlan plan;
  auto places = a.method->rows(parts);
  if (!places.ok()) return within("[attack]", places.error());
  plan.places = std::move(places).value();
  plan.seed = a.conditions.seed;
  plan.rounds = lying_rounds(a);
  plan.make_attack = [table = a.experiment.attack] { return attacks().make(table, "[attack]"); };
  plan.among_peers = a.method->servers() == 0;
  plan.equivocate = a.experiment.attack_use.equivocate;
  plan.declared_faults = parts.declared_faults;
  if (transit) {
    for (const RowPlace& place : plan.places)
      if (auto status = check_transit(a, *transit, place); !status.ok())
        return within("[attack]", status.error());
  } else {
    if (plan.equivocate && !plan.among_peers)
      return invalid_argument(
          "equivocate = true tells receivers different things, and a server is the only one; leave "
          "it out, or use a method among peers");
    if (a.experiment.nodes.liars_move) SHOAL_TRY_STATUS(draw_moving_liars(a, plan.places));
    const std::size_t all =
        a.experiment.nodes.liars_move ? plan.places[0].senders(0).size() : a.partition.nodes.size();
    if (auto status = message->check(all - liars, liars); !status.ok())
      return within("[attack]", status.error());
    if (message->probes()) SHOAL_TRY_STATUS(add_probe(parts, plan));
  }
  plan.liars = a.liars;
  a.adversary = std::make_unique<Adversary>(std::move(plan));
  return ok_status();
}

}  // namespace shoal

#include "shoal/run/assembly.h"

#include <fmt/format.h>
#include <numeric>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/data/held_out.h"
#include "shoal/data/source.h"
#include "shoal/graph/topology_kind.h"
#include "shoal/model/factory.h"
#include "shoal/rule/pipeline.h"
#include "shoal/run/attack_assembly.h"

namespace shoal {
namespace {

Status add_models(Assembly& a, std::size_t threads) {
  SHOAL_TRY(const auto factory, models().make(a.experiment.model, "[model]", *a.task.train));
  const auto seed = static_cast<std::uint64_t>(a.experiment.general.seed);
  const RandomStream stream(seed, purpose("initial model"));
  const auto fill = [&](auto& pool, auto& problem) {
    problem.data = a.partition.data;
    problem.rows = a.partition.nodes;
    problem.models = pool;
    problem.initial.resize(pool->size());
    pool->mine().initialize(stream, problem.initial);
  };
  if (a.experiment.general.precision == Precision::kDouble) {
    SHOAL_TRY(auto make, factory->in_double());
    a.models_double = std::make_shared<ModelPool<double>>(std::move(make), threads);
    fill(a.models_double, a.problem_double);
  } else {
    SHOAL_TRY(auto make, factory->in_float());
    a.models_float = std::make_shared<ModelPool<float>>(std::move(make), threads);
    fill(a.models_float, a.problem_float);
  }
  return ok_status();
}

Status add_conditions(Assembly& a) {
  const Experiment& e = a.experiment;
  a.conditions.seed = static_cast<std::uint64_t>(e.general.seed);
  a.conditions.network = e.network;
  a.conditions.speed = e.nodes.speed;
  a.conditions.faults = e.faults;
  a.conditions.servers = a.method->servers();
  SHOAL_TRY_STATUS(check_faults(e.faults, a.nodes()));
  if (e.nodes.speed.stragglers == StragglerLaw::kTrace) {
    SHOAL_TRY(a.conditions.trace_factors, read_straggler_trace(e.nodes.speed.straggler_trace));
  }
  return ok_status();
}

// The server's rows leave the training set before it is shared out.
Status add_validation(Assembly& a) {
  const auto wanted = static_cast<std::size_t>(a.experiment.validation.rows);
  if (wanted == 0) return ok_status();
  const Dataset& all = *a.task.train;
  if (wanted >= all.rows)
    return invalid_argument(fmt::format(
        "[validation] rows = {} of {} training rows leave none to train on", wanted, all.rows));
  const double fraction = static_cast<double>(wanted) / static_cast<double>(all.rows);
  const auto seed = static_cast<std::uint64_t>(a.experiment.general.seed);
  auto split = stratified_split(all, fraction, seed);
  if (!split.ok()) return within("[validation]", split.error());
  a.validation.data = std::make_shared<const Dataset>(take_rows(all, split->test));
  a.validation.rows.resize(a.validation.data->rows);
  std::iota(a.validation.rows.begin(), a.validation.rows.end(), 0u);
  a.task.train = std::make_shared<const Dataset>(take_rows(all, split->train));
  return ok_status();
}

Status add_partition(Assembly& a, std::size_t count) {
  SHOAL_TRY(const auto partitioner, partitioners().make(a.experiment.partition, "[partition]"));
  const auto seed = static_cast<std::uint64_t>(a.experiment.general.seed);
  auto partition = partitioner->split(a.task.train, count, seed);
  if (!partition.ok()) return within("[partition]", partition.error());
  a.partition = std::move(partition).value();
  return ok_status();
}

// The rows of this process's member, in place of its share of the experiment's.
void add_own_rows(Assembly& a, const RealPart& part, std::size_t count) {
  a.partition.data = a.task.train;
  a.partition.nodes.resize(count);
  if (!part.rows) return;
  const std::size_t worker = part.node - a.method->servers();
  SHOAL_CHECK(worker < count, "a member's node is one of the workers");
  a.partition.data = part.rows;
  a.partition.nodes[worker].resize(part.rows->rows);
  std::iota(a.partition.nodes[worker].begin(), a.partition.nodes[worker].end(), 0u);
}

Status add_program(Assembly& a, ThreadPool* pool, const RealPart* part) {
  const Experiment& e = a.experiment;
  MethodParts parts;
  parts.seed = a.conditions.seed;
  if (a.models_double)
    parts.in_double = &a.problem_double;
  else
    parts.in_float = &a.problem_float;
  parts.topology = &a.topology;
  parts.mixing = e.mixing;
  parts.patience_s = e.general.patience_s;
  parts.pool = pool;
  parts.declared_faults = static_cast<std::size_t>(e.rule_use.faults);
  if (a.validation.data) parts.validation = &a.validation;
  parts.feedback = e.feedback;
  if (part) {
    parts.update_norm_max = part->update_norm_max;
    parts.own_data = part->own_data;
  }
  if (!e.codec.empty()) {
    parts.codec = a.codec.get();
    parts.codec_table = &e.codec;
    parts.codec_work = codec_work(e.codec, e.feedback, a.layout());
    a.warning = feedback_warning(e.feedback, *a.codec, a.layout());
  }
  if (!e.rule.empty())
    parts.make_rule = [table = e.rule]() -> Result<std::unique_ptr<Rule>> {
      SHOAL_TRY(auto pipeline, make_pipeline(table, "[rule]"));
      return std::unique_ptr<Rule>(std::move(pipeline));
    };
  parts.accordion = e.accordion;
  if (e.accordion.any() && !a.method->takes_accordion())
    return unsupported(
        fmt::format("method {} cannot change its codec or batch on the way; [accordion] goes with "
                    "all_reduce_sgd",
                    e.method_kind()));
  if (a.method->needs_topology() && e.topology.empty())
    return invalid_argument(
        fmt::format("method {} needs a [topology], like kind = \"ring\"", e.method_kind()));
  SHOAL_TRY_STATUS(add_local_attack(a, parts));
  auto program = a.method->prepare(parts);
  if (!program.ok()) return within("[method] " + e.method_kind(), program.error());
  a.program = std::move(program).value();
  SHOAL_TRY_STATUS(add_adversary(a, parts));
  if (part) {
    SHOAL_TRY(a.content_check, a.method->content_check(parts));
    a.adds_up = a.method->adds_up(parts);
  }
  return ok_status();
}

}  // namespace

ReportSchedule Assembly::report_schedule() const {
  ReportSchedule schedule;
  schedule.every = static_cast<Step>(experiment.report.every);
  schedule.length = method->length();
  schedule.servers = method->servers();
  return schedule;
}

TestSet Assembly::test_set() const {
  TestSet set;
  set.data = task.test;
  if (!set.data) return set;
  set.rows.resize(set.data->rows);
  std::iota(set.rows.begin(), set.rows.end(), 0u);
  return set;
}

Result<TaskData> DataCache::load(const Table& data, std::uint64_t seed) {
  const std::string key = fmt::format("{}\nseed {}", write_toml(data), seed);
  const std::lock_guard lock(mutex_);
  if (const auto found = loaded_.find(key); found != loaded_.end()) return found->second;
  SHOAL_TRY(const auto source, data_sources().make(data, "[data]"));
  auto task = source->load(seed);
  if (!task.ok()) return within("[data]", task.error());
  return loaded_[key] = std::move(task).value();
}

DataCache& data_cache() {
  static DataCache cache;
  return cache;
}

Result<std::unique_ptr<Assembly>> assemble(const Experiment& experiment, std::size_t threads,
                                           ThreadPool* pool, const RealPart* part) {
  auto a = std::make_unique<Assembly>();
  a->experiment = experiment;
  const auto seed = static_cast<std::uint64_t>(experiment.general.seed);
  const auto count = static_cast<std::size_t>(experiment.nodes.count);
  SHOAL_TRY(a->task, data_cache().load(experiment.data, seed));
  SHOAL_TRY(a->method, methods().make(experiment.method, "[method]"));
  SHOAL_TRY_STATUS(add_validation(*a));
  if (part && part->own_data)
    add_own_rows(*a, *part, count);
  else
    SHOAL_TRY_STATUS(add_partition(*a, count));
  SHOAL_TRY_STATUS(add_conditions(*a));
  SHOAL_TRY_STATUS(add_liars(*a, part && part->own_data));
  SHOAL_TRY_STATUS(add_models(*a, threads));
  if (!experiment.topology.empty()) {
    SHOAL_TRY(const auto kind, topologies().make(experiment.topology, "[topology]"));
    auto topology = kind->build(count, seed);
    if (!topology.ok()) return within("[topology]", topology.error());
    a->topology = std::move(topology).value();
  }
  Table codec = experiment.codec;
  if (codec.empty()) codec.set("kind", "dense");
  SHOAL_TRY(a->codec, make_codec(codec, "[codec]"));
  SHOAL_TRY_STATUS(add_program(*a, pool, part));
  return a;
}

}  // namespace shoal

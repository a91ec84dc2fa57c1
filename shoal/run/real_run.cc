#include "shoal/run/real_run.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/base/log.h"

namespace shoal {

namespace {

bool is_neighbor(const Topology& topology, NodeId node, NodeId other) {
  const std::vector<NodeId>& to = topology.out[node];
  const std::vector<NodeId>& from = topology.in[node];
  return std::binary_search(to.begin(), to.end(), other) ||
         std::binary_search(from.begin(), from.end(), other);
}

}  // namespace

RealRun::RealRun(std::unique_ptr<Assembly> assembly, const Place& place, ThreadPool& pool)
    : assembly_(std::move(assembly)), keeps_ledger_(place.keeps_ledger) {
  const Assembly& a = *assembly_;
  result_.world = place.world;
  RealWorldSettings settings;
  settings.nodes = a.nodes();
  settings.servers = a.method->servers();
  settings.seed = a.conditions.seed;
  settings.local = place.local;
  settings.keeps_ledger = place.keeps_ledger;
  settings.count_links = a.experiment.report.links;
  settings.schedule = a.report_schedule();
  settings.clock_s = place.clock_s;
  settings.observations.dimension = a.layout().size();
  settings.observations.length = a.method->length();
  settings.observations.nodes = a.nodes();
  if (!place.trusts_others) settings.observations.only_node = 0;
  world_ = std::make_unique<RealWorld>(settings, a.program);
  if (!keeps_ledger_) return;
  recorder_ = std::make_unique<Recorder>(*world_, a.nodes(), pool, a.report_schedule(),
                                         a.test_set(), a.models_float, a.models_double);
  recorder_->on_line([this](const LedgerLine& line) {
    // After a restart members may report again what the ledger has already.
    if (!result_.lines.empty() && line.round <= result_.lines.back().round) return;
    result_.lines.push_back(line);
    if (on_line_) on_line_(line);
  });
  recorder_->know_attack(a.liars, a.attack_goal);
  world_->set_observer(recorder_.get());
}

RealRun::~RealRun() = default;

Result<std::unique_ptr<RealRun>> RealRun::create(std::unique_ptr<Assembly> assembly,
                                                 const Place& place, ThreadPool& pool) {
  if (assembly->adversary)
    return unsupported(
        "liars act on what a simulation gathers; set nodes.liars = 0 for a run of real processes");
  return std::unique_ptr<RealRun>(new RealRun(std::move(assembly), place, pool));
}

RealWorld::Saved RealRun::save(Node& node) {
  RealWorld::Saved saved = world_->save(node);
  ByteWriter out;
  out.block(saved.state);
  if (recorder_) {
    recorder_->flush(false);
    if (node.step() == assembly_->method->length()) recorder_->save(out);
  }
  saved.state = std::move(out).take();
  return saved;
}

Status RealRun::restore(NodeId node, ByteView state) {
  ByteReader in(state);
  SHOAL_TRY(const ByteView of_world, in.block());
  SHOAL_TRY_STATUS(world_->restore(node, of_world));
  if (recorder_ && !in.done()) SHOAL_TRY_STATUS(recorder_->load(in));
  if (!in.done()) return corrupt("bytes too many behind the state of a run");
  return ok_status();
}

// Where none of its neighbours is there, what the absent ones have left behind has to do.
Frame RealRun::newcomer(NodeId node, std::span<const NodeId> present) {
  const Assembly& a = *assembly_;
  std::vector<NodeId> neighbors;
  for (NodeId other = 0; other < a.nodes(); ++other) {
    const bool near = a.topology.size() == 0 || is_neighbor(a.topology, node, other);
    if (other != node && near) neighbors.push_back(other);
  }
  std::vector<NodeId> there;
  for (const NodeId neighbor : neighbors)
    if (std::find(present.begin(), present.end(), neighbor) != present.end())
      there.push_back(neighbor);
  return newcomer_frame(recorder_->newest().newcomer(
      node, there.empty() ? neighbors : there, a.method->length(), a.method->newcomer().ok()));
}

Status RealRun::begin_as(NodeId node, const Frame& told) {
  const Assembly& a = *assembly_;
  const std::size_t dimension = a.layout().size();
  auto newcomer = a.models_double ? read_newcomer<double>(told, dimension, a.method->length())
                                  : read_newcomer<float>(told, dimension, a.method->length());
  if (!newcomer.ok()) return newcomer.error();
  if (newcomer->step == 0) return ok_status();
  if (const Status fit = a.method->newcomer(); !fit.ok())
    return unsupported(
        fmt::format("the run stands at step {} and we come without our state: {}; come back with "
                    "--state and the folder that we had before",
                    newcomer->step, fit.error().message));
  log_event(LogLevel::kWarning, "began_without_state",
            {{"step", fmt::to_string(newcomer->step)},
             {"model", newcomer->replica.empty() ? "that all began with" : "mean of neighbours"}});
  world_->begin_as(node, *std::move(newcomer));
  return ok_status();
}

Status RealRun::go(Transport& transport, double linger_s) {
  world_->set_transport(&transport);
  result_.interrupted = world_->run(linger_s) == RealWorld::Stop::kStopped;
  SHOAL_TRY_STATUS(world_->restored());
  if (!keeps_ledger_) return ok_status();
  recorder_->flush(!result_.interrupted);
  result_.virtual_time_s = world_->now_s();
  result_.traffic = world_->all_traffic();
  result_.bytes_sent = result_.traffic.total().sent_bytes;
  result_.models = recorder_->final_float();
  result_.models_double = recorder_->final_double();
  return ok_status();
}

}  // namespace shoal

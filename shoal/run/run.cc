#include "shoal/run/run.h"

namespace shoal {

Run::Run(std::unique_ptr<Assembly> assembly, ThreadPool& pool)
    : assembly_(std::move(assembly)), pool_(pool) {
  const Assembly& a = *assembly_;
  simulation_ = std::make_unique<Simulation>(a.nodes(), a.conditions, a.program, pool_);
  recorder_ = std::make_unique<Recorder>(*simulation_, a.nodes(), pool_, a.report_schedule(),
                                         a.test_set(), a.models_float, a.models_double);
  recorder_->know_attack(a.liars, a.attack_goal);
  simulation_->set_observer(recorder_.get());
  simulation_->set_interceptor(a.adversary.get());
  simulation_->traffic().count_links(a.experiment.report.links);
  recorder_->on_line([this](const LedgerLine& line) {
    result_.lines.push_back(line);
    if (on_line_) on_line_(line);
  });
  recorder_->on_round([this](Step round) { on_round(round); });
}

// The simulation reports to the recorder while it is torn down.
Run::~Run() {
  simulation_->set_observer(nullptr);
  simulation_.reset();
}

Result<std::unique_ptr<Run>> Run::create(const Experiment& experiment, ThreadPool& pool) {
  SHOAL_TRY(auto assembly, assemble(experiment, pool.threads(), &pool));
  return std::unique_ptr<Run>(new Run(std::move(assembly), pool));
}

void Run::on_round(Step round) {
  const auto every = static_cast<Step>(assembly_->experiment.report.checkpoint_every);
  if ((stop_ && stop_->load()) || round == stop_after_) stopping_ = true;
  const bool due = every > 0 && (round + 1) % every == 0;
  if (stopping_ || due) simulation_->request_checkpoint();
}

Status Run::save_checkpoint() {
  recorder_->flush(false);
  ByteWriter out;
  out.number<std::uint64_t>(result_.lines.size());
  for (const LedgerLine& line : result_.lines) out.text(to_json(line));
  recorder_->save(out);
  const Bytes world = simulation_->save();
  out.block(world);
  if (assembly_->adversary) assembly_->adversary->save(out);
  return on_checkpoint_ ? on_checkpoint_(out.bytes(), result_.lines.size()) : ok_status();
}

Status Run::resume(ByteView checkpoint) {
  ByteReader in(checkpoint);
  SHOAL_TRY(const auto lines, in.number<std::uint64_t>());
  for (std::uint64_t i = 0; i < lines; ++i) {
    SHOAL_TRY(const std::string json, in.text());
    SHOAL_TRY(LedgerLine line, parse_ledger_line(json));
    result_.lines.push_back(std::move(line));
  }
  SHOAL_TRY_STATUS(recorder_->load(in));
  SHOAL_TRY(const ByteView world, in.block());
  if (assembly_->adversary) SHOAL_TRY_STATUS(assembly_->adversary->load(in));
  if (!in.done()) return corrupt("bytes too many behind a checkpoint");
  return simulation_->restore(world);
}

Status Run::go() {
  for (;;) {
    const Simulation::Stop stop = simulation_->run();
    if (stop != Simulation::Stop::kCheckpoint) break;
    SHOAL_TRY_STATUS(save_checkpoint());
    if (stopping_) {
      result_.interrupted = true;
      fill_result();
      return ok_status();
    }
  }
  recorder_->flush(true);
  fill_result();
  return ok_status();
}

void Run::fill_result() {
  result_.virtual_time_s = simulation_->now_s();
  result_.bytes_sent = simulation_->traffic().total().sent_bytes;
  result_.events = simulation_->events();
  result_.trace_digest = simulation_->trace_digest();
  result_.traffic = simulation_->traffic();
  result_.models = recorder_->final_float();
  result_.models_double = recorder_->final_double();
}

}  // namespace shoal

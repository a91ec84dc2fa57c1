// Run: one experiment, put together and simulated.
//
//   SHOAL_TRY(auto run, Run::assemble(experiment, pool));
//   SHOAL_TRY_STATUS(run->go());
//   const RunResult& result = run->result();
//
// assemble() refuses what does not fit together before anything runs. With a folder (run_folder.h)
// a run also leaves its ledger, model and checkpoints on disk.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "shoal/run/assembly.h"
#include "shoal/run/recorder.h"
#include "shoal/sim/simulation.h"

namespace shoal {

class Run {
 public:
  static Result<std::unique_ptr<Run>> create(const Experiment& experiment, ThreadPool& pool);
  ~Run();

  void on_line(std::function<void(const LedgerLine&)> on_line) { on_line_ = std::move(on_line); }
  // Called with each checkpoint: the bytes that resume() takes, and the lines handed out so far.
  void on_checkpoint(std::function<Status(ByteView, std::size_t lines)> on_checkpoint) {
    on_checkpoint_ = std::move(on_checkpoint);
  }
  // Makes go() save a checkpoint and return; may be set from a signal handler.
  void set_stop_flag(const std::atomic<bool>* stop) { stop_ = stop; }
  // The same after this round has ended; for tests and planned pauses.
  void stop_after(Step round) { stop_after_ = round; }

  // Continues from a checkpoint of the same experiment.
  Status resume(ByteView checkpoint);
  // Runs to the end, or until stopped.
  Status go();

  const RunResult& result() const { return result_; }
  const Assembly& assembly() const { return *assembly_; }
  Simulation& simulation() { return *simulation_; }

 private:
  Run(std::unique_ptr<Assembly> assembly, ThreadPool& pool);
  void on_round(Step round);
  Status save_checkpoint();
  void fill_result();

  std::unique_ptr<Assembly> assembly_;
  ThreadPool& pool_;
  std::unique_ptr<Simulation> simulation_;
  std::unique_ptr<Recorder> recorder_;
  std::function<void(const LedgerLine&)> on_line_;
  std::function<Status(ByteView, std::size_t)> on_checkpoint_;
  const std::atomic<bool>* stop_ = nullptr;
  Step stop_after_ = kForever;
  bool stopping_ = false;
  RunResult result_;
};

}  // namespace shoal

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
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "shoal/data/partition.h"
#include "shoal/method/method.h"
#include "shoal/run/adversary.h"
#include "shoal/run/experiment.h"
#include "shoal/run/ledger.h"
#include "shoal/run/recorder.h"
#include "shoal/sim/simulation.h"

namespace shoal {

struct RunResult {
  std::vector<LedgerLine> lines;
  bool interrupted = false;  // stopped on request; the checkpoint holds the rest
  double virtual_time_s = 0.0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t events = 0;
  std::uint64_t trace_digest = 0;
  // The last model of each node that reports one (the server, or every peer).
  std::map<NodeId, std::vector<float>> models;
  std::map<NodeId, std::vector<double>> models_double;
};

// The objects an experiment is made of; programs hold pointers to them.
struct Assembly {
  Experiment experiment;
  TaskData task;
  Partition partition;
  std::shared_ptr<ModelPool<float>> models_float;
  std::shared_ptr<ModelPool<double>> models_double;
  Problem<float> problem_float;
  Problem<double> problem_double;
  Topology topology;
  std::unique_ptr<Codec> codec;
  std::unique_ptr<Method> method;
  std::unique_ptr<Adversary> adversary;
  Conditions conditions;
  Program program;

  const Layout& layout() const {
    return models_float ? models_float->layout() : models_double->layout();
  }
};
Result<std::unique_ptr<Assembly>> assemble(const Experiment& experiment, std::size_t threads,
                                           ThreadPool* pool = nullptr);

// Data sets that several runs of one process share, so that each file is read once.
class DataCache {
 public:
  Result<TaskData> load(const Table& data, std::uint64_t seed);

 private:
  std::map<std::string, TaskData> loaded_;
};
DataCache& data_cache();

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

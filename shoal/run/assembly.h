// Assembly: the objects an experiment is made of, put together and checked; whichever world runs
// it.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "shoal/data/partition.h"
#include "shoal/method/method.h"
#include "shoal/node/traffic.h"
#include "shoal/run/adversary.h"
#include "shoal/run/experiment.h"
#include "shoal/run/liars.h"
#include "shoal/run/recorder.h"
#include "shoal/sim/conditions.h"

namespace shoal {

// What the run of an experiment came to.
struct RunResult {
  std::vector<LedgerLine> lines;
  std::string world = "simulation";  // or "mpi", "grpc": then times are real
  bool interrupted = false;          // stopped on request; the checkpoint holds the rest
  double virtual_time_s = 0.0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t events = 0;
  std::uint64_t trace_digest = 0;
  Traffic traffic;  // by link and kind when the experiment asks for links
  // The last model of each node that reports one (the server, or every peer).
  std::map<NodeId, std::vector<float>> models;
  std::map<NodeId, std::vector<double>> models_double;
};

// Programs hold pointers into it.
struct Assembly {
  Experiment experiment;
  TaskData task;
  ValidationSet validation;
  Partition partition;
  std::vector<Rows> lying_rows;  // of each worker, where nobody lies in every round
  std::shared_ptr<ModelPool<float>> models_float;
  std::shared_ptr<ModelPool<double>> models_double;
  Problem<float> problem_float;
  Problem<double> problem_double;
  Topology topology;
  std::unique_ptr<Codec> codec;
  std::unique_ptr<Method> method;
  std::unique_ptr<const Attack> attack;
  std::shared_ptr<const Liars> liars;  // null: nobody lies
  TestSet attack_goal;                 // rows that the liars want mislabelled; no data: none
  std::unique_ptr<Adversary> adversary;
  Conditions conditions;
  Program program;
  ContentCheck content_check;          // of what reaches a node from outside
  bool adds_up = false;                // Method::adds_up
  std::optional<std::string> warning;  // of what is allowed and known to go wrong

  std::size_t nodes() const { return partition.nodes.size() + method->servers(); }
  ReportSchedule report_schedule() const;
  TestSet test_set() const;
  const Layout& layout() const {
    return models_float ? models_float->layout() : models_double->layout();
  }
};
// What a process of a real run knows beyond the experiment.
struct RealPart {
  double update_norm_max = 0.0;  // larger updates are refused; 0: any
  bool own_data = false;         // members bring their rows; the experiment's are for testing
  // Of a member that does: its node, and its rows (own_data.h).
  NodeId node = 0;
  std::shared_ptr<const Dataset> rows;
};
// `part` is null in a simulation.
Result<std::unique_ptr<Assembly>> assemble(const Experiment& experiment, std::size_t threads,
                                           ThreadPool* pool = nullptr,
                                           const RealPart* part = nullptr);

// Data sets that several runs of one process share, so that each file is read once. For any
// threads.
class DataCache {
 public:
  Result<TaskData> load(const Table& data, std::uint64_t seed);

 private:
  std::mutex mutex_;  // also while a file is read, or two would read it
  std::map<std::string, TaskData> loaded_;
};
DataCache& data_cache();

}  // namespace shoal

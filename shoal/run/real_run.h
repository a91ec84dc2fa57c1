// RealRun: the share of an experiment that one process holds in a real world: its nodes' programs
// and, in the process that keeps the ledger, the recorder.
//
//   SHOAL_TRY(auto run, RealRun::create(std::move(assembly), place, pool));
//   run->world() ... is what a transport delivers to
//   run->go(transport, linger_s);
//
// What a real world gives by itself is not imposed on it: [network], speeds and [faults] describe
// the simulation and are left out here; liars act in the simulation only and are refused.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "shoal/net/real_world.h"
#include "shoal/run/assembly.h"

namespace shoal {

class RealRun {
 public:
  struct Place {
    std::string world;          // "mpi" or "grpc"
    std::vector<NodeId> local;  // increasing
    bool keeps_ledger = false;
    bool trusts_others = false;  // a member may report on any node, not only its own
    double clock_s = 0.0;
  };
  static Result<std::unique_ptr<RealRun>> create(std::unique_ptr<Assembly> assembly,
                                                 const Place& place, ThreadPool& pool);
  ~RealRun();

  void on_line(std::function<void(const LedgerLine&)> on_line) { on_line_ = std::move(on_line); }
  // Lines of rounds before this process took over.
  void keep_lines(std::vector<LedgerLine> lines) { result_.lines = std::move(lines); }

  // At the boundary of a node of ours: with it, behind its last step, what the recorder has of the
  // models, so that a process that only has to end the run can write them. Lines of all rounds that
  // are over have been handed out when it returns.
  RealWorld::Saved save(Node& node);
  Status restore(NodeId node, ByteView state);

  // Where the ledger is kept, from any thread: what a newcomer at that node is told, of whose
  // neighbours those in `present` are there.
  Frame newcomer(NodeId node, std::span<const NodeId> present);
  // The node is known to stand in that step, or beyond it.
  void stands_in(NodeId node, Step step) { recorder_->newest().stands_in(node, step); }
  // At a newcomer: takes on what it was told. The error says when it is not fit for this run.
  Status begin_as(NodeId node, const Frame& newcomer);

  // To the end, or until the world is asked to stop; then result().interrupted is set.
  // Error: why this node did not come back to the state that it was given.
  Status go(Transport& transport, double linger_s);

  RealWorld& world() { return *world_; }
  const Assembly& assembly() const { return *assembly_; }
  const RunResult& result() const { return result_; }

 private:
  RealRun(std::unique_ptr<Assembly> assembly, const Place& place, ThreadPool& pool);

  std::unique_ptr<Assembly> assembly_;
  bool keeps_ledger_;
  std::unique_ptr<RealWorld> world_;
  std::unique_ptr<Recorder> recorder_;
  std::function<void(const LedgerLine&)> on_line_;
  RunResult result_;
};

}  // namespace shoal

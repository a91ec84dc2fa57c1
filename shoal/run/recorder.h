// Recorder: watches a run and turns what it sees into ledger lines.
//
// A round's line is complete when every node that reports it has finished it or a later one; its
// time, bytes and gradients are those of that instant. Tests of models run on the thread pool
// meanwhile, so lines are handed out in order but a little later.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "shoal/base/thread_pool.h"
#include "shoal/method/problem.h"
#include "shoal/node/world.h"
#include "shoal/run/ledger.h"
#include "shoal/run/liars.h"
#include "shoal/run/newest_models.h"

namespace shoal {

// What models are tested on.
struct TestSet {
  std::shared_ptr<const Dataset> data;  // null: nothing to test on
  Rows rows;                            // all of its rows
};

class Recorder : public Observer {
 public:
  using OnLine = std::function<void(const LedgerLine&)>;
  Recorder(const Meter& meter, std::size_t nodes, ThreadPool& pool, ReportSchedule schedule,
           TestSet test, std::shared_ptr<ModelPool<float>> in_float,
           std::shared_ptr<ModelPool<double>> in_double);
  ~Recorder() override;

  // Where it is known who lies (else null), and what liars want mislabelled (no data: nothing). The
  // share of those rows that models label as the liars do is the figure attack_success. Models of
  // peers who lie are not tested.
  void know_attack(std::shared_ptr<const Liars> liars, TestSet goal) {
    liars_ = std::move(liars);
    goal_ = std::move(goal);
  }
  void on_line(OnLine on_line) { on_line_ = std::move(on_line); }
  // Called at the end of every round, before its line is out.
  void on_round(std::function<void(Step)> on_round) { on_round_ = std::move(on_round); }

  // Observer.
  bool wants_model(NodeId node, Step step) const override;
  void model(NodeId node, Step step, std::span<const float> parameters) override;
  void model(NodeId node, Step step, std::span<const double> parameters) override;
  void figure(NodeId node, Step step, std::string_view name, double value) override;
  void selection(NodeId node, Step step, std::span<const NodeId> senders,
                 const Selection& selection) override;
  void step_done(NodeId node, Step step) override;
  void node_left(NodeId node) override;
  void node_returned(NodeId node) override;

  // Waits for all tests and hands out every complete line; at the end of a run also those of
  // rounds that some nodes never reached.
  void flush(bool at_end);

  // The models shown last, by node: the run's result. One of the two maps is used.
  const std::map<NodeId, std::vector<float>>& final_float() const { return newest_.all_float(); }
  const std::map<NodeId, std::vector<double>>& final_double() const { return newest_.all_double(); }
  NewestModels& newest() { return newest_; }

  // State of rounds under way, for checkpoints; flush() first.
  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  struct Test {
    ThreadPool::Ticket ticket;
    Evaluation result;
    double attack_success = 0.0;
  };
  struct Figure {
    std::string name;
    double sum = 0.0;
    std::uint64_t count = 0;
  };
  struct Round {
    LedgerLine line;
    bool complete = false;
    std::set<NodeId> done;
    std::vector<Figure> figures;
    std::map<NodeId, std::vector<float>> models_float;
    std::map<NodeId, std::vector<double>> models_double;
    std::vector<std::shared_ptr<Test>> tests;  // of the models in node order, then of their mean
    double consensus = -1.0;                   // mean squared distance to the mean model
  };

  Round& round_of(Step step);
  // A peer whose figures would say nothing of the honest ones.
  bool is_lying_peer(NodeId node, Step step) const;
  void check_complete(Step step, Round& round);
  void complete(Step step, Round& round);
  template <class Scalar>
  void start_tests(Round& round, std::map<NodeId, std::vector<Scalar>>& models,
                   const std::shared_ptr<ModelPool<Scalar>>& pool);
  void hand_out(bool wait);
  void add_measurements(Round& round);

  const Meter& meter_;
  ThreadPool& pool_;
  ReportSchedule schedule_;
  TestSet test_;
  TestSet goal_;
  std::shared_ptr<ModelPool<float>> in_float_;
  std::shared_ptr<ModelPool<double>> in_double_;
  std::shared_ptr<const Liars> liars_;
  OnLine on_line_;
  std::function<void(Step)> on_round_;
  std::set<NodeId> alive_;
  std::map<Step, Round> rounds_;  // not handed out yet
  NewestModels newest_;
};

}  // namespace shoal

// Somebody who looks on while a run's recorder watches: for figures that no ledger has, because
// only a simulation shows rows and knows who lies.
#pragma once

#include <string>
#include <vector>

#include "shoal/study/study.h"

namespace shoal {

// Passes everything on to the recorder; what is overridden calls the method here, too.
class Listener : public Observer {
 public:
  // Called when the run is put together.
  virtual void begin(const Assembly& /*assembly*/) {}

  bool wants_model(NodeId node, Step step) const override { return next_->wants_model(node, step); }
  void model(NodeId node, Step step, std::span<const float> parameters) override {
    next_->model(node, step, parameters);
  }
  void model(NodeId node, Step step, std::span<const double> parameters) override {
    next_->model(node, step, parameters);
  }
  void figure(NodeId node, Step step, std::string_view name, double value) override {
    next_->figure(node, step, name, value);
  }
  void selection(NodeId node, Step step, std::span<const NodeId> senders,
                 const Selection& selection) override {
    next_->selection(node, step, senders, selection);
  }
  void step_done(NodeId node, Step step) override { next_->step_done(node, step); }
  void node_left(NodeId node) override { next_->node_left(node); }
  void node_returned(NodeId node) override { next_->node_returned(node); }

 private:
  friend Result<RunResult> listened_run(StudyContext&, const std::string&,
                                        const std::vector<std::string>&, Listener&);
  Observer* next_ = nullptr;
};

// StudyContext::run() with a listener.
Result<RunResult> listened_run(StudyContext& context, const std::string& experiment,
                               const std::vector<std::string>& set, Listener& listener);

}  // namespace shoal

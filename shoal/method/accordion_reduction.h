// A reduction whose tensors go through one of two codecs, as Accordion decides (accordion.h).
//
// The tensors of each level are a row of their own, with a reduction of their own; feedback, which
// may be none or ef, sees the whole row, so errors stay where they are when levels change. With one
// and the same codec at both levels there is one row, and the run is the static one.
//
// Wire, beside the two reductions: after every check one bit a layer from worker 0 to all others,
// or one double a layer over a ring (mean_of_workers), or nothing (reduced_gradient).
#pragma once

#include <memory>
#include <vector>

#include "shoal/method/accordion.h"
#include "shoal/method/reduction.h"

namespace shoal {

struct AccordionPlan {
  AccordionSettings settings;
  ReductionPlan mild, hard;  // of the whole row; their codecs are in use for parts of it
  std::shared_ptr<const Codec> hard_codec;
  bool one_codec = false;
  bool feedback = false;
  std::size_t epoch_steps = 1;
};
// Error: as plan_reduction(), for either codec. `epoch_steps` is used where the settings have none.
Result<AccordionPlan> plan_accordion(const MethodParts& parts, CollectiveKind collective,
                                     std::size_t epoch_steps);

template <class Scalar>
ContentCheck check_accordion(const AccordionPlan& plan);

// All workers decide as one, after accumulating what their setting asks for. False: one was not
// heard. `round` keys the messages.
Task<bool> agree(Node& node, const AccordionSettings& settings, std::size_t workers,
                 AccordionPolicy& policy, Step round, double patience_s);

template <class Scalar>
class AccordionReduction : public Reducing<Scalar> {
 public:
  AccordionReduction(const AccordionPlan& plan, NodeId id);

  Task<bool> mean(Node& node, Step round, std::span<Scalar> row) override;
  std::span<const Scalar> own() const override { return own_; }
  void learning_rate(double rate) override;
  void show(Node& node, Step step) const override;

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  // The tensors that go through one codec now.
  struct Level {
    Layout layout;
    std::vector<LayerPart> parts;  // in the whole row
    ReductionPlan plan;
    std::unique_ptr<Reduction<Scalar>> reduction;
    std::vector<Scalar> row;
  };
  Task<bool> reduce(Node& node, Step round, Level& level, std::span<const Scalar> from,
                    std::span<Scalar> mean);
  std::unique_ptr<Level> make_level(const ReductionPlan& plan, bool hard) const;
  void switch_levels();

  const AccordionPlan& plan_;
  NodeId id_;
  AccordionPolicy policy_;
  std::vector<bool> levels_;  // that the two below are made for
  std::unique_ptr<Level> mild_, hard_;
  std::vector<Scalar> error_;  // empty without feedback
  std::vector<Scalar> own_;
  std::size_t hard_layers_ = 0;  // in the last mean
};

}  // namespace shoal

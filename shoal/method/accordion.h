// Accordion (Agarwal et al. 2021, 2010.16248): compress mildly while the gradients change a lot
// from check to check, and hard while they do not; per layer, or for the whole model by batch size.
//
// A_l is the sum over an epoch of the layer's gradients, so that noise cancels. At the end of epoch
// e = 0, I, 2I, ...
//   n_l(e) = ||A_l||,   hard when e > 0 and |n_l(e-I) - n_l(e)| / n_l(e-I) < eta, else mild
// (n_l(e-I) = 0 counts as a large change). Before the first check, and from a drop of the learning
// rate to the next check, every layer is mild. Layers are tensors of 2 dimensions or more; the
// others stay mild, so that eta = 0 is the mild run, byte for byte.
//
// Whose gradients: those of worker 0 alone, which then tells the others (the paper's code); the
// norms of all workers averaged; or the mean gradient, which all have.
//
// In the experiment file, beside a [codec] that is the mild one:
//   [accordion]
//   hard = { kind = "powersgd", rank = 1 }
// or, to let the batch grow in place of compression, large_batch = 256.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/base/value.h"
#include "shoal/model/layout.h"
#include "shoal/node/world.h"

namespace shoal {

enum class NormSource { kWorker0, kMeanOfWorkers, kReducedGradient };
enum class SwitchState { kKeep, kRedraw };

struct AccordionSettings {
  double eta = 0.5;
  std::int64_t interval = 10;
  std::int64_t epoch_steps = 0;  // 0: from the rows of the largest worker
  NormSource norm_source = NormSource::kWorker0;
  SwitchState switch_state = SwitchState::kKeep;
  bool zero_memory = false;
  std::int64_t large_batch = 0;
  double large_batch_rate = 1.0;
  bool monotone = false;
  double control_share = -1.0;
  Table hard;  // kind and settings of the hard codec

  bool any() const { return !hard.empty() || large_batch > 0; }
};
// All but hard, which is a table or a codec's name (codec/composition.h).
void describe(Settings& s, AccordionSettings& v);

// Where one layer lies in a row.
struct LayerPart {
  std::size_t offset = 0;
  std::size_t size = 0;
};
// The tensors that take part, in order.
std::vector<LayerPart> accordion_layers(const Layout& layout);

// The decisions of one run; the same at all nodes that are told the same.
class AccordionPolicy : public Persistent {
 public:
  AccordionPolicy(const AccordionSettings& settings, std::vector<LayerPart> layers);

  // Adds a gradient of the running epoch.
  template <class Scalar>
  void accumulate(std::span<const Scalar> gradient);
  // The step is over. True: with it an epoch whose norms are to be compared.
  bool end_step(std::size_t epoch_steps);
  // Of the epoch that has ended, since it was not accumulated on: begins the next one.
  std::vector<double> take_norms();
  // Decides, from the norms of a check.
  void check(std::span<const double> norms);
  // What another node has decided.
  void take_levels(const std::vector<bool>& hard);
  // Told before every step. A rate below the last one makes all layers mild.
  void learning_rate(double rate);

  const std::vector<bool>& hard() const { return hard_; }
  std::size_t checks() const { return checks_; }

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  AccordionSettings settings_;
  std::vector<LayerPart> layers_;
  std::vector<std::vector<double>> sums_;  // A_l; empty where nothing was accumulated
  std::vector<double> norms_;              // of the last check; empty before
  std::vector<bool> hard_;
  std::uint32_t step_of_epoch_ = 0;
  std::uint32_t epoch_ = 0;
  std::uint32_t checks_ = 0;
  double learning_rate_ = 0.0;
};

}  // namespace shoal

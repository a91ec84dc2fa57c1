// Attack on a liar's own data or its own training. It then computes, encodes and sends like
// everybody else, in every world.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "shoal/attack/attack.h"
#include "shoal/data/dataset.h"

namespace shoal {

// What an attack on data knows when it hands out rows.
struct PoisonView {
  struct Liar {
    std::span<const std::uint32_t> own;  // its share of `data`
    RandomStream stream;                 // of this liar alone
  };
  const Dataset& data;  // the training rows of all
  std::vector<Liar> liars;
  std::size_t honest = 0;  // workers that do not lie, or not in every round
  RandomStream stream;     // of all liars together
};

// What it hands out: rows by their number in the set.
struct PoisonedRows {
  std::vector<Rows> liars;        // of each, in place of its own
  std::vector<Rows> honest = {};  // of each, beside its own; empty: none for anybody
};

class LocalAttack : public Attack {
 public:
  // Rows that the set does not have go to the end of `made`, which will stand behind it: new_row().
  virtual Result<PoisonedRows> poison(const PoisonView& view, Dataset& made) const = 0;
  // Held-out rows, labelled as the liars want them to be taken: the share of them that a model
  // labels so is the figure attack_success. Null where the attack has no such goal.
  virtual Result<std::shared_ptr<const Dataset>> goal(const TaskData& /*task*/) const {
    return std::shared_ptr<const Dataset>();
  }

  // Whether it leaves steps out at all, and whether this one; its batch is passed over.
  virtual bool skips_steps() const { return false; }
  virtual bool skips_step(RandomStream& /*of the worker and step or round*/) const { return false; }

  // Whether it does any of the following, which takes a method whose workers train for a round at a
  // time from a model that they were sent.
  virtual bool changes_rounds() const { return false; }
  // Training begins at a fresh random model in place of the one received.
  virtual bool starts_at_random() const { return false; }
  // `y` stands after `steps` steps of this round from `start`.
  virtual void after_step(std::span<const float> /*start*/, std::span<float> /*y*/,
                          std::size_t /*steps*/, bool /*ends_epoch*/) const {}
  // What the update is multiplied by; all_rows are those of everybody asked in the round.
  virtual double outgoing_factor(double /*own_rows*/, double /*all_rows*/) const { return 1.0; }
};

// What the entries of a data attack share: an empty set like `data`, and one more row in it.
Dataset empty_like(const Dataset& data);
void append_row(Dataset& data, std::span<const float> features, std::int32_t label);
// One more row of `made`; its number when `made` stands behind `data`.
std::uint32_t new_row(const Dataset& data, Dataset& made, std::span<const float> features,
                      std::int32_t label);
// Error when the set has no classes to lie about.
Status check_has_classes(const Dataset& data, const char* attack);

// The channels of an image row, from the shape {channels, height, width} or {height, width}.
struct ImageShape {
  std::size_t channels = 1, height = 0, width = 0;
};
Result<ImageShape> image_shape(const Dataset& data, const char* attack);

}  // namespace shoal

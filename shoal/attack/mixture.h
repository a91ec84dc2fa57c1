// Several attacks in one run, each by liars of its own (the series of MUD-HoG, 2208.10273, mix sign
// flippers, noise, flipped labels and unreliable clients):
//
//   [attack]
//   kind = "mixture"
//   parts = [{ kind = "sign_flip", liars = 5 }, { kind = "label_flip", liars = 3 }]
//
// Liars are given to the parts by increasing id, as many as each says; all parts together are
// [nodes] liars. A part on messages sees the honest rows and those of its own liars, as if the
// other parts were not there; liars of a part on data send what they computed.
#pragma once

#include <memory>
#include <vector>

#include "shoal/attack/attack.h"

namespace shoal {

class Mixture : public MessageAttack {
 public:
  struct Part {
    std::size_t liars = 0;
    std::unique_ptr<Attack> attack;  // on messages, or on data
  };
  explicit Mixture(std::vector<Part> parts) : parts_(std::move(parts)) {}

  const std::vector<Part>& parts() const { return parts_; }
  std::size_t liars() const;
  // The part of a liar, by its place among all of them.
  std::size_t part_of(std::size_t number) const;

  Status check(std::size_t honest, std::size_t liars) const override;
  void forge(const AttackView& view, std::span<float> out) override;
  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  std::vector<Part> parts_;
};

CatalogueEntry<Attack> mixture_entry();

}  // namespace shoal

// Attack on outgoing messages: what a colluding set of liars sends in place of honest rows, seeing
// every honest row that reaches the same receiver in the same round (the omniscient worst case).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "shoal/base/catalogue.h"
#include "shoal/base/random.h"
#include "shoal/base/result.h"

namespace shoal {

// What the liars know when a receiver closes a round.
struct AttackView {
  std::vector<std::span<const float>> honest;  // rows as sent, decoded, by increasing sender id
  std::vector<std::span<const float>> own;     // what each liar would have sent honestly
  std::vector<std::uint32_t> liars;            // their sender ids, increasing
  std::uint32_t receiver = 0;
  std::uint32_t round = 0;
  RandomStream stream;
};

class Attack {
 public:
  virtual ~Attack() = default;
  // Error when the attack is not defined for that many honest rows and liars. Called before a run
  // with the expected numbers and again every round; forge() may rely on it.
  virtual Status check(std::size_t honest, std::size_t liars) const;
  // Writes liars.size() rows, one after another, to `out`.
  virtual void forge(const AttackView& view, std::span<float> out) = 0;
};

// All attacks by name (catalogue.cc).
const Catalogue<Attack>& attacks();

}  // namespace shoal

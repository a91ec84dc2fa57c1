#include "shoal/attack/transit_attacks.h"

#include <bit>
#include <fmt/format.h>

namespace shoal {
namespace {

class BitFlip : public TransitAttack {
 public:
  explicit BitFlip(const BitFlipSettings& settings)
      : dims_(static_cast<std::size_t>(settings.dims)),
        mask_(static_cast<std::uint32_t>(settings.mask)) {}

  Status check_dimension(std::size_t dimension) const override {
    if (dims_ <= dimension) return ok_status();
    return invalid_argument(
        fmt::format("bit_flip hits dims = {} of rows that have {}", dims_, dimension));
  }

  void corrupt(std::span<const std::span<float>> rows, std::uint64_t seed, std::uint32_t receiver,
               std::uint32_t round) const override {
    RandomStream stream(seed, purpose("bit flip"), receiver, round);
    for (std::size_t i = 0; i < dims_; ++i) {
      float& value = rows[static_cast<std::size_t>(stream.below(rows.size()))][i];
      value = flip_bits(value, mask_);
    }
  }

 private:
  std::size_t dims_;
  std::uint32_t mask_;
};

class Gambler : public TransitAttack {
 public:
  explicit Gambler(const GamblerSettings& settings) : settings_(settings) {}

  Status check_dimension(std::size_t dimension) const override {
    const auto servers = static_cast<std::size_t>(settings_.servers);
    if (servers <= dimension) return ok_status();
    return invalid_argument(
        fmt::format("gambler splits {} dimensions over {} servers", dimension, servers));
  }

  void corrupt(std::span<const std::span<float>> rows, std::uint64_t seed, std::uint32_t receiver,
               std::uint32_t round) const override {
    const auto servers = static_cast<std::uint64_t>(settings_.servers);
    const std::uint64_t d = rows.front().size();
    const std::uint64_t hit = RandomStream(seed, purpose("gambler's server")).below(servers);
    RandomStream stream(seed, purpose("gambler"), receiver, round);
    for (const std::span<float> row : rows)
      for (std::uint64_t i = hit * d / servers; i < (hit + 1) * d / servers; ++i)
        if (stream.uniform() < settings_.probability)
          row[i] = static_cast<float>(settings_.factor * static_cast<double>(row[i]));
  }

 private:
  GamblerSettings settings_;
};

Result<std::unique_ptr<Attack>> make_bit_flip(const BitFlipSettings& settings) {
  return {std::make_unique<BitFlip>(settings)};
}
Result<std::unique_ptr<Attack>> make_gambler(const GamblerSettings& settings) {
  return {std::make_unique<Gambler>(settings)};
}

}  // namespace

float flip_bits(float value, std::uint32_t mask) {
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(value) ^ mask);
}

void describe(Settings& s, BitFlipSettings& v) {
  s.integer("dims", v.dims, "leading dimensions that are hit, one value each",
            {.range = at_least(0), .paper = "1802.10116"});
  s.integer("mask", v.mask, "XORed with the value's 32 bits; 3760193536 is 0xE0200000",
            {.range = at_least(1).up_to(4294967295.0)});
}

void describe(Settings& s, GamblerSettings& v) {
  s.integer("servers", v.servers, "that share the dimensions; one is compromised",
            {.range = at_least(1), .paper = "1802.10116"});
  s.real("probability", v.probability, "of each value that it receives to be multiplied",
         {.range = at_least(0).up_to(1)});
  s.real("factor", v.factor, "what it is multiplied by", {.range = any_number()});
}

CatalogueEntry<Attack> bit_flip_entry() {
  return catalogue_entry<Attack, BitFlipSettings>(
      "bit_flip", "flipped bits in one row of each dimension", "1802.10116", &make_bit_flip);
}
CatalogueEntry<Attack> gambler_entry() {
  return catalogue_entry<Attack, GamblerSettings>(
      "gambler", "values multiplied by chance in one server's share", "1802.10116", &make_gambler);
}

}  // namespace shoal

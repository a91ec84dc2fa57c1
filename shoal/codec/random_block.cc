#include "shoal/codec/random_block.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/codec/sparse.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr const char* kName = "random_block";

class RandomBlock : public SparseCodec {
 public:
  explicit RandomBlock(const RandomBlockSettings& settings)
      : SparseCodec(settings.scope, settings.value_type), settings_(settings) {}

 private:
  KeptCount kept_count() const { return {settings_.ratio, settings_.k}; }
  bool shared_seed() const { return settings_.seed_mode == SeedMode::kShared; }

  CodecProperties choice_properties(const Layout& layout) const override {
    const auto share = least_kept_share(kName, kept_count(), layout, scope());
    if (!share.ok()) return {};
    return random_choice_properties(*share, settings_.scaled, shared_seed());
  }

  std::size_t kept_max(const Layout& layout, const Part& part) const override {
    const auto k = kept_of(kName, kept_count(), layout, part, scope());
    return k.ok() ? *k : part.size;
  }

  // The block of k entries from `begin` on: what lies before the end of the part, then what lies
  // behind its beginning.
  static std::pair<Run, Run> block(const Part& part, std::size_t begin, std::size_t k) {
    const std::size_t before_end = std::min(k, part.size - begin);
    const auto run = [](std::size_t from, std::size_t size) {
      return Run{static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(size)};
    };
    return {run(part.offset + begin, before_end), run(part.offset, k - before_end)};
  }

  Status choose(std::span<const float> row, const Layout& layout, const Part& part, Draws& draws,
                Kept& kept, ByteWriter& out) const override {
    SHOAL_TRY(const std::size_t k, kept_of(kName, kept_count(), layout, part, scope()));
    RandomStream& stream = shared_seed() ? draws.shared : draws.own;
    const auto begin = static_cast<std::uint32_t>(stream.below(part.size));
    if (!shared_seed()) out.number(begin);
    const auto [first, second] = block(part, begin, k);
    const std::size_t before = kept.values.size();
    kept.add_run(row, first);
    kept.add_run(row, second);
    if (settings_.scaled)
      scale(static_cast<float>(static_cast<double>(part.size) / static_cast<double>(k)),
            std::span(kept.values).subspan(before));
    return ok_status();
  }

  Status read_places(ByteView& bytes, const Layout& layout, const Part& part, RandomStream& shared,
                     std::size_t values_max, Kept& kept) const override {
    SHOAL_TRY(const std::size_t k, kept_of(kName, kept_count(), layout, part, scope()));
    if (k > values_max) return ends_before_values(kName, k);
    std::uint64_t begin = 0;
    if (shared_seed()) {
      begin = shared.below(part.size);
    } else {
      ByteReader reader(bytes);
      const auto sent = reader.number<std::uint32_t>();
      if (!sent.ok()) return corrupt("a random_block message ends before its block's place");
      if (*sent >= part.size)
        return corrupt(fmt::format("a random block begins at {} of {}, which has {} entries", *sent,
                                   part_name(layout, part, scope()), part.size));
      begin = *sent;
      bytes = bytes.subspan(reader.offset());
    }
    const auto [first, second] = block(part, begin, k);
    kept.runs.push_back(first);
    if (second.size > 0) kept.runs.push_back(second);
    return ok_status();
  }

  RandomBlockSettings settings_;
};

Result<std::unique_ptr<Codec>> make_random_block(const RandomBlockSettings& settings) {
  SHOAL_TRY_STATUS(check_kept_count(kName, {settings.ratio, settings.k}));
  return {std::make_unique<RandomBlock>(settings)};
}

}  // namespace

void describe(Settings& s, RandomBlockSettings& v) {
  describe_kept_count(s, v.ratio, v.k);
  s.flag("scaled", v.scaled, "kept values times d/k: unbiased; false for error feedback");
  describe_seed_mode(s, v.seed_mode);
  describe_scope(s, v.scope);
  describe_value_type(s, v.value_type);
}

CatalogueEntry<Codec> random_block_entry() {
  return catalogue_entry<Codec, RandomBlockSettings>(
      kName, "k neighbouring entries from a random place on", "1905.13727", &make_random_block);
}

}  // namespace shoal

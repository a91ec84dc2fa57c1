#include "shoal/codec/grbs.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/codec/rand_k.h"
#include "shoal/codec/random_subset.h"
#include "shoal/codec/sparse.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

constexpr const char* kName = "grbs";

class Grbs : public SparseCodec {
 public:
  explicit Grbs(const GrbsSettings& settings)
      : SparseCodec(settings.scope, settings.value_type), settings_(settings) {}

 private:
  std::size_t blocks_of(const Part& part) const {
    return std::min(static_cast<std::size_t>(settings_.blocks), part.size);
  }
  std::size_t kept_blocks(std::size_t blocks) const {
    const double wanted = std::round(static_cast<double>(blocks) / settings_.compression_ratio);
    return std::max<std::size_t>(1, static_cast<std::size_t>(wanted));
  }

  CodecProperties choice_properties(const Layout& layout) const override {
    double least = 1.0;
    const Status each = for_each_part(layout, scope(), [&](const Part& part) {
      const std::size_t blocks = blocks_of(part);
      least =
          std::min(least, static_cast<double>(kept_blocks(blocks)) / static_cast<double>(blocks));
      return ok_status();
    });
    SHOAL_CHECK(each.ok(), "counting cannot fail");
    return random_choice_properties(least, settings_.scaled, true);
  }

  std::size_t kept_max(const Layout&, const Part& part) const override {
    const std::size_t blocks = blocks_of(part);
    return std::min(part.size, kept_blocks(blocks) * ((part.size + blocks - 1) / blocks));
  }

  // Calls each(run) for the blocks that are kept this time.
  template <class Each>
  void for_each_kept(const Part& part, RandomStream& shared, Each each) const {
    const std::size_t blocks = blocks_of(part);
    thread_local std::vector<std::uint32_t> chosen;
    chosen.clear();
    random_subset(shared, blocks, kept_blocks(blocks), chosen);
    for (const std::size_t block : chosen) {
      const std::size_t begin = block * part.size / blocks;
      const std::size_t end = (block + 1) * part.size / blocks;
      each(Run{static_cast<std::uint32_t>(part.offset + begin),
               static_cast<std::uint32_t>(end - begin)});
    }
  }

  Status choose(std::span<const float> row, const Layout&, const Part& part, Draws& draws,
                Kept& kept, ByteWriter&) const override {
    const std::size_t before = kept.values.size();
    for_each_kept(part, draws.shared, [&](Run run) { kept.add_run(row, run); });
    const auto blocks = static_cast<double>(blocks_of(part));
    if (settings_.scaled)
      scale(static_cast<float>(blocks / static_cast<double>(kept_blocks(blocks_of(part)))),
            std::span(kept.values).subspan(before));
    return ok_status();
  }

  Status read_places(ByteView&, const Layout&, const Part& part, RandomStream& shared, std::size_t,
                     Kept& kept) const override {
    for_each_kept(part, shared, [&](Run run) { kept.runs.push_back(run); });
    return ok_status();
  }

  GrbsSettings settings_;
};

Result<std::unique_ptr<Codec>> make_grbs(const GrbsSettings& settings) {
  if (static_cast<double>(settings.blocks) < settings.compression_ratio)
    return invalid_argument(fmt::format(
        "grbs keeps one block in {} and has only {}; set blocks to {} or more",
        settings.compression_ratio, settings.blocks, std::ceil(settings.compression_ratio)));
  return {std::make_unique<Grbs>(settings)};
}

}  // namespace

void describe(Settings& s, GrbsSettings& v) {
  s.real("compression_ratio", v.compression_ratio, "one block in so many is kept",
         {.range = at_least(1).up_to(16777216), .paper = "2007.13221"});
  s.integer("blocks", v.blocks, "blocks that a part is cut into; a shorter one has one an entry",
            {.range = at_least(1).up_to(16777216)});
  s.flag("scaled", v.scaled, "kept values times blocks over blocks kept: unbiased");
  describe_scope(s, v.scope);
  describe_value_type(s, v.value_type);
}

CatalogueEntry<Codec> grbs_entry() {
  return catalogue_entry<Codec, GrbsSettings>(
      kName, "blocks of entries that all nodes draw together", "2007.13221", &make_grbs);
}

}  // namespace shoal

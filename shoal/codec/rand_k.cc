#include "shoal/codec/rand_k.h"

#include "shoal/codec/random_subset.h"
#include "shoal/codec/sparse.h"

namespace shoal {
namespace {

constexpr const char* kName = "rand_k";

class RandK : public SparseCodec {
 public:
  explicit RandK(const RandKSettings& settings)
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

  Status choose(std::span<const float> row, const Layout& layout, const Part& part, Draws& draws,
                Kept& kept, ByteWriter& out) const override {
    SHOAL_TRY(const std::size_t k, kept_of(kName, kept_count(), layout, part, scope()));
    thread_local std::vector<std::uint32_t> chosen;
    thread_local std::vector<float> values;
    chosen.clear();
    random_subset(shared_seed() ? draws.shared : draws.own, part.size, k, chosen);
    const float factor =
        settings_.scaled
            ? static_cast<float>(static_cast<double>(part.size) / static_cast<double>(k))
            : 1.0f;
    values.resize(k);
    for (std::size_t j = 0; j < k; ++j) values[j] = factor * row[part.offset + chosen[j]];
    if (!shared_seed()) encode_indices(settings_.index_code, chosen, part.size, out);
    kept.add_entries(part, chosen, values);
    return ok_status();
  }

  Status read_places(ByteView& bytes, const Layout& layout, const Part& part, RandomStream& shared,
                     std::size_t values_max, Kept& kept) const override {
    SHOAL_TRY(const std::size_t k, kept_of(kName, kept_count(), layout, part, scope()));
    if (k > values_max) return ends_before_values(kName, k);
    if (!shared_seed()) return kept.read_indices(settings_.index_code, bytes, part, k);
    thread_local std::vector<std::uint32_t> chosen;
    chosen.clear();
    random_subset(shared, part.size, k, chosen);
    kept.add_entries(part, chosen, {});
    return ok_status();
  }

  RandKSettings settings_;
};

Result<std::unique_ptr<Codec>> make_rand_k(const RandKSettings& settings) {
  SHOAL_TRY_STATUS(check_kept_count(kName, {settings.ratio, settings.k}));
  return {std::make_unique<RandK>(settings)};
}

}  // namespace

CodecProperties random_choice_properties(double least_share, bool scaled, bool linear) {
  CodecProperties properties;
  properties.linear = linear;
  if (!scaled) {
    properties.contraction = least_share;
    if (least_share == 1.0) properties.variance_factor = 0.0;
    return properties;
  }
  properties.variance_factor = 1.0 / least_share - 1.0;
  if (*properties.variance_factor < 1.0) properties.contraction = 1.0 - *properties.variance_factor;
  return properties;
}

void describe_seed_mode(Settings& s, SeedMode& v) {
  s.choice("seed_mode", v,
           "who draws the choice: the node, which sends it, or all nodes of a round together, "
           "which need not",
           {{"node", SeedMode::kNode}, {"shared", SeedMode::kShared}});
}

void describe(Settings& s, RandKSettings& v) {
  describe_kept_count(s, v.ratio, v.k);
  s.flag("scaled", v.scaled, "kept values times d/k: unbiased; false for error feedback");
  describe_seed_mode(s, v.seed_mode);
  describe_scope(s, v.scope);
  describe_index_code(s, v.index_code);
  describe_value_type(s, v.value_type);
}

CatalogueEntry<Codec> rand_k_entry() {
  return catalogue_entry<Codec, RandKSettings>(kName, "k entries chosen at random", "1809.07599",
                                               &make_rand_k);
}

}  // namespace shoal

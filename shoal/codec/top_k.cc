#include "shoal/codec/top_k.h"

#include "shoal/codec/sparse.h"
#include "shoal/math/selection.h"

namespace shoal {
namespace {

constexpr const char* kName = "top_k";

class TopK : public SparseCodec {
 public:
  explicit TopK(const TopKSettings& settings)
      : SparseCodec(settings.scope, settings.value_type), settings_(settings) {}

 private:
  KeptCount kept_count() const { return {settings_.ratio, settings_.k}; }

  CodecProperties choice_properties(const Layout& layout) const override {
    CodecProperties properties;
    const auto share = least_kept_share(kName, kept_count(), layout, scope());
    if (share.ok()) properties.contraction = *share;
    return properties;
  }

  std::size_t kept_max(const Layout& layout, const Part& part) const override {
    const auto k = kept_of(kName, kept_count(), layout, part, scope());
    return k.ok() ? *k : part.size;
  }

  Status choose(std::span<const float> row, const Layout& layout, const Part& part, Draws&,
                Kept& kept, ByteWriter& out) const override {
    SHOAL_TRY(const std::size_t k, kept_of(kName, kept_count(), layout, part, scope()));
    thread_local Selected largest;
    largest_magnitudes(row.subspan(part.offset, part.size), k, largest);
    encode_indices(settings_.index_code, largest.indices, part.size, out);
    kept.add_entries(part, largest.indices, largest.values);
    return ok_status();
  }

  Status read_places(ByteView& bytes, const Layout& layout, const Part& part, RandomStream&,
                     std::size_t values_max, Kept& kept) const override {
    SHOAL_TRY(const std::size_t k, kept_of(kName, kept_count(), layout, part, scope()));
    if (k > values_max) return ends_before_values(kName, k);
    return kept.read_indices(settings_.index_code, bytes, part, k);
  }

  TopKSettings settings_;
};

Result<std::unique_ptr<Codec>> make_top_k(const TopKSettings& settings) {
  SHOAL_TRY_STATUS(check_kept_count(kName, {settings.ratio, settings.k}));
  return {std::make_unique<TopK>(settings)};
}

}  // namespace

void describe(Settings& s, TopKSettings& v) {
  describe_kept_count(s, v.ratio, v.k);
  describe_scope(s, v.scope);
  describe_index_code(s, v.index_code);
  describe_value_type(s, v.value_type);
}

CatalogueEntry<Codec> top_k_entry() {
  return catalogue_entry<Codec, TopKSettings>(kName, "the k entries of largest magnitude",
                                              "1809.07599", &make_top_k);
}

}  // namespace shoal

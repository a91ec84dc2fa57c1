#include "shoal/codec/threshold.h"

#include <cmath>
#include <fmt/format.h>
#include <limits>

#include "shoal/codec/sparse.h"
#include "shoal/math/selection.h"

namespace shoal {
namespace {

constexpr const char* kName = "threshold";

// The least float that is not below tau: entries are floats.
float bound_of(double tau) {
  const auto bound = static_cast<float>(tau);
  return static_cast<double>(bound) < tau
             ? std::nextafter(bound, std::numeric_limits<float>::infinity())
             : bound;
}

class Threshold : public SparseCodec {
 public:
  explicit Threshold(const ThresholdSettings& settings)
      : SparseCodec(settings.scope, settings.value_type),
        index_code_(settings.index_code),
        bound_(bound_of(settings.tau)) {}

 private:
  CodecProperties choice_properties(const Layout&) const override { return {}; }
  std::size_t kept_max(const Layout&, const Part& part) const override { return part.size; }

  Status choose(std::span<const float> row, const Layout&, const Part& part, Draws&, Kept& kept,
                ByteWriter& out) const override {
    thread_local Selected reaching;
    entries_reaching(row.subspan(part.offset, part.size), bound_, reaching);
    out.number(static_cast<std::uint32_t>(reaching.indices.size()));
    encode_indices(index_code_, reaching.indices, part.size, out);
    kept.add_entries(part, reaching.indices, reaching.values);
    return ok_status();
  }

  Status read_places(ByteView& bytes, const Layout& layout, const Part& part, RandomStream&,
                     std::size_t values_max, Kept& kept) const override {
    ByteReader reader(bytes);
    const auto count = reader.number<std::uint32_t>();
    if (!count.ok()) return corrupt("a threshold message ends before its count");
    if (*count > part.size)
      return corrupt(fmt::format("a threshold message announces {} entries of {}, which has {}",
                                 *count, part_name(layout, part, scope()), part.size));
    if (*count > values_max) return ends_before_values(kName, *count);
    bytes = bytes.subspan(reader.offset());
    return kept.read_indices(index_code_, bytes, part, *count);
  }

  IndexCode index_code_;
  float bound_;
};

Result<std::unique_ptr<Codec>> make_threshold(const ThresholdSettings& settings) {
  return {std::make_unique<Threshold>(settings)};
}

}  // namespace

void describe(Settings& s, ThresholdSettings& v) {
  s.real("tau", v.tau, "least magnitude of the entries kept", {.range = at_least(0).up_to(3e38)});
  describe_scope(s, v.scope);
  describe_index_code(s, v.index_code);
  describe_value_type(s, v.value_type);
}

CatalogueEntry<Codec> threshold_entry() {
  return catalogue_entry<Codec, ThresholdSettings>(kName, "the entries of magnitude tau or more",
                                                   "", &make_threshold);
}

}  // namespace shoal

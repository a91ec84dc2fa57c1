#include "shoal/codec/top_k.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <vector>

#include "shoal/math/selection.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// A part of the row that is selected from on its own.
struct Part {
  std::size_t offset = 0;
  std::size_t size = 0;
  std::size_t k = 0;
};

class TopK : public Codec {
 public:
  explicit TopK(const TopKSettings& settings) : settings_(settings) {}

  // With rounded values: for kept entries within the normal range of the type.
  CodecProperties properties(const Layout& layout) const override {
    CodecProperties properties;
    const auto parts = parts_of(layout);
    if (!parts.ok()) return properties;
    double least = 1.0;
    for (const Part& part : *parts)
      least = std::min(least, static_cast<double>(part.k) / static_cast<double>(part.size));
    const double u = unit_roundoff(settings_.value_type);
    properties.contraction = least * (1.0 - u * u);
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws&,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY(const std::vector<Part> parts, parts_of(layout));
    if (const std::size_t place = first_not_finite(row); place < row.size())
      return not_finite(layout, place, row[place]);
    for (const Part& part : parts) {
      const Selected kept = largest_magnitudes(row.subspan(part.offset, part.size), part.k);
      encode_indices(settings_.index_code, kept.indices, part.size, out);
      if (const auto bad = encode_values(kept.values, settings_.value_type, out))
        return not_representable(layout, part.offset + kept.indices[*bad], kept.values[*bad],
                                 settings_.value_type);
    }
    return ok_status();
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY(const std::vector<Part> parts, parts_of(layout));
    std::fill(row.begin(), row.end(), 0.0f);
    std::vector<std::uint32_t> indices;
    std::vector<float> values;
    for (const Part& part : parts) {
      const std::size_t value_bytes = part.k * bytes_per_value(settings_.value_type);
      // Nothing is allocated for k entries that the message cannot hold.
      if (bytes.size() < value_bytes) return truncated(part);
      indices.resize(part.k);
      values.resize(part.k);
      SHOAL_TRY_STATUS(decode_indices(settings_.index_code, bytes, part.size, indices));
      if (bytes.size() < value_bytes) return truncated(part);
      SHOAL_TRY_STATUS(decode_values(bytes.subspan(0, value_bytes), settings_.value_type, values));
      bytes = bytes.subspan(value_bytes);
      for (std::size_t j = 0; j < part.k; ++j) row[part.offset + indices[j]] = values[j];
    }
    if (!bytes.empty())
      return corrupt(fmt::format("{} bytes follow the last top_k value", bytes.size()));
    return ok_status();
  }

 private:
  // How many entries of a part are kept; parts of size 0 do not occur.
  Result<std::size_t> kept_of(std::size_t size, const std::string& what) const {
    if (settings_.k == 0) {
      // The small excess keeps 0.29 * 100 at 29, whatever its last binary digit says.
      const double wanted = std::floor(settings_.ratio * static_cast<double>(size) + 1e-9);
      return std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, size);
    }
    const auto k = static_cast<std::size_t>(settings_.k);
    if (k > size)
      return invalid_argument(
          fmt::format("top_k keeps k = {} entries and {} has {}; set ratio "
                      "instead, or scope = \"global\"",
                      k, what, size));
    return k;
  }

  Result<std::vector<Part>> parts_of(const Layout& layout) const {
    if (layout.size() > std::numeric_limits<std::uint32_t>::max())
      return limit_exceeded(
          fmt::format("top_k indexes rows of up to 2^32 - 1 entries and this one "
                      "has {}",
                      layout.size()));
    std::vector<Part> parts;
    if (settings_.scope == TopKScope::kGlobal) {
      if (layout.size() == 0) return parts;
      SHOAL_TRY(const std::size_t k, kept_of(layout.size(), "the row"));
      parts.push_back({0, layout.size(), k});
      return parts;
    }
    for (const TensorInfo& tensor : layout.tensors()) {
      if (tensor.size == 0) continue;
      SHOAL_TRY(const std::size_t k, kept_of(tensor.size, "tensor '" + tensor.name + "'"));
      parts.push_back({tensor.offset, tensor.size, k});
    }
    return parts;
  }

  static Error truncated(const Part& part) {
    return corrupt(fmt::format("a top_k message ends before its {} values", part.k));
  }

  TopKSettings settings_;
};

Result<std::unique_ptr<Codec>> make_top_k(const TopKSettings& settings) {
  if ((settings.ratio > 0.0) == (settings.k > 0))
    return invalid_argument(
        fmt::format("top_k needs exactly one of ratio and k above 0 and has "
                    "ratio = {}, k = {}",
                    settings.ratio, settings.k));
  return {std::make_unique<TopK>(settings)};
}

}  // namespace

void describe(Settings& s, TopKSettings& v) {
  s.real("ratio", v.ratio, "fraction of the entries kept; 0 when k is given",
         {.range = at_least(0).up_to(1), .paper = "1809.07599"});
  s.integer("k", v.k, "number of entries kept; 0 when ratio is given",
            {.range = at_least(0).up_to(4294967295.0)});
  s.choice("scope", v.scope, "select within every tensor or within the whole row",
           {{"layer", TopKScope::kLayer}, {"global", TopKScope::kGlobal}});
  s.choice("index_code", v.index_code, "how indices are written; auto takes the smallest",
           {{"raw", IndexCode::kRaw},
            {"packed", IndexCode::kPacked},
            {"bitmap", IndexCode::kBitmap},
            {"leb", IndexCode::kLeb},
            {"rice", IndexCode::kRice},
            {"auto", IndexCode::kAuto}});
  describe_value_type(s, v.value_type);
}

CatalogueEntry<Codec> top_k_entry() {
  return catalogue_entry<Codec, TopKSettings>("top_k", "the k entries of largest magnitude",
                                              "1809.07599", &make_top_k);
}

}  // namespace shoal

#include "shoal/codec/dense.h"

#include <fmt/format.h>

#include "shoal/math/vector.h"

namespace shoal {
namespace {

class Dense : public Codec {
 public:
  explicit Dense(const DenseSettings& settings) : type_(settings.value_type) {}

  // Rounded types: for entries within the normal range of the type.
  CodecProperties properties(const Layout&) const override {
    CodecProperties properties;
    const double u = unit_roundoff(type_);
    properties.lossless = type_ == ValueType::kF32;
    if (properties.lossless) properties.variance_factor = 0.0;
    properties.contraction = 1.0 - u * u;
    properties.linear = properties.lossless;
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws&,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    if (const std::size_t place = first_not_finite(row); place < row.size())
      return not_finite(layout, place, row[place]);
    if (const auto place = encode_values(row, type_, out))
      return not_representable(layout, *place, row[*place], type_);
    return ok_status();
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    const std::size_t expected = row.size() * bytes_per_value(type_);
    if (bytes.size() != expected)
      return corrupt(fmt::format("a dense row of {} values takes {} bytes and {} arrived",
                                 row.size(), expected, bytes.size()));
    return decode_values(bytes, type_, row);
  }

 private:
  ValueType type_;
};

Result<std::unique_ptr<Codec>> make_dense(const DenseSettings& settings) {
  return {std::make_unique<Dense>(settings)};
}

}  // namespace

void describe(Settings& s, DenseSettings& v) { describe_value_type(s, v.value_type); }

CatalogueEntry<Codec> dense_entry() {
  return catalogue_entry<Codec, DenseSettings>("dense", "every value, 4 or 2 bytes each", "",
                                               &make_dense);
}

}  // namespace shoal

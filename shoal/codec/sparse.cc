#include "shoal/codec/sparse.h"

#include <algorithm>
#include <fmt/format.h>

#include "shoal/math/vector.h"

namespace shoal {
namespace {

// The kept values as a row of their own, with one tensor a part.
Layout layout_of_values(const Layout& layout, Scope scope, const std::vector<std::size_t>& counts) {
  Layout values;
  if (scope == Scope::kGlobal) {
    if (!counts.empty()) values.add("row", {static_cast<std::uint32_t>(counts[0])});
    return values;
  }
  std::size_t part = 0;
  for (const TensorInfo& tensor : layout.tensors())
    if (tensor.size > 0) values.add(tensor.name, {static_cast<std::uint32_t>(counts[part++])});
  return values;
}

// One encoding or decoding at a time, and the next one finds the memory of the last.
Kept& scratch() {
  thread_local Kept kept;
  kept.clear();
  return kept;
}

}  // namespace

void Kept::clear() {
  indices.clear();
  runs.clear();
  counts.clear();
  values.clear();
}

std::size_t Kept::total() const {
  std::size_t total = indices.size();
  for (const Run& run : runs) total += run.size;
  return total;
}

std::size_t Kept::place_of(std::size_t j) const {
  if (!indices.empty()) return indices[j];
  for (const Run& run : runs) {
    if (j < run.size) return run.begin + j;
    j -= run.size;
  }
  return j;
}

void Kept::add_run(std::span<const float> row, Run run) {
  if (run.size == 0) return;
  runs.push_back(run);
  const auto from = row.subspan(run.begin, run.size);
  values.insert(values.end(), from.begin(), from.end());
}

void Kept::add_entries(const Part& part, std::span<const std::uint32_t> part_indices,
                       std::span<const float> part_values) {
  for (const std::uint32_t index : part_indices)
    indices.push_back(index + static_cast<std::uint32_t>(part.offset));
  values.insert(values.end(), part_values.begin(), part_values.end());
}

Status Kept::read_indices(IndexCode code, ByteView& bytes, const Part& part, std::size_t k) {
  const std::size_t before = indices.size();
  indices.resize(before + k);
  const auto read = std::span(indices).subspan(before);
  SHOAL_TRY_STATUS(decode_indices(code, bytes, part.size, read));
  for (std::uint32_t& index : read) index += static_cast<std::uint32_t>(part.offset);
  return ok_status();
}

void SparseCodec::write_values_by(std::unique_ptr<Codec> codec) {
  SHOAL_CHECK(dynamic_cast<SparseCodec*>(codec.get()) == nullptr,
              "values are written by a codec that sends all of them");
  values_ = std::move(codec);
}

CodecProperties SparseCodec::value_properties(const Layout& layout) const {
  CodecProperties properties;
  if (!values_) {
    // Rounded types: for entries within the normal range of the type.
    const double u = unit_roundoff(value_type_);
    properties.contraction = 1.0 - u * u;
    properties.linear = value_type_ == ValueType::kF32;
    if (properties.linear) properties.variance_factor = 0.0;
    return properties;
  }
  std::vector<std::size_t> counts;
  const Status counted = for_each_part(layout, scope_, [&](const Part& part) {
    counts.push_back(kept_max(layout, part));
    return ok_status();
  });
  SHOAL_CHECK(counted.ok(), "counting cannot fail");
  return values_->properties(layout_of_values(layout, scope_, counts));
}

CodecProperties SparseCodec::properties(const Layout& layout) const {
  const CodecProperties choice = choice_properties(layout);
  const CodecProperties values = value_properties(layout);
  CodecProperties all;
  all.linear = choice.linear && values.linear;
  if (choice.contraction && values.contraction)
    all.contraction = *choice.contraction * *values.contraction;
  if (choice.variance_factor && values.variance_factor)
    all.variance_factor = (1 + *choice.variance_factor) * (1 + *values.variance_factor) - 1;
  return all;
}

Status SparseCodec::encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                           ByteWriter& out) const {
  SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
  SHOAL_TRY_STATUS(check_indexable(layout));
  if (const std::size_t place = first_not_finite(row); place < row.size())
    return not_finite(layout, place, row[place]);
  Draws left = draws;
  Kept& kept = scratch();
  SHOAL_TRY_STATUS(for_each_part(layout, scope_, [&](const Part& part) -> Status {
    const std::size_t before = kept.values.size();
    SHOAL_TRY_STATUS(choose(row, layout, part, left, kept, out));
    kept.counts.push_back(kept.values.size() - before);
    return ok_status();
  }));
  if (const std::size_t bad = first_not_finite(kept.values); bad < kept.values.size())
    return invalid_argument(
        fmt::format("{} is beyond the largest float once it is scaled; set scaled = false",
                    place_in_layout(layout, kept.place_of(bad))));
  return write_values(kept, layout, left, out);
}

Status SparseCodec::write_values(const Kept& kept, const Layout& layout, const Draws& draws,
                                 ByteWriter& out) const {
  if (values_)
    return values_->encode(kept.values, layout_of_values(layout, scope_, kept.counts), draws, out);
  if (const auto bad = encode_values(kept.values, value_type_, out))
    return not_representable(layout, kept.place_of(*bad), kept.values[*bad], value_type_);
  return ok_status();
}

Status SparseCodec::shared_places(const Layout& layout, const RandomStream& shared,
                                  std::vector<std::uint32_t>& places) const {
  SHOAL_CHECK(properties(layout).linear, "only the messages of a linear codec can be summed");
  RandomStream left = shared;
  Kept& kept = scratch();
  ByteView nothing;
  SHOAL_TRY_STATUS(for_each_part(layout, scope_, [&](const Part& part) {
    return read_places(nothing, layout, part, left, part.size, kept);
  }));
  places.clear();
  places.insert(places.end(), kept.indices.begin(), kept.indices.end());
  for (const Run& run : kept.runs)
    for (std::uint32_t i = 0; i < run.size; ++i) places.push_back(run.begin + i);
  return ok_status();
}

Status SparseCodec::decode(ByteView bytes, const Layout& layout, const RandomStream& shared,
                           std::span<float> row) const {
  SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
  SHOAL_TRY_STATUS(check_indexable(layout));
  RandomStream left = shared;
  Kept& kept = scratch();
  std::size_t known = 0;  // kept entries of the parts so far
  SHOAL_TRY_STATUS(for_each_part(layout, scope_, [&](const Part& part) -> Status {
    const std::size_t values_max =
        values_ ? part.size : bytes.size() / bytes_per_value(value_type_);
    SHOAL_TRY_STATUS(read_places(bytes, layout, part, left, values_max, kept));
    const std::size_t total = kept.total();
    kept.counts.push_back(total - known);
    known = total;
    return ok_status();
  }));
  SHOAL_TRY_STATUS(read_values(bytes, layout, left, kept));
  std::fill(row.begin(), row.end(), 0.0f);
  const float* value = kept.values.data();
  for (const std::uint32_t index : kept.indices) row[index] = *value++;
  for (const Run& run : kept.runs) {
    std::copy_n(value, run.size, row.data() + run.begin);
    value += run.size;
  }
  return ok_status();
}

Status SparseCodec::read_values(ByteView bytes, const Layout& layout, const RandomStream& shared,
                                Kept& kept) const {
  const std::size_t total = kept.total();
  if (values_) {
    kept.values.resize(total);
    return values_->decode(bytes, layout_of_values(layout, scope_, kept.counts), shared,
                           kept.values);
  }
  const std::size_t expected = total * bytes_per_value(value_type_);
  if (bytes.size() != expected)
    return corrupt(fmt::format("{} kept values take {} bytes and {} are there", total, expected,
                               bytes.size()));
  kept.values.resize(total);
  return decode_values(bytes, value_type_, kept.values);
}

Error ends_before_values(const char* codec, std::size_t k) {
  return corrupt(fmt::format("a {} message ends before its {} values", codec, k));
}

}  // namespace shoal

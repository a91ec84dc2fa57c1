#include "shoal/codec/atoms.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "shoal/codec/bits.h"
#include "shoal/codec/index_code.h"
#include "shoal/codec/value_type.h"

namespace shoal {
namespace {

constexpr double kRoundingShare = 0x1p-45;

class Element : public Atoms {
 public:
  std::size_t count(const TensorInfo& tensor) const override { return tensor.size; }
  std::size_t floats(const TensorInfo&) const override { return 1; }

  void decompose(const TensorInfo&, std::span<const float> entries,
                 std::vector<double>& weights) override {
    entries_ = entries;
    weights.assign(entries.begin(), entries.end());
  }

  bool write(std::span<const std::uint32_t> kept, const AtomProbabilities& found,
             ByteWriter& out) override {
    const bool equal = found.shared_magnitude > 0.0 && !kept.empty();
    write_count(static_cast<std::uint32_t>(2 * kept.size() + (equal ? 1 : 0)), out);
    write_atom_indices(kept, entries_.size(), out);
    if (equal) {
      out.number(static_cast<float>(found.shared_magnitude));
      BitWriter signs(out);
      for (const std::uint32_t i : kept) signs.bits(std::signbit(entries_[i]) ? 1 : 0, 1);
      signs.finish();
      return fits_float(found.shared_magnitude);
    }
    bool fit = true;
    for (const std::uint32_t i : kept) {
      const double value = static_cast<double>(entries_[i]) / found.p[i];
      fit = fit && fits_float(value);
      out.number(static_cast<float>(value));
    }
    return fit;
  }

  Status read(ByteView& bytes, const TensorInfo& tensor, std::span<float> entries) override {
    SHOAL_TRY(const std::uint32_t header, read_count(bytes));
    const std::size_t k = header / 2;
    const bool equal = header % 2 == 1;
    const std::size_t value_bytes = equal ? 4 + (k + 7) / 8 : 4 * k;
    if (k > tensor.size || (equal && k == 0))
      return corrupt("an atomo message announces elements that its tensor has not");
    if (value_bytes > bytes.size()) return corrupt("an atomo message ends before its elements");
    kept_.resize(k);
    values_.resize(k);
    SHOAL_TRY_STATUS(read_atom_indices(bytes, tensor.size, kept_));
    SHOAL_TRY_STATUS(equal ? read_signs(bytes) : read_floats(bytes, values_));
    if (entries.empty()) return ok_status();
    std::fill(entries.begin(), entries.end(), 0.0f);
    for (std::size_t j = 0; j < k; ++j) entries[kept_[j]] = values_[j];
    return ok_status();
  }

 private:
  Status read_signs(ByteView& bytes) {
    float magnitude;
    SHOAL_TRY_STATUS(read_floats(bytes, std::span(&magnitude, 1)));
    if (std::signbit(magnitude)) return corrupt("an atomo message holds a negative magnitude");
    BitReader signs(bytes);
    for (float& value : values_) {
      std::uint32_t negative;
      if (!signs.bits(1, negative)) return corrupt("an atomo message ends before its signs");
      value = negative ? -magnitude : magnitude;
    }
    if (!signs.padding_is_zero()) return corrupt("an atomo message pads its signs with ones");
    bytes = bytes.subspan(signs.bytes_used());
    return ok_status();
  }

  std::span<const float> entries_;
  std::vector<std::uint32_t> kept_;
  std::vector<float> values_;
};

}  // namespace

Atoms& atoms_of_thread(AtomKind kind) {
  thread_local const std::unique_ptr<Atoms> element = element_atoms(), spectral = spectral_atoms(),
                                            fourier = fourier_atoms();
  switch (kind) {
    case AtomKind::kSpectral:
      return *spectral;
    case AtomKind::kFourier:
      return *fourier;
    default:
      return *element;
  }
}

std::unique_ptr<Atoms> element_atoms() { return std::make_unique<Element>(); }

void write_count(std::uint32_t count, ByteWriter& out) {
  for (; count >= 0x80; count >>= 7) out.number(static_cast<std::uint8_t>(count | 0x80));
  out.number(static_cast<std::uint8_t>(count));
}

Result<std::uint32_t> read_count(ByteView& bytes) {
  std::uint64_t count = 0;
  for (std::size_t at = 0; at < 5 && at < bytes.size(); ++at) {
    const auto byte = std::to_integer<std::uint64_t>(bytes[at]);
    count |= (byte & 0x7f) << 7 * at;
    if (byte & 0x80) continue;
    if (at > 0 && byte == 0) return corrupt("an atomo count is longer than it needs to be");
    if (count > std::numeric_limits<std::uint32_t>::max()) break;
    bytes = bytes.subspan(at + 1);
    return static_cast<std::uint32_t>(count);
  }
  return corrupt("an atomo message holds a count that is none");
}

void write_atom_indices(std::span<const std::uint32_t> kept, std::size_t count, ByteWriter& out) {
  if (!kept.empty()) encode_indices(IndexCode::kAuto, kept, count, out);
}

Status read_atom_indices(ByteView& bytes, std::size_t count, std::span<std::uint32_t> kept) {
  return kept.empty() ? ok_status() : decode_indices(IndexCode::kAuto, bytes, count, kept);
}

Status read_floats(ByteView& bytes, std::span<float> values) {
  if (bytes.size() / 4 < values.size()) return corrupt("an atomo message ends before its values");
  SHOAL_TRY_STATUS(decode_values(bytes.first(4 * values.size()), ValueType::kF32, values));
  bytes = bytes.subspan(4 * values.size());
  return ok_status();
}

bool fits_float(double value) {
  return std::abs(value) <= static_cast<double>(std::numeric_limits<float>::max());
}

void drop_rounding(std::span<double> weights) {
  double largest = 0.0;
  for (const double weight : weights) largest = std::max(largest, std::abs(weight));
  for (double& weight : weights)
    if (std::abs(weight) < kRoundingShare * largest) weight = 0.0;
}

}  // namespace shoal

// Fourier modes as atoms: format and weights are in atoms.h.
#include <algorithm>
#include <cmath>
#include <map>

#include "shoal/codec/atoms.h"
#include "shoal/math/fourier.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

bool is_pair(std::size_t f, std::size_t d) { return f != 0 && 2 * f != d; }

class FourierAtoms : public Atoms {
 public:
  std::size_t count(const TensorInfo& tensor) const override { return tensor.size / 2 + 1; }
  std::size_t floats(const TensorInfo&) const override { return 2; }

  void decompose(const TensorInfo& tensor, std::span<const float> entries,
                 std::vector<double>& weights) override {
    size_ = entries.size();
    spectrum_.resize(size_);
    for (std::size_t t = 0; t < size_; ++t) spectrum_[t] = {entries[t], 0.0};
    plan(size_).transform(spectrum_);
    weights.resize(count(tensor));
    for (std::size_t f = 0; f < weights.size(); ++f) {
      const Complex x = spectrum_[f];
      const double square = x.re * x.re + x.im * x.im;
      weights[f] = is_pair(f, size_) ? std::sqrt(2.0 * square) : std::abs(x.re);
    }
    drop_rounding(weights);
  }

  bool write(std::span<const std::uint32_t> kept, const AtomProbabilities& found,
             ByteWriter& out) override {
    write_count(static_cast<std::uint32_t>(kept.size()), out);
    write_atom_indices(kept, size_ / 2 + 1, out);
    bool fit = true;
    const auto put = [&](double value) {
      fit = fit && fits_float(value);
      out.number(static_cast<float>(value));
    };
    for (const std::uint32_t f : kept) {
      put(spectrum_[f].re / found.p[f]);
      if (is_pair(f, size_)) put(spectrum_[f].im / found.p[f]);
    }
    return fit;
  }

  Status read(ByteView& bytes, const TensorInfo& tensor, std::span<float> entries) override {
    SHOAL_TRY(const std::size_t k, read_count(bytes));
    if (k > count(tensor))
      return corrupt("an atomo message announces frequencies that its tensor has not");
    if (k > bytes.size() / 4) return corrupt("an atomo message ends before its frequencies");
    const std::size_t d = tensor.size;
    kept_.resize(k);
    SHOAL_TRY_STATUS(read_atom_indices(bytes, count(tensor), kept_));
    std::size_t used = 0;
    for (const std::uint32_t f : kept_) used += is_pair(f, d) ? 2 : 1;
    values_.resize(used);
    SHOAL_TRY_STATUS(read_floats(bytes, values_));
    if (!entries.empty()) compose(entries);
    if (all_finite(entries)) return ok_status();
    return corrupt("an atomo message holds frequencies whose sum is beyond the largest float");
  }

 private:
  // Plans of the lengths that this thread has met.
  Fourier& plan(std::size_t d) {
    const auto found = plans_.find(d);
    return found != plans_.end() ? found->second : plans_.try_emplace(d, d).first->second;
  }

  void compose(std::span<float> entries) {
    const std::size_t d = entries.size();
    std::fill(entries.begin(), entries.end(), 0.0f);
    if (kept_.empty()) return;
    received_.assign(d, Complex{});
    std::size_t at = 0;
    for (const std::uint32_t f : kept_) {
      received_[f].re = values_[at++];
      if (!is_pair(f, d)) continue;
      received_[f].im = values_[at++];
      received_[d - f] = {received_[f].re, -received_[f].im};
    }
    plan(d).inverse(received_);
    for (std::size_t t = 0; t < d; ++t) entries[t] = static_cast<float>(received_[t].re);
  }

  std::map<std::size_t, Fourier> plans_;
  std::size_t size_ = 0;
  std::vector<Complex> spectrum_;  // of what was decomposed last
  std::vector<Complex> received_;
  std::vector<std::uint32_t> kept_;
  std::vector<float> values_;
};

}  // namespace

std::unique_ptr<Atoms> fourier_atoms() { return std::make_unique<FourierAtoms>(); }

}  // namespace shoal

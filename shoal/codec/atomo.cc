#include "shoal/codec/atomo.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/codec/parts.h"
#include "shoal/codec/value_type.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// The two biased rules give up after so many draws of one tensor.
constexpr int kDrawsMax = 100000;

class Atomo : public Codec {
 public:
  explicit Atomo(const AtomoSettings& settings) : settings_(settings) {}

  CodecProperties properties(const Layout& layout) const override {
    CodecProperties properties;
    if (settings_.resample_empty || settings_.fixed_rank) return properties;
    double variance = 0.0;
    for (const TensorInfo& tensor : layout.tensors()) {
      if (tensor.size == 0 || goes_as_it_is(tensor)) continue;
      const auto n = static_cast<double>(atoms().count(tensor));
      variance = std::max(variance, n / settings_.budget - 1.0);
    }
    properties.variance_factor = variance;
    if (variance < 1.0) properties.contraction = 1.0 - variance;
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(check_countable(layout));
    if (const std::size_t place = first_not_finite(row); place < row.size())
      return not_finite(layout, place, row[place]);
    RandomStream stream = draws.own;
    for (const TensorInfo& tensor : layout.tensors()) {
      const auto entries = row.subspan(tensor.offset, tensor.size);
      if (entries.empty()) continue;
      if (goes_as_it_is(tensor))
        out.raw(std::as_bytes(entries));
      else
        SHOAL_TRY_STATUS(encode_atoms(tensor, entries, stream, out));
    }
    return ok_status();
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    SHOAL_TRY_STATUS(check_countable(layout));
    // All of a message is checked before work and memory go into summing atoms.
    SHOAL_TRY_STATUS(read(bytes, layout, {}));
    return read(bytes, layout, row);
  }

 private:
  Atoms& atoms() const { return atoms_of_thread(settings_.atoms); }

  bool goes_as_it_is(const TensorInfo& tensor) const {
    const double floats = static_cast<double>(atoms().floats(tensor));
    if (atoms().count(tensor) == 1) return true;
    return settings_.budget * floats >= static_cast<double>(tensor.size);
  }

  // Counts are u32, and one bit of them may say how elements are written.
  static Status check_countable(const Layout& layout) {
    if (layout.size() < std::size_t{1} << 31) return ok_status();
    return limit_exceeded(fmt::format(
        "atomo counts atoms of rows of up to 2^31 - 1 entries and this one has {}", layout.size()));
  }

  Status encode_atoms(const TensorInfo& tensor, std::span<const float> entries,
                      RandomStream& stream, ByteWriter& out) const {
    thread_local std::vector<double> weights;
    thread_local AtomProbabilities found;
    thread_local std::vector<std::uint32_t> kept;
    atoms().decompose(tensor, entries, weights);
    atom_probabilities(weights, settings_.budget, found);
    if (!draw(found.p, stream, kept))
      return limit_exceeded(
          fmt::format("tensor '{}' was drawn {} times and never kept {}; {}", tensor.name,
                      kDrawsMax, settings_.fixed_rank ? "exactly budget atoms" : "an atom",
                      settings_.fixed_rank ? "set fixed_rank = false" : "raise budget"));
    if (atoms().write(kept, found, out)) return ok_status();
    return invalid_argument(fmt::format(
        "tensor '{}' has an atom beyond the largest float once it is divided by its probability; "
        "raise budget",
        tensor.name));
  }

  // Every atom by itself; again, as the settings say, up to a limit.
  bool draw(std::span<const double> p, RandomStream& stream,
            std::vector<std::uint32_t>& kept) const {
    const auto possible =
        static_cast<std::size_t>(std::count_if(p.begin(), p.end(), [](double x) { return x > 0; }));
    for (int draws = 0; draws < kDrawsMax; ++draws) {
      kept.clear();
      for (std::size_t i = 0; i < p.size(); ++i)
        if (p[i] == 1.0 || (p[i] > 0.0 && stream.uniform() < p[i]))
          kept.push_back(static_cast<std::uint32_t>(i));
      if (settings_.fixed_rank) {
        const auto rank = static_cast<std::size_t>(settings_.budget);
        if (kept.size() == std::min(rank, possible)) return true;
      } else if (!settings_.resample_empty || !kept.empty() || possible == 0) {
        return true;
      }
    }
    return false;
  }

  // With no row only checks.
  Status read(ByteView bytes, const Layout& layout, std::span<float> row) const {
    for (const TensorInfo& tensor : layout.tensors()) {
      if (tensor.size == 0) continue;
      const auto entries = row.empty() ? row : row.subspan(tensor.offset, tensor.size);
      SHOAL_TRY_STATUS(goes_as_it_is(tensor) ? read_entries(bytes, tensor, entries)
                                             : atoms().read(bytes, tensor, entries));
    }
    if (!bytes.empty())
      return corrupt(fmt::format("{} bytes follow the last atomo tensor", bytes.size()));
    return ok_status();
  }

  static Status read_entries(ByteView& bytes, const TensorInfo& tensor, std::span<float> entries) {
    if (bytes.size() / 4 < tensor.size)
      return corrupt(fmt::format("an atomo message ends before tensor '{}'", tensor.name));
    if (!entries.empty()) return read_floats(bytes, entries);
    bytes = bytes.subspan(4 * tensor.size);
    return ok_status();
  }

  AtomoSettings settings_;
};

Result<std::unique_ptr<Codec>> make_atomo(const AtomoSettings& settings) {
  if (settings.fixed_rank && settings.budget != std::floor(settings.budget))
    return invalid_argument(
        fmt::format("fixed_rank keeps exactly budget atoms and budget is {}; set a whole number",
                    settings.budget));
  if (settings.fixed_rank && settings.resample_empty)
    return invalid_argument("fixed_rank never keeps nothing; leave resample_empty out");
  return {std::make_unique<Atomo>(settings)};
}

}  // namespace

void describe(Settings& s, AtomoSettings& v) {
  s.choice("atoms", v.atoms, "what a tensor is a sum of",
           {{"element", AtomKind::kElement},
            {"spectral", AtomKind::kSpectral},
            {"fourier", AtomKind::kFourier}},
           {.paper = "1806.04090"});
  s.real("budget", v.budget, "expected number of atoms kept of each tensor",
         {.range = above(0).up_to(4294967295.0), .paper = "1806.04090"});
  s.flag("resample_empty", v.resample_empty, "draw again when no atom was kept, which biases");
  s.flag("fixed_rank", v.fixed_rank, "draw again until exactly budget were kept, which biases");
}

CatalogueEntry<Codec> atomo_entry() {
  return catalogue_entry<Codec, AtomoSettings>(
      "atomo", "elements, triplets or frequencies kept at random", "1806.04090", &make_atomo);
}

}  // namespace shoal

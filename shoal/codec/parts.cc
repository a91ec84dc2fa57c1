#include "shoal/codec/parts.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>

namespace shoal {

void describe_scope(Settings& s, Scope& v) {
  s.choice("scope", v, "treat every tensor by itself or the whole row as one",
           {{"layer", Scope::kLayer}, {"global", Scope::kGlobal}});
}

Status check_indexable(const Layout& layout) {
  if (layout.size() <= std::numeric_limits<std::uint32_t>::max()) return ok_status();
  return limit_exceeded(fmt::format(
      "this codec counts entries of rows of up to 2^32 - 1 and this one has {}", layout.size()));
}

std::size_t largest_part(const Layout& layout, Scope scope) {
  if (scope == Scope::kGlobal) return layout.size();
  std::size_t largest = 0;
  for (const TensorInfo& tensor : layout.tensors()) largest = std::max(largest, tensor.size);
  return largest;
}

std::string part_name(const Layout& layout, const Part& part, Scope scope) {
  if (scope == Scope::kLayer)
    for (const TensorInfo& tensor : layout.tensors())
      if (tensor.offset == part.offset && tensor.size == part.size)
        return fmt::format("tensor '{}'", tensor.name);
  return "the row";
}

void describe_kept_count(Settings& s, double& ratio, std::int64_t& k) {
  s.real("ratio", ratio, "fraction of the entries kept; 0 when k is given",
         {.range = at_least(0).up_to(1), .paper = "1809.07599"});
  s.integer("k", k, "number of entries kept; 0 when ratio is given",
            {.range = at_least(0).up_to(4294967295.0)});
}

Status check_kept_count(const char* codec, const KeptCount& kept) {
  if ((kept.ratio > 0.0) != (kept.k > 0)) return ok_status();
  return invalid_argument(
      fmt::format("{} needs exactly one of ratio and k above 0 and has ratio = {}, k = {}", codec,
                  kept.ratio, kept.k));
}

Result<std::size_t> kept_of(const char* codec, const KeptCount& kept, const Layout& layout,
                            const Part& part, Scope scope) {
  if (kept.k == 0) {
    // The small excess keeps 0.29 * 100 at 29, whatever its last binary digit says.
    const double wanted = std::floor(kept.ratio * static_cast<double>(part.size) + 1e-9);
    return std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, part.size);
  }
  const auto k = static_cast<std::size_t>(kept.k);
  if (k > part.size)
    return invalid_argument(fmt::format(
        "{} keeps k = {} entries and {} has {}; set ratio instead, or scope = \"global\"", codec, k,
        part_name(layout, part, scope), part.size));
  return k;
}

Result<double> least_kept_share(const char* codec, const KeptCount& kept, const Layout& layout,
                                Scope scope) {
  double least = 1.0;
  SHOAL_TRY_STATUS(for_each_part(layout, scope, [&](const Part& part) -> Status {
    SHOAL_TRY(const std::size_t k, kept_of(codec, kept, layout, part, scope));
    least = std::min(least, static_cast<double>(k) / static_cast<double>(part.size));
    return ok_status();
  }));
  return least;
}

}  // namespace shoal

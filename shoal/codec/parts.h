// Parts: what a codec treats as one of a row: every tensor by itself, or the whole row. Empty parts
// do not occur. Also how many entries of a part are kept, by codecs that keep some.
#pragma once

#include <cstdint>
#include <string>

#include "shoal/base/result.h"
#include "shoal/base/settings.h"
#include "shoal/model/layout.h"

namespace shoal {

enum class Scope : std::uint8_t { kLayer, kGlobal };
void describe_scope(Settings& s, Scope& v);

struct Part {
  std::size_t offset = 0;
  std::size_t size = 0;  // >= 1
};

// Calls each(part), which returns a Status, from the beginning of the row on; up to an error.
template <class Each>
Status for_each_part(const Layout& layout, Scope scope, Each each) {
  if (scope == Scope::kGlobal)
    return layout.size() == 0 ? ok_status() : each(Part{0, layout.size()});
  for (const TensorInfo& tensor : layout.tensors())
    if (tensor.size > 0) SHOAL_TRY_STATUS(each(Part{tensor.offset, tensor.size}));
  return ok_status();
}

// Messages hold places and counts of entries as u32: rows of up to 2^32 - 1.
Status check_indexable(const Layout& layout);
// The size of the largest part; 0 when there is none.
std::size_t largest_part(const Layout& layout, Scope scope);
// "tensor 'fc1.bias'" or "the row".
std::string part_name(const Layout& layout, const Part& part, Scope scope);

// How many entries are kept: exactly one of ratio and k is above 0.
struct KeptCount {
  double ratio = 0.0;
  std::int64_t k = 0;
};
void describe_kept_count(Settings& s, double& ratio, std::int64_t& k);
// `codec` names the codec in the error.
Status check_kept_count(const char* codec, const KeptCount& kept);
// max(1, floor(ratio * size)), or k; an error when k is more than the part has.
Result<std::size_t> kept_of(const char* codec, const KeptCount& kept, const Layout& layout,
                            const Part& part, Scope scope);
// The least kept / size over all parts, 1 without parts; an error where kept_of() has one.
Result<double> least_kept_share(const char* codec, const KeptCount& kept, const Layout& layout,
                                Scope scope);

}  // namespace shoal

// The aggregate of the round before, as rules remember it (centred clipping, RFA from its last
// output): what they write into checkpoints and read back.
#pragma once

#include <span>
#include <vector>

#include "shoal/base/bytes.h"

namespace shoal {

class LastOutput {
 public:
  // No round yet: the callers say what they start from.
  bool empty() const { return values_.empty(); }
  std::span<const float> values() const { return values_; }
  void set(std::span<const float> values) { values_.assign(values.begin(), values.end()); }

  // Error: what is remembered is of another dimension than this round's rows.
  Status check(const char* rule, std::size_t dimension) const;

  void save(ByteWriter& out) const { out.numbers<float>(values_); }
  // Error: bytes that are no finite row.
  Status load(const char* rule, ByteReader& in);

 private:
  std::vector<float> values_;
};

}  // namespace shoal

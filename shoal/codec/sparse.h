// SparseCodec: what codecs that send some entries of a row and drop the others have in common.
//
// Wire: for every part (parts.h) what says which entries are kept, which may be nothing; then the
// kept values of all parts, as value_type says or as another codec writes them (composition.h).
//
// With C the choice of entries and Q the codec of their values: if C is contractive with delta and
// Q with delta', the whole is with delta delta', because C(v) is v at the kept entries and what Q
// loses of them adds to what C dropped. (An unbiased Q of variance factor w < 1 has delta' = 1-w.)
// If both are unbiased, the whole is, with (1 + w)(1 + w') - 1.
#pragma once

#include <memory>
#include <vector>

#include "shoal/codec/codec.h"
#include "shoal/codec/index_code.h"
#include "shoal/codec/parts.h"
#include "shoal/codec/value_type.h"

namespace shoal {

struct Run {
  std::uint32_t begin = 0;  // in the row
  std::uint32_t size = 0;
};

// Which entries of the row are kept, in the order of their values: single entries or runs of them;
// a codec uses one of the two.
struct Kept {
  std::vector<std::uint32_t> indices;
  std::vector<Run> runs;
  std::vector<std::size_t> counts;  // entries kept of each part
  std::vector<float> values;        // empty when only the places are known

  void clear();
  std::size_t total() const;
  // Where the value at position j of the kept ones lies in the row.
  std::size_t place_of(std::size_t j) const;
  // Appends the entries of the run to values.
  void add_run(std::span<const float> row, Run run);
  // Appends indices and values of entries of a part, whose indices count from its beginning.
  void add_entries(const Part& part, std::span<const std::uint32_t> part_indices,
                   std::span<const float> part_values);
  // Appends the indices of k entries of the part, read from `bytes`.
  Status read_indices(IndexCode code, ByteView& bytes, const Part& part, std::size_t k);
};

class SparseCodec : public Codec, public SharedPlaces {
 public:
  SparseCodec(Scope scope, ValueType value_type) : scope_(scope), value_type_(value_type) {}

  // Kept values are written by `codec` from now on, which is no SparseCodec.
  void write_values_by(std::unique_ptr<Codec> codec);

  CodecProperties properties(const Layout& layout) const final;
  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const final;
  Status decode(ByteView bytes, const Layout& layout, const RandomStream& shared,
                std::span<float> row) const final;
  Status shared_places(const Layout& layout, const RandomStream& shared,
                       std::vector<std::uint32_t>& places) const final;

 protected:
  // The properties of the choice alone, values being sent exactly.
  virtual CodecProperties choice_properties(const Layout& layout) const = 0;
  // At most so many entries of the part are kept.
  virtual std::size_t kept_max(const Layout& layout, const Part& part) const = 0;
  // Chooses entries of the part: appends places and values to `kept`, and to `out` what a receiver
  // needs to know the places. Values may be scaled. The base class counts.
  virtual Status choose(std::span<const float> row, const Layout& layout, const Part& part,
                        Draws& draws, Kept& kept, ByteWriter& out) const = 0;
  // Reads that again, and moves `bytes` behind it: appends places. `shared` stands where it stood
  // for choose(). Allocates nothing for more entries than `values_max`.
  virtual Status read_places(ByteView& bytes, const Layout& layout, const Part& part,
                             RandomStream& shared, std::size_t values_max, Kept& kept) const = 0;

  Scope scope() const { return scope_; }

 private:
  CodecProperties value_properties(const Layout& layout) const;
  Status write_values(const Kept& kept, const Layout& layout, const Draws& draws,
                      ByteWriter& out) const;
  Status read_values(ByteView bytes, const Layout& layout, const RandomStream& shared,
                     Kept& kept) const;

  Scope scope_;
  ValueType value_type_;
  std::unique_ptr<Codec> values_;  // null: value_type_
};

// A message that ends before its values.
Error ends_before_values(const char* codec, std::size_t k);

}  // namespace shoal

// The log of rounds of Just One Byte: who counted in each, and their slopes as they were sent. With
// the initial parameters it is the whole training run.
//
// A round: ceil(places / 8) bytes of roster, bit i for worker i, the last byte filled with zeros;
// then the slopes of the workers in it, by increasing worker and sample, packed (byte_code.h).
// Rounds stand one behind the other; each says how long it is.
#pragma once

#include <vector>

#include "shoal/base/ids.h"
#include "shoal/method/byte_code.h"

namespace shoal {

struct RoundShape {
  std::size_t places = 0;   // workers of the run
  std::size_t samples = 1;  // slopes of a worker and round
  SlopeCode code = SlopeCode::kByte;
};

// What is counted in a round, the same for everybody.
struct CountedRound {
  std::vector<std::uint32_t> workers;  // increasing, below places
  std::vector<double> slopes;          // workers.size() * samples, decoded
};

// Appends the round.
void write_round(const RoundShape& shape, const CountedRound& round, ByteWriter& out);
// Reads the next one.
Result<CountedRound> read_round(const RoundShape& shape, ByteReader& in);

class RoundLog {
 public:
  void append(const RoundShape& shape, const CountedRound& round);
  std::size_t size() const { return ends_.size(); }
  // Rounds first .. last - 1, one behind the other; first <= last <= size().
  ByteView rounds(std::size_t first, std::size_t last) const;
  // The most rounds from `first` on that fit into `bytes_max`, but at least one of those there are.
  std::size_t fitting(std::size_t first, std::size_t bytes_max) const;

  void save(ByteWriter& out) const;
  Status load(ByteReader& in);

 private:
  std::uint64_t begin_of(std::size_t round) const { return round == 0 ? 0 : ends_[round - 1]; }
  Bytes bytes_;
  std::vector<std::uint64_t> ends_;  // of each round in bytes_
};

}  // namespace shoal

#include "shoal/method/round_log.h"

#include <algorithm>

#include "shoal/base/check.h"
#include "shoal/codec/bits.h"

namespace shoal {

void write_round(const RoundShape& shape, const CountedRound& round, ByteWriter& out) {
  SHOAL_CHECK(round.slopes.size() == round.workers.size() * shape.samples,
              "every worker of a roster has all its slopes");
  BitWriter roster(out);
  std::size_t next = 0;
  for (std::size_t worker = 0; worker < shape.places; ++worker) {
    const bool in = next < round.workers.size() && round.workers[next] == worker;
    roster.bits(in ? 1u : 0u, 1);
    next += in ? 1 : 0;
  }
  SHOAL_CHECK(next == round.workers.size(), "a roster is increasing and within its places");
  roster.finish();
  encode_decoded_slopes(shape.code, round.slopes, out);
}

Result<CountedRound> read_round(const RoundShape& shape, ByteReader& in) {
  SHOAL_TRY(const ByteView packed, in.raw((shape.places + 7) / 8));
  CountedRound round;
  for (std::size_t worker = 0; worker < 8 * packed.size(); ++worker) {
    if ((std::to_integer<unsigned>(packed[worker / 8]) >> worker % 8 & 1u) == 0) continue;
    if (worker >= shape.places) return corrupt("a roster with a worker beyond the last one");
    round.workers.push_back(static_cast<std::uint32_t>(worker));
  }
  const std::size_t count = round.workers.size() * shape.samples;
  SHOAL_TRY(const ByteView encoded, in.raw(encoded_slopes_bytes(shape.code, count)));
  SHOAL_TRY(round.slopes, decode_slopes(shape.code, encoded, count));
  return round;
}

void RoundLog::append(const RoundShape& shape, const CountedRound& round) {
  ByteWriter out;
  write_round(shape, round, out);
  bytes_.insert(bytes_.end(), out.bytes().begin(), out.bytes().end());
  ends_.push_back(bytes_.size());
}

ByteView RoundLog::rounds(std::size_t first, std::size_t last) const {
  SHOAL_CHECK(first <= last && last <= size(), "rounds that the log does not have");
  return ByteView(bytes_).subspan(begin_of(first), begin_of(last) - begin_of(first));
}

std::size_t RoundLog::fitting(std::size_t first, std::size_t bytes_max) const {
  if (first >= size()) return 0;
  const auto from = ends_.begin() + static_cast<std::ptrdiff_t>(first);
  const auto behind = std::upper_bound(from, ends_.end(), begin_of(first) + bytes_max);
  return std::max<std::size_t>(1, static_cast<std::size_t>(behind - from));
}

void RoundLog::save(ByteWriter& out) const {
  out.block(bytes_);
  out.numbers<std::uint64_t>(ends_);
}

Status RoundLog::load(ByteReader& in) {
  SHOAL_TRY(const ByteView bytes, in.block());
  SHOAL_TRY(std::vector<std::uint64_t> ends, in.numbers<std::uint64_t>());
  if (!std::is_sorted(ends.begin(), ends.end()) ||
      (ends.empty() ? !bytes.empty() : ends.back() != bytes.size()))
    return corrupt("a log whose rounds do not fill it");
  bytes_.assign(bytes.begin(), bytes.end());
  ends_ = std::move(ends);
  return ok_status();
}

}  // namespace shoal

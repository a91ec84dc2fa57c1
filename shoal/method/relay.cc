#include "shoal/method/relay.h"

#include <algorithm>

#include "shoal/base/check.h"

namespace shoal {

template <class Scalar>
Relay<Scalar>::Relay(std::size_t workers, std::span<const NodeId> neighbors, std::size_t dimension)
    : workers_(workers),
      dimension_(dimension),
      sums_(neighbors.size(), std::vector<Scalar>(dimension)),
      counts_(neighbors.size()),
      last_sums_(sums_),
      last_counts_(neighbors.size()),
      total_(dimension) {}

template <class Scalar>
void Relay<Scalar>::begin(std::span<const Scalar> own) {
  SHOAL_CHECK(own.size() == dimension_, "a value of another length than the relay's");
  std::swap(sums_, last_sums_);
  std::swap(counts_, last_counts_);
  std::copy(own.begin(), own.end(), total_.begin());
  total_count_ = 1;
  for (std::size_t k = 0; k < last_sums_.size(); ++k) {
    for (std::size_t i = 0; i < dimension_; ++i) total_[i] += last_sums_[k][i];
    total_count_ += last_counts_[k];
    forget(k);
  }
}

template <class Scalar>
void Relay<Scalar>::outgoing(std::size_t k, std::span<Scalar> sum, std::uint64_t& count) const {
  for (std::size_t i = 0; i < dimension_; ++i) sum[i] = total_[i] - last_sums_[k][i];
  count = total_count_ - last_counts_[k];
}

template <class Scalar>
void Relay<Scalar>::accept(std::size_t k, std::span<const Scalar> sum, std::uint64_t count) {
  std::copy(sum.begin(), sum.end(), sums_[k].begin());
  counts_[k] = count;
}

template <class Scalar>
void Relay<Scalar>::forget(std::size_t k) {
  std::fill(sums_[k].begin(), sums_[k].end(), Scalar{0});
  counts_[k] = 0;
}

template <class Scalar>
std::uint64_t Relay<Scalar>::arrived() const {
  std::uint64_t arrived = 0;
  for (const std::uint64_t count : counts_) arrived += count;
  return arrived;
}

template <class Scalar>
void Relay<Scalar>::average(RelayFallback fallback, std::span<const Scalar> own,
                            std::span<const Scalar> reference, std::span<Scalar> out) const {
  const std::uint64_t s = arrived();
  const auto n = static_cast<Scalar>(workers_);
  // Shares of the own value and of the reference, and what all shares are divided by.
  auto own_share = n - static_cast<Scalar>(s);
  Scalar reference_share{0};
  Scalar divisor = n;
  if (fallback == RelayFallback::kRefInitial || fallback == RelayFallback::kRefLast) {
    reference_share = own_share - Scalar{1};
    own_share = Scalar{1};
  } else if (fallback == RelayFallback::kCounts) {
    own_share = Scalar{1};
    divisor = static_cast<Scalar>(1 + s);
  }
  for (std::size_t i = 0; i < dimension_; ++i) {
    Scalar value = own_share * own[i];
    if (reference_share != Scalar{0}) value += reference_share * reference[i];
    for (const auto& sum : sums_) value += sum[i];
    out[i] = value / divisor;
  }
}

template <class Scalar>
void Relay<Scalar>::average_updates(std::span<const Scalar> own, std::span<Scalar> out) const {
  const auto n = static_cast<Scalar>(workers_);
  for (std::size_t i = 0; i < dimension_; ++i) {
    Scalar value = own[i];
    for (const auto& sum : sums_) value += sum[i];
    out[i] = value / n;
  }
}

template <class Scalar>
void Relay<Scalar>::save(ByteWriter& out) const {
  for (const auto& sum : sums_) out.numbers<Scalar>(sum);
  out.numbers<std::uint64_t>(counts_);
}

template <class Scalar>
Status Relay<Scalar>::load(ByteReader& in) {
  for (auto& sum : sums_) SHOAL_TRY_STATUS(in.numbers_into<Scalar>(sum));
  return in.numbers_into<std::uint64_t>(counts_);
}

template class Relay<float>;
template class Relay<double>;

}  // namespace shoal

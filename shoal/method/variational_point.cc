#include "shoal/method/variational_point.h"

#include <algorithm>

#include "shoal/codec/row.h"

namespace shoal {

template <class Scalar>
VariationalPoint<Scalar>::VariationalPoint(std::shared_ptr<const VariationalJob<Scalar>> job)
    : job_(std::move(job)),
      gamma_(static_cast<Scalar>(job_->settings.gamma)),
      tau_(static_cast<Scalar>(job_->settings.tau)),
      point_(job_->problem->initial),
      anchor_(point_),
      anchor_operator_(point_.size()),
      half_(point_),
      middle_(point_.size()) {}

template <class Scalar>
void VariationalPoint<Scalar>::set_anchor_operator(std::span<const float> f) {
  std::copy(f.begin(), f.end(), anchor_operator_.begin());
}

template <class Scalar>
void VariationalPoint<Scalar>::to_middle() {
  for (std::size_t i = 0; i < middle_.size(); ++i)
    middle_[i] = tau_ * point_[i] + (Scalar{1} - tau_) * anchor_[i] - gamma_ * anchor_operator_[i];
}

template <class Scalar>
std::span<const Scalar> VariationalPoint<Scalar>::asked_at(std::size_t exchange) {
  if (job_->has_anchor()) {
    to_middle();
    half_ = middle_;
    project<Scalar>(job_->settings.constraint, job_->layout(), half_);
    return half_;
  }
  return exchange == 0 ? point() : std::span<const Scalar>(half_);
}

template <class Scalar>
void VariationalPoint<Scalar>::absorb(std::size_t exchange, std::span<const Scalar> answer) {
  const std::size_t d = point_.size();
  switch (job_->kind) {
    case VariationalKind::kMasha1:
    case VariationalKind::kExtragradient:
      to_middle();
      for (std::size_t i = 0; i < d; ++i) point_[i] = middle_[i] - gamma_ * answer[i];
      return project<Scalar>(job_->settings.constraint, job_->layout(), point_);
    case VariationalKind::kMasha2:
      to_middle();
      for (std::size_t i = 0; i < d; ++i) point_[i] = middle_[i] - answer[i];
      return;
    case VariationalKind::kCompressedExtragradient:
      if (exchange == 0)
        for (std::size_t i = 0; i < d; ++i) half_[i] = point_[i] - gamma_ * answer[i];
      else
        for (std::size_t i = 0; i < d; ++i) point_[i] -= gamma_ * answer[i];
      return;
    case VariationalKind::kQsgda:
      for (std::size_t i = 0; i < d; ++i) point_[i] -= gamma_ * answer[i];
      return;
    case VariationalKind::kEfGda:
      for (std::size_t i = 0; i < d; ++i) point_[i] -= answer[i];
      return;
  }
}

template <class Scalar>
void VariationalPoint<Scalar>::save(ByteWriter& out) const {
  for (const auto* row : {&point_, &anchor_, &anchor_operator_}) out.numbers<Scalar>(*row);
}

template <class Scalar>
Status VariationalPoint<Scalar>::load(ByteReader& in) {
  for (auto* row : {&point_, &anchor_, &anchor_operator_}) {
    SHOAL_TRY_STATUS(in.numbers_into<Scalar>(*row));
  }
  return ok_status();
}

template <class Scalar>
Status send_through(const Codec& codec, const Layout& layout, const Draws& draws,
                    std::span<const Scalar> row, std::vector<float>& scratch, ByteWriter& out,
                    std::span<Scalar> decoded) {
  ByteWriter bytes;
  SHOAL_TRY_STATUS(encode_row<Scalar>(codec, row, layout, draws, scratch, bytes));
  const Status back =
      decode_row<Scalar>(codec, bytes.bytes(), layout, draws.shared, scratch, decoded);
  SHOAL_CHECK(back.ok(), "a codec reads what it wrote");
  out.raw(bytes.bytes());
  return ok_status();
}

template class VariationalPoint<float>;
template class VariationalPoint<double>;
template Status send_through<float>(const Codec&, const Layout&, const Draws&,
                                    std::span<const float>, std::vector<float>&, ByteWriter&,
                                    std::span<float>);
template Status send_through<double>(const Codec&, const Layout&, const Draws&,
                                     std::span<const double>, std::vector<float>&, ByteWriter&,
                                     std::span<double>);

}  // namespace shoal

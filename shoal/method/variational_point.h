// What everybody holds in a run of variational.h: the point, the anchor and the operator there, and
// how an answer of the server moves them.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "shoal/method/variational.h"

namespace shoal {

template <class Scalar>
class VariationalPoint : public Persistent {
 public:
  explicit VariationalPoint(std::shared_ptr<const VariationalJob<Scalar>> job);

  std::span<const Scalar> point() const { return point_; }
  std::span<const Scalar> anchor() const { return anchor_; }
  // Where F_m is asked for in this exchange: zh, or z of the methods without an anchor.
  std::span<const Scalar> asked_at(std::size_t exchange);
  // w <- z.
  void move_anchor() { anchor_ = point_; }
  void set_anchor_operator(std::span<const float> f);
  // The server's answer to an exchange, decoded.
  void absorb(std::size_t exchange, std::span<const Scalar> answer);

  void save(ByteWriter& out) const override;
  Status load(ByteReader& in) override;

 private:
  // middle_ = tau z + (1 - tau) w - gamma F(w), before it is projected.
  void to_middle();

  std::shared_ptr<const VariationalJob<Scalar>> job_;
  Scalar gamma_;
  Scalar tau_;
  std::vector<Scalar> point_;
  std::vector<Scalar> anchor_;
  std::vector<Scalar> anchor_operator_;
  std::vector<Scalar> half_;  // zh
  std::vector<Scalar> middle_;
};

extern template class VariationalPoint<float>;
extern template class VariationalPoint<double>;

// A row through a codec and back, as both sides see it: appends the bytes to `out` and writes what
// they decode to. Error: the codec's, when the row holds something that is not finite.
template <class Scalar>
Status send_through(const Codec& codec, const Layout& layout, const Draws& draws,
                    std::span<const Scalar> row, std::vector<float>& scratch, ByteWriter& out,
                    std::span<Scalar> decoded);

}  // namespace shoal

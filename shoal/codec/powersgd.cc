#include "shoal/codec/powersgd.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <string>

#include "shoal/codec/collective.h"
#include "shoal/codec/low_rank.h"
#include "shoal/codec/value_type.h"
#include "shoal/math/vector.h"

namespace shoal {
namespace {

// Where the factors of each part lie in the buffers of all parts.
struct Factors {
  Factors() = default;
  Factors(const Layout& layout, const PowerSgdSettings& settings) { find(layout, settings); }
  void find(const Layout& layout, const PowerSgdSettings& settings) {
    find_matrix_parts(layout, static_cast<std::size_t>(settings.rank), settings.min_compression,
                      parts);
    p_begin.clear();
    q_begin.clear();
    p_size = q_size = 0;
    for (const MatrixPart& part : parts) {
      p_begin.push_back(p_size);
      q_begin.push_back(q_size);
      p_size += part.rank > 0 ? part.rows * part.rank : part.size();
      q_size += part.columns * part.rank;
    }
  }
  // Calls each(part, p, q) for the parts that have a rank; p and q are its own.
  template <class Each>
  void for_each_matrix(std::span<float> p, std::span<float> q, Each each) const {
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const MatrixPart& part = parts[k];
      if (part.rank > 0)
        each(part, p.subspan(p_begin[k], part.rows * part.rank),
             q.subspan(q_begin[k], part.columns * part.rank));
    }
  }
  // Calls each(part, values) for those that are sent as they are.
  template <class Each>
  void for_each_dense(std::span<float> p, Each each) const {
    for (std::size_t k = 0; k < parts.size(); ++k)
      if (parts[k].rank == 0) each(parts[k], p.subspan(p_begin[k], parts[k].size()));
  }

  std::vector<MatrixPart> parts;
  std::vector<std::size_t> p_begin, q_begin;
  std::size_t p_size = 0;  // with the dense parts
  std::size_t q_size = 0;
};

void fill_normal(RandomStream stream, std::span<float> q) {
  for (float& value : q) value = static_cast<float>(stream.normal());
}

// P of every matrix, and the dense parts.
void left_factors(const Factors& factors, std::span<const float> row, std::span<float> p,
                  std::span<float> q) {
  factors.for_each_matrix(p, q, [&](const MatrixPart& part, auto p_part, auto q_part) {
    left_factor(part, row.subspan(part.offset, part.size()), q_part, p_part);
  });
  factors.for_each_dense(p, [&](const MatrixPart& part, auto values) {
    std::copy_n(row.data() + part.offset, part.size(), values.data());
  });
}
void right_factors(const Factors& factors, const PowerSgdSettings& settings,
                   std::span<const float> row, std::span<float> p, std::span<float> q) {
  factors.for_each_matrix(p, q, [&](const MatrixPart& part, auto p_part, auto q_part) {
    orthonormalise(part, settings.epsilon, p_part);
    right_factor(part, row.subspan(part.offset, part.size()), p_part, q_part);
  });
}
void products(const Factors& factors, std::span<float> p, std::span<float> q,
              std::span<float> row) {
  factors.for_each_matrix(p, q, [&](const MatrixPart& part, auto p_part, auto q_part) {
    product_of_factors(part, p_part, q_part, row.subspan(part.offset, part.size()));
  });
}

class PowerSgdEncoding : public CollectiveEncoding {
 public:
  PowerSgdEncoding(const PowerSgdSettings& settings, const Layout& layout)
      : settings_(settings), layout_(layout), factors_(layout, settings) {}

  void begin(std::span<const float> row, const RandomStream& shared) override {
    row_ = row;
    dense_ = rows_ < static_cast<std::uint64_t>(settings_.start_step);
    if (dense_) {
      p_.assign(row.begin(), row.end());
      return;
    }
    if (q_.empty() || !settings_.warm_start) draw(shared);
    p_.resize(factors_.p_size);
    left_factors(factors_, row, p_, q_);
  }
  std::size_t rounds() const override { return dense_ || factors_.q_size == 0 ? 1 : 2; }
  std::span<float> values(std::size_t round) override { return round == 0 ? p_ : q_; }

  Status summed(std::size_t round, std::size_t workers) override {
    if (!all_finite(values(round)))
      return invalid_argument("the sum of all workers' rows is not finite");
    const float share = 1.0f / static_cast<float>(workers);
    if (dense_) {
      scale(share, p_);
    } else if (round == 0) {
      right_factors(factors_, settings_, row_, p_, q_);
      if (settings_.error_form == PowerSgdError::kLocal) own_q_ = q_;
      factors_.for_each_dense(p_, [&](const MatrixPart&, auto values) { scale(share, values); });
    } else {
      scale(share, q_);
    }
    return ok_status();
  }

  void finish(std::span<float> mean, std::span<float> own) override {
    ++rows_;
    if (dense_) {
      std::copy(row_.begin(), row_.end(), own.begin());
      std::copy(p_.begin(), p_.end(), mean.begin());
      return;
    }
    const bool local = settings_.error_form == PowerSgdError::kLocal;
    if (local) products(factors_, p_, own_q_, own);
    factors_.for_each_dense(p_, [&](const MatrixPart& part, auto values) {
      std::copy_n(row_.data() + part.offset, part.size(), own.data() + part.offset);
      std::copy(values.begin(), values.end(), mean.begin() + static_cast<long>(part.offset));
    });
    products(factors_, p_, q_, mean);
    if (local) return;
    factors_.for_each_matrix(p_, q_, [&](const MatrixPart& part, auto, auto) {
      std::copy_n(mean.data() + part.offset, part.size(), own.data() + part.offset);
    });
  }

  // Columns of Q of tensors of the same name that both have; others are drawn.
  void take_over(const CollectiveEncoding& other) override {
    const auto* before = dynamic_cast<const PowerSgdEncoding*>(&other);
    if (!before) return;
    rows_ = std::max(rows_, before->rows_);
    if (before->q_.empty()) return;
    for (const auto& [name, columns] : before->columns_by_name()) known_[name] = columns;
  }

  void save(ByteWriter& out) const override {
    out.number<std::uint64_t>(rows_);
    out.numbers<float>(q_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY(rows_, in.number<std::uint64_t>());
    SHOAL_TRY(q_, in.numbers<float>());
    if (!q_.empty() && q_.size() != factors_.q_size)
      return corrupt(fmt::format("{} stored values of factors of {}", q_.size(), factors_.q_size));
    return all_finite(q_) ? ok_status() : corrupt("a stored factor is NaN or infinite");
  }

 private:
  void draw(const RandomStream& shared) {
    q_.resize(factors_.q_size);
    fill_normal(shared, q_);
    std::size_t k = 0;
    for (const TensorInfo& tensor : layout_.tensors()) {
      if (tensor.size == 0) continue;
      const MatrixPart& part = factors_.parts[k];
      const std::size_t begin = factors_.q_begin[k++];
      const auto known = known_.find(tensor.name);
      if (known == known_.end() || part.rank == 0) continue;
      const std::size_t common = std::min(known->second.size(), part.rank * part.columns);
      std::copy_n(known->second.data(), common, q_.data() + begin);
    }
    known_.clear();
  }
  std::map<std::string, std::vector<float>> columns_by_name() const {
    std::map<std::string, std::vector<float>> columns;
    std::size_t k = 0;
    for (const TensorInfo& tensor : layout_.tensors()) {
      if (tensor.size == 0) continue;
      const MatrixPart& part = factors_.parts[k];
      const auto begin = q_.begin() + static_cast<long>(factors_.q_begin[k++]);
      if (part.rank > 0)
        columns[tensor.name].assign(begin, begin + static_cast<long>(part.rank * part.columns));
    }
    return columns;
  }

  const PowerSgdSettings settings_;
  const Layout& layout_;
  const Factors factors_;
  std::uint64_t rows_ = 0;
  std::vector<float> q_;                             // transposed; empty until the first row
  std::map<std::string, std::vector<float>> known_;  // columns taken over, until they are used
  bool dense_ = false;
  std::span<const float> row_;
  std::vector<float> p_;
  std::vector<float> own_q_;
};

// One encoding or decoding at a time, and the next one finds the memory of the last.
struct Scratch {
  Factors factors;
  std::vector<float> p, q;
};
Scratch& scratch_for(const Layout& layout, const PowerSgdSettings& settings) {
  thread_local Scratch scratch;
  scratch.factors.find(layout, settings);
  scratch.p.resize(scratch.factors.p_size);
  scratch.q.resize(scratch.factors.q_size);
  return scratch;
}

class PowerSgd : public Codec, public CollectiveCodec {
 public:
  explicit PowerSgd(const PowerSgdSettings& settings) : settings_(settings) {}

  CodecProperties properties(const Layout& layout) const override {
    CodecProperties properties;
    double least = 1.0;
    for (const MatrixPart& part : Factors(layout, settings_).parts)
      if (part.rank > 0)
        least = std::min(least, static_cast<double>(part.rank) /
                                    static_cast<double>(std::min(part.rows, part.columns)));
    properties.contraction = least;
    return properties;
  }

  Status encode(std::span<const float> row, const Layout& layout, const Draws& draws,
                ByteWriter& out) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    auto& [factors, p, q] = scratch_for(layout, settings_);
    fill_normal(draws.shared, q);
    left_factors(factors, row, p, q);
    right_factors(factors, settings_, row, p, q);
    // Infinities and NaN of a row are in its factors, so the row needs no look of its own.
    if (!all_finite(p) || !all_finite(q)) {
      if (const std::size_t place = first_not_finite(row); place < row.size())
        return not_finite(layout, place, row[place]);
      return invalid_argument("the row is too large: its factors are beyond the largest float");
    }
    out.raw(std::as_bytes(std::span<const float>(p)));
    out.raw(std::as_bytes(std::span<const float>(q)));
    return ok_status();
  }

  Status decode(ByteView bytes, const Layout& layout, const RandomStream&,
                std::span<float> row) const override {
    SHOAL_CHECK(row.size() == layout.size(), "the row has the layout's size");
    auto& [factors, p, q] = scratch_for(layout, settings_);
    const std::size_t expected = (factors.p_size + factors.q_size) * sizeof(float);
    if (bytes.size() != expected)
      return corrupt(fmt::format("factors of {} values take {} bytes and {} arrived",
                                 factors.p_size + factors.q_size, expected, bytes.size()));
    SHOAL_TRY_STATUS(decode_values(bytes.first(p.size() * sizeof(float)), ValueType::kF32, p));
    SHOAL_TRY_STATUS(decode_values(bytes.subspan(p.size() * sizeof(float)), ValueType::kF32, q));
    factors.for_each_dense(p, [&](const MatrixPart& part, auto values) {
      std::copy(values.begin(), values.end(), row.begin() + static_cast<long>(part.offset));
    });
    products(factors, p, q, row);
    if (!all_finite(row)) return corrupt("a product of factors is not finite");
    return ok_status();
  }

  std::unique_ptr<CollectiveEncoding> collective(const Layout& layout) const override {
    return std::make_unique<PowerSgdEncoding>(settings_, layout);
  }

 private:
  PowerSgdSettings settings_;
};

Result<std::unique_ptr<Codec>> make_powersgd(const PowerSgdSettings& settings) {
  return {std::make_unique<PowerSgd>(settings)};
}

}  // namespace

void describe(Settings& s, PowerSgdSettings& v) {
  s.integer("rank", v.rank, "columns of the factors", {.range = at_least(1).up_to(65536)});
  s.flag("warm_start", v.warm_start, "begin where the last row's factors ended");
  s.choice("error_form", v.error_form, "what counts as sent of a worker's row",
           {{"aggregate", PowerSgdError::kAggregate}, {"local", PowerSgdError::kLocal}});
  s.real("epsilon", v.epsilon, "added to norms of columns, in units of the longest",
         {.range = above(0).up_to(1)});
  s.real("min_compression", v.min_compression, "matrices are sent as they are below this factor",
         {.range = at_least(1)});
  s.integer("start_step", v.start_step, "so many rows are sent as they are first",
            {.range = at_least(0).up_to(1e9)});
}

CatalogueEntry<Codec> powersgd_entry() {
  return catalogue_entry<Codec, PowerSgdSettings>(
      "powersgd", "matrices as products of low rank, found by all workers together", "1905.13727",
      &make_powersgd);
}

}  // namespace shoal

#include "shoal/method/correction.h"

namespace shoal {

void describe(Settings& s, CorrectionSettings& v) {
  s.choice("correction", v.kind, "what is added to a client's gradient",
           {{"none", CorrectionKind::kNone},
            {"proximal", CorrectionKind::kProximal},
            {"scaffold", CorrectionKind::kScaffold},
            {"mimelite", CorrectionKind::kMimeLite}});
  s.real("mu", v.mu, "strength of the proximal term",
         {.range = at_least(0), .paper = "1812.06127"});
  s.real("beta", v.beta, "server momentum of MimeLite",
         {.range = at_least(0).below(1), .paper = "2008.03606"});
}

namespace {

class Proximal : public Correction {
 public:
  explicit Proximal(double mu) : mu_(static_cast<float>(mu)) {}
  void begin(std::span<const float> x, std::span<const float>) override { x_ = x; }
  void correct(std::span<const float> y, std::span<float> gradient) override {
    for (std::size_t i = 0; i < y.size(); ++i) gradient[i] += mu_ * (y[i] - x_[i]);
  }

 private:
  float mu_;
  std::span<const float> x_;
};

class Scaffold : public Correction {
 public:
  void begin(std::span<const float> x, std::span<const float> server_state) override {
    x_ = x;
    c_ = server_state;
    if (own_.empty()) own_.assign(x.size(), 0.0f);
  }
  void correct(std::span<const float>, std::span<float> gradient) override {
    for (std::size_t i = 0; i < gradient.size(); ++i) gradient[i] += c_[i] - own_[i];
  }
  std::vector<float> finish(std::span<const float> y, std::size_t steps, double learning_rate,
                            const FullGradient&) override {
    std::vector<float> change(y.size());
    const auto factor = static_cast<float>(1.0 / (static_cast<double>(steps) * learning_rate));
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float updated = own_[i] - c_[i] + (x_[i] - y[i]) * factor;
      change[i] = updated - own_[i];
      own_[i] = updated;
    }
    return change;
  }
  void save(ByteWriter& out) const override { out.numbers<float>(own_); }
  Status load(ByteReader& in) override {
    SHOAL_TRY(own_, in.numbers<float>());
    return ok_status();
  }

 private:
  std::span<const float> x_;
  std::span<const float> c_;
  std::vector<float> own_;  // c_i; empty until the client first takes part
};

class MimeLite : public Correction {
 public:
  explicit MimeLite(double beta) : beta_(static_cast<float>(beta)) {}
  void begin(std::span<const float> x, std::span<const float> server_state) override {
    x_ = x;
    momentum_ = server_state;
  }
  void correct(std::span<const float>, std::span<float> gradient) override {
    for (std::size_t i = 0; i < gradient.size(); ++i)
      gradient[i] = (1.0f - beta_) * gradient[i] + beta_ * momentum_[i];
  }
  std::vector<float> finish(std::span<const float>, std::size_t, double,
                            const FullGradient& full_gradient) override {
    std::vector<float> gradient(x_.size());
    full_gradient(x_, gradient);
    return gradient;
  }

 private:
  float beta_;
  std::span<const float> x_;
  std::span<const float> momentum_;
};

}  // namespace

std::unique_ptr<Correction> make_correction(const CorrectionSettings& settings) {
  switch (settings.kind) {
    case CorrectionKind::kNone:
      break;
    case CorrectionKind::kProximal:
      return std::make_unique<Proximal>(settings.mu);
    case CorrectionKind::kScaffold:
      return std::make_unique<Scaffold>();
    case CorrectionKind::kMimeLite:
      return std::make_unique<MimeLite>(settings.beta);
  }
  return std::make_unique<Correction>();
}

CorrectionState::CorrectionState(const CorrectionSettings& settings, std::size_t dimension,
                                 std::size_t clients)
    : settings_(settings), clients_(clients) {
  if (settings.kind == CorrectionKind::kScaffold || settings.kind == CorrectionKind::kMimeLite)
    state_.assign(dimension, 0.0f);
}

void CorrectionState::absorb(std::span<const std::vector<float>> extras) {
  if (state_.empty() || extras.empty()) return;
  const bool scaffold = settings_.kind == CorrectionKind::kScaffold;
  const double keep = scaffold ? 1.0 : settings_.beta;
  const double add = scaffold ? 1.0 / static_cast<double>(clients_)
                              : (1.0 - settings_.beta) / static_cast<double>(extras.size());
  for (std::size_t i = 0; i < state_.size(); ++i) {
    double sum = 0.0;
    for (const auto& extra : extras) sum += extra[i];
    state_[i] = static_cast<float>(keep * state_[i] + add * sum);
  }
}

}  // namespace shoal

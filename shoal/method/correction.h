// Corrections of the local step of a federated client, and what they exchange beyond the model.
//
//   none      g
//   proximal  g + mu (y - x)                       FedProx, 1812.06127
//   scaffold  g - c_i + c                          SCAFFOLD, 1910.06378, option II:
//             c_i+ = c_i - c + (x - y_K)/(K lr); the client sends c_i+ - c_i, keeps c_i+;
//             the server c <- c + (1/N) sum over the cohort
//   mimelite  (1 - beta) g + beta m                MimeLite, 2008.03606: m is the server's, frozen
//             during the local steps; the client sends its full gradient at x;
//             the server m <- (1 - beta) mean + beta m
//
// Wire: scaffold and mimelite add 4d down and 4d up. State: scaffold keeps d floats a client.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "shoal/base/settings.h"
#include "shoal/node/world.h"

namespace shoal {

enum class CorrectionKind { kNone, kProximal, kScaffold, kMimeLite };

struct CorrectionSettings {
  CorrectionKind kind = CorrectionKind::kNone;
  double mu = 0.01;
  double beta = 0.9;
};
void describe(Settings& s, CorrectionSettings& v);

// The client's half.
class Correction : public Persistent {
 public:
  // Writes the full local gradient at the given parameters.
  using FullGradient = std::function<void(std::span<const float>, std::span<float>)>;

  // Before the first local step, with the model x and the server's state as received.
  virtual void begin(std::span<const float> /*x*/, std::span<const float> /*server_state*/) {}
  // Turns the gradient at y into the direction of the step.
  virtual void correct(std::span<const float> /*y*/, std::span<float> /*gradient*/) {}
  // After `steps` steps that ended at y: what to send beyond y - x; empty for nothing.
  virtual std::vector<float> finish(std::span<const float> /*y*/, std::size_t /*steps*/,
                                    double /*learning_rate*/, const FullGradient&) {
    return {};
  }
  // Releases what is not kept between rounds.
  virtual void end() {}
  void save(ByteWriter&) const override {}
  Status load(ByteReader&) override { return ok_status(); }
};
std::unique_ptr<Correction> make_correction(const CorrectionSettings& settings);

// The server's half: a vector that goes out with the model; empty when there is none.
class CorrectionState : public Persistent {
 public:
  CorrectionState(const CorrectionSettings& settings, std::size_t dimension, std::size_t clients);
  std::span<const float> broadcast() const { return state_; }
  // `extras` are what the clients of one round sent.
  void absorb(std::span<const std::vector<float>> extras);
  void save(ByteWriter& out) const override { out.numbers<float>(state_); }
  Status load(ByteReader& in) override { return in.numbers_into<float>(state_); }

 private:
  CorrectionSettings settings_;
  std::size_t clients_;
  std::vector<float> state_;
};

}  // namespace shoal

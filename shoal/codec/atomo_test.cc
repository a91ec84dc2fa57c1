#include "shoal/codec/atomo.h"

#include <cmath>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/codec/codec_test_tools.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

constexpr AtomKind kKinds[] = {AtomKind::kElement, AtomKind::kSpectral, AtomKind::kFourier};

std::unique_ptr<Codec> made(const AtomoSettings& settings) {
  return shoal::made("atomo", settings);
}

Layout matrix_layout(std::uint32_t rows, std::uint32_t columns) {
  Layout layout;
  layout.add("x", {rows, columns});
  return layout;
}

std::vector<double> weights_of(AtomKind kind, const Layout& layout, const std::vector<float>& row) {
  std::vector<double> weights;
  atoms_of_thread(kind).decompose(layout.tensors()[0], row, weights);
  return weights;
}

double squared_norm_of(const std::vector<float>& row) {
  return squared_loss(row, std::vector<float>(row.size()));
}

struct Outcomes {
  std::vector<double> mean;
  double energy = 0.0;  // E||ghat||^2
};

// All subsets of the atoms, written and read, each with its probability.
Outcomes all_outcomes(AtomKind kind, const Layout& layout, const std::vector<float>& row,
                      double budget) {
  const TensorInfo& tensor = layout.tensors()[0];
  Atoms& atoms = atoms_of_thread(kind);
  std::vector<double> weights;
  AtomProbabilities found;
  atoms.decompose(tensor, row, weights);
  atom_probabilities(weights, budget, found);
  Outcomes all{std::vector<double>(row.size(), 0.0)};
  for (unsigned outcome = 0; outcome < 1u << weights.size(); ++outcome) {
    double chance = 1.0;
    std::vector<std::uint32_t> kept;
    for (std::uint32_t i = 0; i < weights.size(); ++i) {
      chance *= outcome >> i & 1 ? found.p[i] : 1.0 - found.p[i];
      if (outcome >> i & 1) kept.push_back(i);
    }
    if (chance == 0.0) continue;
    ByteWriter out;
    EXPECT_TRUE(atoms.write(kept, found, out));
    ByteView bytes = out.bytes();
    std::vector<float> decoded(row.size(), 7.0f);
    EXPECT_TRUE(atoms.read(bytes, tensor, decoded).ok());
    EXPECT_TRUE(bytes.empty());
    for (std::size_t i = 0; i < row.size(); ++i) all.mean[i] += chance * decoded[i];
    all.energy += chance * squared_norm_of(decoded);
  }
  return all;
}

// The mean over all outcomes is the row, up to the rounding of the floats that are sent.
TEST(Atomo, EveryOutcomeTogetherIsUnbiased) {
  RandomStream stream(1, purpose("outcomes"));
  for (const AtomKind kind : kKinds)
    for (const auto& [rows, columns] : {std::pair{1u, 6u}, {2u, 3u}, {3u, 2u}, {1u, 5u}})
      for (const double budget : {0.5, 1.0, 2.5}) {
        const Layout layout = matrix_layout(rows, columns);
        std::vector<float> row(layout.size());
        for (float& value : row) value = static_cast<float>(stream.normal());
        const Outcomes all = all_outcomes(kind, layout, row, budget);
        for (std::size_t i = 0; i < row.size(); ++i) EXPECT_NEAR(all.mean[i], row[i], 3e-6);
        // Atoms are orthonormal: the energy is the solver's.
        const std::vector<double> weights = weights_of(kind, layout, row);
        AtomProbabilities found;
        atom_probabilities(weights, budget, found);
        double energy = 0.0;
        for (std::size_t i = 0; i < weights.size(); ++i)
          if (found.p[i] > 0.0) energy += weights[i] * weights[i] / found.p[i];
        EXPECT_NEAR(all.energy / energy, 1.0, 1e-5);
      }
}

TEST(Atomo, MatrixOfOnes) {
  const Layout layout = matrix_layout(4, 4);
  const std::vector<float> ones(16, 1.0f);
  const std::vector<double> sigma = weights_of(AtomKind::kSpectral, layout, ones);
  EXPECT_NEAR(sigma[0], 4.0, 1e-14);
  EXPECT_EQ(sigma[1], 0.0);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto decoded = sent(*made({.budget = 1}), layout, ones, seed);
    for (const float value : decoded) EXPECT_NEAR(value, 1.0f, 5e-7f);
  }
  // count, u and v: 33 bytes.
  EXPECT_EQ(message(*made({.budget = 1}), layout, ones).size(), 33u);
  // Elements with s = 8: each is 2 or 0, whose energy is 32, 16 above that of the row.
  AtomProbabilities found;
  atom_probabilities(weights_of(AtomKind::kElement, layout, ones), 8, found);
  EXPECT_EQ(found.p, std::vector<double>(16, 0.5));
  EXPECT_EQ(found.shared_magnitude, 2.0);
  // Spectral is the better one: ||A||_* sqrt(m + c) <= ||A||_1.
  EXPECT_NEAR(sigma[0] * std::sqrt(8.0), 11.31, 0.005);
}

TEST(Atomo, DiagonalMatrix) {
  const Layout layout = matrix_layout(2, 2);
  const std::vector<float> diagonal{2, 0, 0, 1};
  EXPECT_NEAR(all_outcomes(AtomKind::kSpectral, layout, diagonal, 1).energy, 9.0, 1e-5);
}

TEST(Atomo, FrequenciesOfTheCard) {
  const std::vector<double> weights = weights_of(AtomKind::kFourier, layout_of(4), {1, 2, 3, 4});
  ASSERT_EQ(weights.size(), 3u);
  EXPECT_NEAR(weights[0], 5.0, 1e-14);
  EXPECT_NEAR(weights[1], 2.0, 1e-14);  // sqrt(2) |-1 + i|
  EXPECT_NEAR(weights[2], 1.0, 1e-14);
}

// Probabilities (.6, .8, 0, 0): a kept element is 5, and its message is what the format says.
TEST(Atomo, ElementsOfOneMagnitude) {
  const std::vector<float> row{3, -4, 0, 0};
  const auto codec = made({.atoms = AtomKind::kElement, .budget = 1.4});
  bool both = false;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const auto decoded = sent(*codec, layout_of(4), row, seed);
    EXPECT_TRUE(decoded[0] == 0.0f || decoded[0] == 5.0f);
    EXPECT_TRUE(decoded[1] == 0.0f || decoded[1] == -5.0f);
    if (decoded[0] == 0.0f || decoded[1] == 0.0f) continue;
    both = true;
    ByteWriter expected;
    expected.raw(bytes_of({5, 1, 4}));  // 2 k + 1; packed indices 0 and 1 of 2 bits each
    expected.number(5.0f);
    expected.raw(bytes_of({2}));
    EXPECT_EQ(message(*codec, layout_of(4), row, seed), expected.bytes());
  }
  EXPECT_TRUE(both);
}

TEST(Atomo, WhatGoesAsItIs) {
  Layout layout = matrix_layout(6, 6);
  layout.add("bias", {6});
  layout.add("thin", {3, 2});
  std::vector<float> row(layout.size());
  RandomStream stream(4, purpose("atomo"));
  for (float& value : row) value = static_cast<float>(stream.normal());
  const auto decoded = sent(*made({.budget = 2}), layout, row);
  for (std::size_t i = 36; i < row.size(); ++i) EXPECT_EQ(decoded[i], row[i]);
  EXPECT_EQ(made({.budget = 3})->properties(layout).variance_factor, 0.0);
  EXPECT_EQ(sent(*made({.budget = 3}), layout, row), row);
  EXPECT_EQ(*made({.budget = 2})->properties(layout).variance_factor, 2.0);
}

// Of matrices, which the properties of the whole catalogue are not measured on.
TEST(Atomo, VarianceOfMatricesIsWithinTheFactor) {
  RandomStream stream(5, purpose("atomo"));
  Layout layout = matrix_layout(6, 8);
  layout.add("kernel", {2, 3, 3, 3});
  std::vector<float> row(layout.size());
  for (float& value : row) value = static_cast<float>(stream.normal());
  for (const AtomKind kind : kKinds) {
    const auto codec = made({.atoms = kind, .budget = 1.5});
    double loss = 0.0;
    std::vector<double> mean(row.size(), 0.0);
    const int draws = 4000;
    for (int draw = 0; draw < draws; ++draw) {
      const auto decoded = sent(*codec, layout, row, static_cast<std::uint64_t>(draw));
      loss += squared_loss(row, decoded) / draws;
      for (std::size_t i = 0; i < row.size(); ++i) mean[i] += decoded[i] / draws;
    }
    EXPECT_LE(loss, 1.05 * *codec->properties(layout).variance_factor * squared_norm_of(row));
    double off = 0.0;
    for (std::size_t i = 0; i < row.size(); ++i) off += std::pow(mean[i] - row[i], 2);
    EXPECT_NEAR(off / (loss / draws), 1.0, 0.6);
  }
}

TEST(Atomo, BiasedRulesKeepWhatTheySay) {
  const std::vector<float> row{1, 2, 3, 4, 5, 6, 7, 8};
  const auto count = [&](const AtomoSettings& settings, std::uint64_t seed) {
    const auto decoded = sent(*made(settings), layout_of(8), row, seed);
    return 8 - std::count(decoded.begin(), decoded.end(), 0.0f);
  };
  const AtomKind element = AtomKind::kElement;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    EXPECT_GE(count({.atoms = element, .budget = 0.3, .resample_empty = true}, seed), 1);
    EXPECT_EQ(count({.atoms = element, .budget = 3, .fixed_rank = true}, seed), 3);
  }
  EXPECT_FALSE(made({.budget = 1, .fixed_rank = true})->properties(layout_of(8)).variance_factor);
  EXPECT_FALSE(made({.resample_empty = true})->properties(layout_of(8)).variance_factor);
  // Fewer atoms than that, or none.
  std::vector<float> few(8, 0.0f);
  const auto fixed = made({.atoms = element, .budget = 3, .fixed_rank = true});
  EXPECT_EQ(sent(*fixed, layout_of(8), few), few);
  few[2] = 4;
  EXPECT_EQ(sent(*fixed, layout_of(8), few), few);
}

TEST(Atomo, TensorsOfZerosTakeAByte) {
  for (const AtomKind kind : kKinds)
    EXPECT_EQ(message(*made({.atoms = kind, .budget = 1}), matrix_layout(5, 5),
                      std::vector<float>(25, 0.0f)),
              bytes_of({0}));
}

TEST(Atomo, RefusesSettings) {
  EXPECT_THAT(refusal("atomo", AtomoSettings{.budget = 1.5, .fixed_rank = true}),
              HasSubstr("set a whole number"));
  EXPECT_THAT(refusal("atomo", AtomoSettings{.resample_empty = true, .fixed_rank = true}),
              HasSubstr("leave resample_empty out"));
  EXPECT_THAT(refusal("atomo", AtomoSettings{.budget = 0.0}), HasSubstr("budget"));
}

TEST(Atomo, ScaledBeyondTheLargestFloat) {
  const std::vector<float> huge(16, 3e38f);
  for (const AtomKind kind : {AtomKind::kElement, AtomKind::kFourier}) {
    ByteWriter out;
    Status status = ok_status();
    for (std::uint64_t seed = 0; seed < 20 && status.ok(); ++seed)
      status =
          made({.atoms = kind, .budget = 0.5})->encode(huge, layout_of(16), draws_of(seed), out);
    ASSERT_FALSE(status.ok());
    EXPECT_THAT(status.error().message, HasSubstr("raise budget"));
  }
}

// Counts of more than there is, padding, magnitudes and sums that are none.
TEST(Atomo, RefusesBytes) {
  std::vector<float> row(16);
  const auto refuses = [&](AtomKind kind, const Bytes& bytes, const char* what) {
    const Status status = made({.atoms = kind, .budget = 1})
                              ->decode(bytes, matrix_layout(4, 4), shared_draws(1, 0), row);
    ASSERT_FALSE(status.ok()) << what;
    EXPECT_THAT(status.error().message, HasSubstr(what));
  };
  const AtomKind element = AtomKind::kElement, spectral = AtomKind::kSpectral;
  refuses(element, bytes_of({1}), "announces elements");
  refuses(element, bytes_of({34}), "announces elements");
  refuses(element, bytes_of({0x80, 0}), "longer than it needs");
  refuses(element, bytes_of({255, 255, 255, 255, 255}), "count that is none");
  refuses(element, bytes_of({3, 1, 5, 0, 0, 128, 191, 0}), "negative magnitude");
  refuses(element, bytes_of({3, 1, 5, 0, 0, 192, 127, 0}), "NaN");
  refuses(element, bytes_of({3, 1, 5, 0, 0, 128, 63, 2}), "pads its signs");
  refuses(spectral, bytes_of({5}), "announces triplets");
  refuses(spectral, bytes_of({1, 0, 0}), "ends before its triplets");
  refuses(AtomKind::kFourier, bytes_of({10}), "announces frequencies");
  ByteWriter infinite;
  infinite.number<std::uint8_t>(1);
  for (int i = 0; i < 8; ++i) infinite.number(3e38f);
  refuses(spectral, infinite.bytes(), "beyond the largest float");
}

}  // namespace
}  // namespace shoal

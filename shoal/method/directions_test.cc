#include "shoal/method/directions.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

#include "shoal/math/simd_test.h"

namespace shoal {
namespace {

constexpr std::uint32_t kSamples = 3;

std::vector<float> whole(const Directions& directions, const DirectionKey& key, std::size_t size,
                         std::size_t piece_size = kPieceSize) {
  std::vector<float> z(size);
  for (std::size_t begin = 0; begin < size; begin += piece_size)
    directions.fill(key, begin, std::span(z).subspan(begin, std::min(piece_size, size - begin)));
  return z;
}

std::vector<DirectionTerm> some_terms(Step round) {
  RandomStream stream(7, purpose("weights"), 0, round);
  std::vector<DirectionTerm> terms;
  for (NodeId node = 1; node <= 4; ++node)
    for (std::uint32_t sample = 0; sample < kSamples; ++sample)
      terms.push_back({{round, node, sample}, stream.normal()});
  return terms;
}

template <class Scalar>
bool same(const std::vector<Scalar>& a, const std::vector<Scalar>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Scalar)) == 0;
}

TEST(Directions, PiecesOfAnySizeAreTheSame) {
  for (const DirectionLaw law : {DirectionLaw::kGaussian, DirectionLaw::kRademacher}) {
    const Directions directions(1, kSamples, law);
    const auto z = whole(directions, {5, 2, 1}, 5001);
    for (const std::size_t size : {128, 256, 1920}) {
      EXPECT_TRUE(same(z, whole(directions, {5, 2, 1}, 5001, size))) << size;
    }
    on_every_simd_target([&](const char* target) {
      EXPECT_TRUE(same(z, whole(directions, {5, 2, 1}, 5001))) << target;
    });
  }
}

TEST(Directions, EveryKeyHasItsOwn) {
  const Directions directions(1, kSamples, DirectionLaw::kGaussian);
  const auto z = whole(directions, {5, 2, 1}, 100);
  for (const DirectionKey& other :
       {DirectionKey{4, 2, 1}, DirectionKey{5, 1, 1}, DirectionKey{5, 2, 2}, DirectionKey{5, 2, 0}})
    EXPECT_FALSE(same(z, whole(directions, other, 100)));
  EXPECT_FALSE(same(z, whole(Directions(2, kSamples, DirectionLaw::kGaussian), {5, 2, 1}, 100)));
}

TEST(Directions, RademacherIsPlusOrMinusOneEvenly) {
  const auto z = whole(Directions(3, 1, DirectionLaw::kRademacher), {0, 1, 0}, 100000);
  double sum = 0.0;
  for (const float value : z) {
    ASSERT_EQ(std::abs(value), 1.0f);
    sum += value;
  }
  EXPECT_LT(std::abs(sum), 5.0 * std::sqrt(100000.0));
}

// The card's Monte Carlo: grad = (1, ..., 10), p = grad . z.
TEST(Directions, SlopesTimesDirectionsEstimateTheGradient) {
  constexpr int kDraws = 400000;
  constexpr std::size_t kDimension = 10;
  const Directions directions(11, 1, DirectionLaw::kGaussian);
  std::vector<double> mean(kDimension);
  double square = 0.0, gradient_square = 0.0;
  for (std::size_t i = 0; i < kDimension; ++i)
    gradient_square += static_cast<double>((i + 1) * (i + 1));
  std::vector<float> z(kDimension);
  for (Step draw = 0; draw < kDraws; ++draw) {
    directions.fill({draw, 1, 0}, 0, z);
    double p = 0.0, norm = 0.0;
    for (std::size_t i = 0; i < kDimension; ++i) p += static_cast<double>(i + 1) * z[i];
    for (std::size_t i = 0; i < kDimension; ++i) {
      mean[i] += p * z[i] / kDraws;
      norm += static_cast<double>(z[i]) * z[i];
    }
    square += p * p * norm / kDraws;
  }
  for (std::size_t i = 0; i < kDimension; ++i)
    EXPECT_NEAR(mean[i], static_cast<double>(i + 1), 0.15) << i;  // 5 standard errors: 0.155
  EXPECT_NEAR(square / gradient_square, 12.0, 0.2);
}

template <class Scalar>
void expect_reference() {
  const Directions directions(1, kSamples, DirectionLaw::kGaussian);
  RandomStream stream(1, purpose("start"));
  std::vector<Scalar> x(5001);
  for (Scalar& value : x) value = static_cast<Scalar>(stream.normal());
  const auto terms = some_terms(0);
  std::vector<double> expected(x.begin(), x.end());
  for (const DirectionTerm& term : terms) {
    const auto z = whole(directions, term.key, x.size());
    for (std::size_t i = 0; i < x.size(); ++i) expected[i] -= 0.1 * term.weight * z[i];
  }
  apply_terms<Scalar>(directions, terms, -0.1, x, nullptr);
  const double tolerance = std::is_same_v<Scalar, float> ? 5e-7 : 1e-14;
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(x[i], expected[i], tolerance);
}

TEST(ApplyTerms, IsTheSumOfWeightedDirections) {
  expect_reference<float>();
  expect_reference<double>();
}

// 100 rounds on machines that differ in threads and in the size of pieces.
TEST(ApplyTerms, ThreadsAndPiecesDoNotMatter) {
  const Directions directions(1, kSamples, DirectionLaw::kGaussian);
  const auto train = [&](ThreadPool* pool, std::size_t piece_size) {
    std::vector<float> x(5001, 0.5f);
    for (Step round = 0; round < 100; ++round)
      apply_terms<float>(directions, some_terms(round), -0.01, x, pool, piece_size);
    return x;
  };
  const auto alone = train(nullptr, kPieceSize);
  for (const std::size_t threads : {2, 4}) {
    ThreadPool pool(threads);
    EXPECT_TRUE(same(alone, train(&pool, 128 * threads)));
  }
}

// The card: 7850 weights of std .05, eps 1e-3.
TEST(Perturb, InPlaceDriftsByRoundingOnly) {
  const Directions directions(1, 1, DirectionLaw::kGaussian);
  RandomStream stream(1, purpose("weights"));
  std::vector<float> start(7850);
  double norm = 0.0;
  for (float& value : start) {
    value = static_cast<float>(0.05 * stream.normal());
    norm += static_cast<double>(value) * value;
  }
  std::vector<float> x = start;
  const auto drift = [&] {
    double square = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double gap = static_cast<double>(x[i]) - start[i];
      square += gap * gap;
    }
    return std::sqrt(square / norm);
  };
  for (Step sample = 0; sample < 5000; ++sample) {
    for (const double factor : {1e-3, -2e-3, 1e-3})
      perturb<float>(directions, {sample, 1, 0}, factor, x, x);
    if (sample + 1 == 100) {
      EXPECT_GT(drift(), 2e-7);
      EXPECT_LT(drift(), 1.2e-6);  // the card: about 6e-7
    }
  }
  EXPECT_GT(drift(), 1e-6);
  EXPECT_LT(drift(), 1e-5);  // the card: about 4e-6
}

TEST(Perturb, WithACopyLeavesTheOriginal) {
  const Directions directions(1, 1, DirectionLaw::kGaussian);
  const std::vector<double> x(300, 1.0);
  std::vector<double> y(300);
  perturb<double>(directions, {0, 1, 0}, 0.5, x, y);
  const auto z = whole(directions, {0, 1, 0}, 300);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_EQ(y[i], 1.0 + 0.5 * static_cast<double>(z[i]));
}

}  // namespace
}  // namespace shoal

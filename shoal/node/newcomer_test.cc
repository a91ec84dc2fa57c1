#include "shoal/node/newcomer.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>

namespace shoal {
namespace {

constexpr std::size_t kDimension = 3;
constexpr Step kLength = 100;

Newcomer newcomer_of(const std::vector<float>& replica, Step from = 38, Step step = 41) {
  const ByteView bytes = std::as_bytes(std::span(replica));
  return {from, step, Bytes(bytes.begin(), bytes.end())};
}

std::string refusal_of(const Newcomer& newcomer) {
  const auto read = read_newcomer<float>(newcomer_frame(newcomer), kDimension, kLength);
  return read.ok() ? "" : read.error().message;
}

TEST(Newcomer, IsReadAsItWasWritten) {
  const Newcomer told = newcomer_of({1.0f, -2.0f, 0.5f});
  const auto read = read_newcomer<float>(newcomer_frame(told), kDimension, kLength);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->missed_from, 38u);
  EXPECT_EQ(read->step, 41u);
  EXPECT_EQ(read->replica, told.replica);
  const auto bare = read_newcomer<double>(newcomer_frame({2, 2, {}}), kDimension, kLength);
  ASSERT_TRUE(bare.ok());
  EXPECT_TRUE(bare->replica.empty());
  EXPECT_EQ(refusal_of(newcomer_of({1, 2, 3}, kLength, kLength)), "");
}

TEST(Newcomer, WhatDoesNotFitTheRunIsRefused) {
  const float infinite = std::numeric_limits<float>::infinity();
  EXPECT_NE(refusal_of(newcomer_of({1, 2})), "");
  EXPECT_NE(refusal_of(newcomer_of({1, 2, 3, 4})), "");
  EXPECT_NE(refusal_of(newcomer_of({1, NAN, 3})).find("not finite"), std::string::npos);
  EXPECT_NE(refusal_of(newcomer_of({infinite, 2, 3})).find("not finite"), std::string::npos);
  EXPECT_NE(refusal_of(newcomer_of({1, 2, 3}, kLength, kLength + 1)), "");
  EXPECT_NE(refusal_of(newcomer_of({1, 2, 3}, 42, 41)), "");
  EXPECT_NE(refusal_of(newcomer_of({1, 2, 3}, 41 - kMissedStepsMax - 1, 41)), "");
  EXPECT_EQ(refusal_of(newcomer_of({1, 2, 3}, 41 - kMissedStepsMax, 41)), "");

  MessageBuilder other(tag("gossip"), 41);
  other.count("from", 41);
  EXPECT_FALSE(read_newcomer<float>(other.finish(), kDimension, kLength).ok());
  MessageBuilder mute(tag("newcomer"), 41);
  EXPECT_FALSE(read_newcomer<float>(mute.finish(), kDimension, kLength).ok());
  MessageBuilder misnamed(tag("newcomer"), 41);
  misnamed.count("from", 41).number("y", 1.0);
  EXPECT_FALSE(read_newcomer<float>(misnamed.finish(), kDimension, kLength).ok());
}

// Cut anywhere: refused or, where a whole part is left out, not misread.
TEST(Newcomer, ACutFrameIsRefused) {
  const Frame whole = newcomer_frame(newcomer_of({1, 2, 3}));
  for (std::size_t size = 0; size < whole->size(); ++size) {
    const auto end = whole->begin() + static_cast<std::ptrdiff_t>(size);
    const auto cut = std::make_shared<const Bytes>(whole->begin(), end);
    EXPECT_FALSE(read_newcomer<float>(cut, kDimension, kLength).ok()) << size;
  }
}

}  // namespace
}  // namespace shoal

#include "shoal/run/newest_models.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr Step kLength = 100;
const std::vector<NodeId> kNeighbors = {1, 3};

template <class Scalar>
std::vector<Scalar> replica_of(const Newcomer& newcomer) {
  std::vector<Scalar> replica(newcomer.replica.size() / sizeof(Scalar));
  if (!replica.empty())
    std::memcpy(replica.data(), newcomer.replica.data(), newcomer.replica.size());
  return replica;
}

template <class Scalar>
void keep(NewestModels& newest, NodeId node, std::vector<Scalar> model) {
  newest.keep(node, std::span<const Scalar>(model));
}

TEST(NewestModels, ARunThatHasNotBegunHasNoNewcomers) {
  NewestModels newest;
  const Newcomer told = newest.newcomer(2, kNeighbors, kLength, true);
  EXPECT_EQ(told.step, 0u);
  EXPECT_TRUE(told.replica.empty());
}

// It was there in step 0, and may have heard what was sent for it.
TEST(NewestModels, OneThatWasThereDoesNotBeginAtTheSameStep) {
  NewestModels newest;
  newest.stands_in(2, 0);
  const Newcomer told = newest.newcomer(2, kNeighbors, kLength, true);
  EXPECT_EQ(told.missed_from, 0u);
  EXPECT_EQ(told.step, 1u);
  EXPECT_EQ(newest.newcomer(2, kNeighbors, kLength, true).step, 2u);
}

TEST(NewestModels, BeginsBehindAllThatIsKnownToHaveBegun) {
  NewestModels newest;
  newest.stands_in(0, 60);  // no neighbour
  newest.stands_in(1, 40);
  newest.stands_in(2, 39);
  newest.stands_in(3, 41);
  newest.stands_in(3, 17);  // old news
  Newcomer told = newest.newcomer(2, kNeighbors, kLength, true);
  EXPECT_EQ(told.missed_from, 40u);
  EXPECT_EQ(told.step, 42u);
  newest.stands_in(2, 50);
  told = newest.newcomer(2, kNeighbors, kLength, true);
  EXPECT_EQ(told.step, 51u);
  EXPECT_EQ(told.missed_from, 51u - kMissedStepsMax);
  newest.stands_in(1, kLength);
  newest.stands_in(3, kLength - 1);
  told = newest.newcomer(2, kNeighbors, kLength, true);
  EXPECT_EQ(told.step, kLength);
  EXPECT_EQ(told.missed_from, kLength - 1);
}

TEST(NewestModels, TheReplicaIsTheMeanOfTheNeighborsNewest) {
  NewestModels newest;
  newest.stands_in(2, 5);
  EXPECT_TRUE(newest.newcomer(2, kNeighbors, kLength, true).replica.empty());
  keep<float>(newest, 0, {100, 100});  // no neighbour
  keep<float>(newest, 2, {50, 50});    // itself
  keep<float>(newest, 1, {9, 9});
  keep<float>(newest, 1, {1, 2});
  EXPECT_EQ(replica_of<float>(newest.newcomer(2, kNeighbors, kLength, true)),
            (std::vector<float>{1, 2}));
  keep<float>(newest, 3, {3, 5});
  EXPECT_EQ(replica_of<float>(newest.newcomer(2, kNeighbors, kLength, true)),
            (std::vector<float>{2, 3.5}));
  keep<float>(newest, 1, {NAN, 2});
  EXPECT_EQ(replica_of<float>(newest.newcomer(2, kNeighbors, kLength, true)),
            (std::vector<float>{3, 5}));
  EXPECT_TRUE(newest.newcomer(2, kNeighbors, kLength, false).replica.empty());
}

TEST(NewestModels, InDouble) {
  NewestModels newest;
  newest.stands_in(2, 5);
  keep<double>(newest, 1, {1e-300});
  keep<double>(newest, 3, {3e-300});
  EXPECT_EQ(replica_of<double>(newest.newcomer(2, kNeighbors, kLength, true)),
            (std::vector<double>{2e-300}));
}

}  // namespace
}  // namespace shoal

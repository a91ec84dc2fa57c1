// Collectives in the simulation: sums, bytes per rank, and virtual time against the closed
// alpha-beta formulas, n beta counting the frames as encoded (32 bytes more than the vector).
//
// The formulas of the binomial trees describe p = 2^k. For other p the simulated cards do better: a
// card that has pushed its frame out is free although the frame is still travelling, and a rank
// whose children do not exist sends at once. Their exact time is written out below.
#include "shoal/method/collectives.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <gtest/gtest.h>

#include "shoal/sim/simulation.h"

namespace shoal {
namespace {

constexpr double kLatency = 50e-6;
constexpr double kRate = 1e9;  // bits/s: beta = 8 ns a byte
constexpr double kFrameBytes = 32.0;

using Collective = Task<bool> (*)(Node&, std::size_t, std::span<double>, Step, double);

Task<> run_once(Node& node, Collective collective, std::vector<double>& vector, std::size_t nodes,
                bool& complete) {
  const std::span<double> values(vector);
  complete = co_await collective(node, nodes, values, 0, 100.0);
}

struct Ran {
  double time_s = 0.0;
  std::vector<std::vector<double>> vectors;
  std::vector<std::uint64_t> sent_bytes;
};

// Every rank begins with elements that only integers of a double can sum exactly.
Ran run_collective(Collective collective, std::size_t p, std::size_t elements, bool shared_cards) {
  Ran ran;
  for (std::size_t rank = 0; rank < p; ++rank) {
    ran.vectors.emplace_back();
    for (std::size_t i = 0; i < elements; ++i)
      ran.vectors.back().push_back(static_cast<double>((rank + 1) * (i + 1)));
  }
  std::vector<std::unique_ptr<bool>> done;
  for (std::size_t rank = 0; rank < p; ++rank) done.push_back(std::make_unique<bool>(false));
  Conditions conditions;
  conditions.network.latency_s = kLatency;
  conditions.network.up_bits_per_s = kRate;
  conditions.network.down_bits_per_s = kRate;
  conditions.network.shared_cards = shared_cards;
  ThreadPool pool(1);
  Simulation simulation(
      p, conditions,
      [&](Node& node) {
        return run_once(node, collective, ran.vectors[node.id()], p, *done[node.id()]);
      },
      pool);
  EXPECT_EQ(simulation.run(), Simulation::Stop::kFinished);
  EXPECT_EQ(simulation.in_flight(), 0u);
  for (std::size_t rank = 0; rank < p; ++rank) {
    EXPECT_TRUE(*done[rank]) << "rank " << rank;
    ran.sent_bytes.push_back(simulation.sent_bytes(static_cast<NodeId>(rank)));
  }
  ran.time_s = simulation.now_s();
  return ran;
}

void expect_sums(const std::vector<double>& vector, std::size_t p) {
  for (std::size_t i = 0; i < vector.size(); ++i)
    ASSERT_EQ(vector[i], static_cast<double>((i + 1) * p * (p + 1) / 2));
}

double transfer_s(double bytes) { return (bytes + kFrameBytes) * 8.0 / kRate; }

void expect_time(double found, double expected, std::size_t p) {
  EXPECT_NEAR(found, expected, 1e-12 * expected) << "p = " << p;
}

double rounds_of(std::size_t p) { return static_cast<double>(std::bit_width(p - 1)); }

TEST(Collectives, RingAllReduce) {
  for (std::size_t p = 2; p <= 16; ++p) {
    const std::size_t elements = 60 * p;  // equal chunks
    for (const bool shared : {false, true}) {
      const Ran ran = run_collective(&ring_all_reduce<double>, p, elements, shared);
      for (const auto& vector : ran.vectors) expect_sums(vector, p);
      const double turns = 2.0 * static_cast<double>(p - 1);
      expect_time(ran.time_s, turns * (kLatency + transfer_s(60 * 8)), p);
      for (const std::uint64_t bytes : ran.sent_bytes)
        EXPECT_EQ(bytes, 2 * (p - 1) * (60 * 8 + 32));  // 2 (p-1)/p n, in frames
    }
  }
}

// Chunks of unequal size, and vectors shorter than the ring.
TEST(Collectives, RingWithUnevenChunks) {
  for (std::size_t p = 2; p <= 9; ++p)
    for (const std::size_t elements : {0u, 1u, 2u, 5u, 17u, 100u}) {
      const Ran ran = run_collective(&ring_all_reduce<double>, p, elements, true);
      for (const auto& vector : ran.vectors) expect_sums(vector, p);
    }
}

// The ring with p = 4, n = 1e6 bytes, alpha 50 us, beta 8 ns: 12.3 ms, and p = 5: 13.2 ms; binomial
// 32.2 ms; a server that gathers from 4 and sends back: see below. Frames add 32 bytes a message.
TEST(Collectives, FiguresOfTheCard) {
  const double frame_s = kFrameBytes * 8.0 / kRate;
  const auto time_s = [](Collective collective, std::size_t p) {
    return run_collective(collective, p, 125000, true).time_s;
  };
  EXPECT_NEAR(time_s(&ring_all_reduce<double>, 4), 12.3e-3 + 6 * frame_s, 1e-12);
  EXPECT_NEAR(time_s(&ring_all_reduce<double>, 5), 13.2e-3 + 8 * frame_s, 1e-12);
  EXPECT_NEAR(time_s(&binomial_all_reduce<double>, 4), 32.2e-3 + 4 * frame_s, 1e-12);
}

TEST(Collectives, BinomialAllReduce) {
  for (std::size_t p = 2; p <= 16; ++p)
    for (const bool shared : {false, true}) {
      const Ran ran = run_collective(&binomial_all_reduce<double>, p, 77, shared);
      for (const auto& vector : ran.vectors) expect_sums(vector, p);
      const double formula = 2.0 * rounds_of(p) * (kLatency + transfer_s(77 * 8));
      if (std::has_single_bit(p)) expect_time(ran.time_s, formula, p);
      EXPECT_LE(ran.time_s, formula * (1 + 1e-12)) << "p = " << p;
      EXPECT_EQ(ran.sent_bytes[0], static_cast<std::uint64_t>(rounds_of(p)) * (77 * 8 + 32));
    }
}

// Rank r hears after popcount(r) hops. On shared cards, a parent pushes out one frame after
// another, those for the far subtrees first: r waits for k - (its lowest set bit) frames in all.
double broadcast_time_s(std::size_t p, std::size_t bytes, bool shared) {
  double latest = 0.0;
  for (std::size_t rank = 1; rank < p; ++rank) {
    double time_s = 0.0;
    std::size_t at = 0;
    double frames = 0.0;
    // The hops from the root: the highest set bit first.
    for (std::size_t bit = std::bit_floor(rank); bit > 0; bit >>= 1) {
      if ((rank & bit) == 0) continue;
      // What `at` sends before: its children at + b for larger b that exist.
      const std::size_t low = at == 0 ? std::bit_ceil(p) : (at & (~at + 1));
      for (std::size_t b = low >> 1; b > bit; b >>= 1) frames += shared && at + b < p ? 1.0 : 0.0;
      frames += 1.0;
      time_s += kLatency;
      at += bit;
    }
    latest = std::max(latest, time_s + frames * transfer_s(static_cast<double>(bytes)));
  }
  return latest;
}

TEST(Collectives, Broadcast) {
  for (std::size_t p = 2; p <= 16; ++p)
    for (const bool shared : {false, true}) {
      const Ran ran = run_collective(&broadcast<double>, p, 100, shared);
      for (const auto& vector : ran.vectors) ASSERT_EQ(vector, ran.vectors.front());
      expect_time(ran.time_s, broadcast_time_s(p, 800, shared), p);
      const double formula = rounds_of(p) * (kLatency + transfer_s(800));
      if (std::has_single_bit(p)) expect_time(ran.time_s, formula, p);
      EXPECT_LE(ran.time_s, formula * (1 + 1e-12)) << "p = " << p;
    }
}

// p - 1 senders into one card: it serves one after another; with a card for every frame, they all
// arrive at once.
TEST(Collectives, GatherToRoot) {
  for (std::size_t p = 2; p <= 16; ++p) {
    const Ran shared = run_collective(&gather_to_root<double>, p, 100, true);
    expect_sums(shared.vectors[0], p);
    expect_time(shared.time_s, kLatency + static_cast<double>(p - 1) * transfer_s(800), p);
    const Ran own = run_collective(&gather_to_root<double>, p, 100, false);
    expect_sums(own.vectors[0], p);
    expect_time(own.time_s, kLatency + transfer_s(800), p);
    for (std::size_t rank = 1; rank < p; ++rank) EXPECT_EQ(shared.sent_bytes[rank], 832u);
    EXPECT_EQ(shared.sent_bytes[0], 0u);
  }
}

// Sums that rounding could make differ between ranks end with the same bits everywhere.
TEST(Collectives, EveryRankEndsWithTheSameBits) {
  for (const Collective collective :
       {Collective(&ring_all_reduce<double>), Collective(&binomial_all_reduce<double>)})
    for (std::size_t p = 2; p <= 11; ++p) {
      std::vector<std::vector<double>> vectors(p);
      for (std::size_t rank = 0; rank < p; ++rank) {
        RandomStream stream(1, purpose("values"), static_cast<NodeId>(rank));
        for (int i = 0; i < 50; ++i) vectors[rank].push_back(std::exp(8.0 * stream.normal()));
      }
      const auto start = vectors;
      bool complete = false;
      ThreadPool pool(1);
      Simulation simulation(
          p, {},
          [&](Node& node) { return run_once(node, collective, vectors[node.id()], p, complete); },
          pool);
      simulation.run();
      for (const auto& vector : vectors) ASSERT_EQ(vector, vectors.front());
      for (std::size_t i = 0; i < 50; ++i) {
        double sum = 0.0;
        for (const auto& vector : start) sum += vector[i];
        EXPECT_NEAR(vectors[0][i], sum, 1e-12 * sum);
      }
    }
}

// A silent member ends it with false, after the patience.
TEST(Collectives, ASilentMemberEndsIt) {
  std::vector<std::vector<double>> vectors(4, std::vector<double>(8, 1.0));
  std::array<bool, 4> complete = {true, true, true, true};
  Conditions conditions;
  conditions.faults.crash_share = 1.0;
  conditions.faults.spared = 3;  // the last one crashes at once
  ThreadPool pool(1);
  Simulation simulation(
      4, conditions,
      [&](Node& node) {
        return run_once(node, &ring_all_reduce<double>, vectors[node.id()], 4, complete[node.id()]);
      },
      pool);
  EXPECT_EQ(simulation.run(), Simulation::Stop::kFinished);
  EXPECT_FALSE(complete[0] || complete[1] || complete[2]);
  EXPECT_GE(simulation.now_s(), 100.0);
}

}  // namespace
}  // namespace shoal

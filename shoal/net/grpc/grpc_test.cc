// Server and members over gRPC on loopback: frames both ways, losses, restarts.
#include <thread>

#include "shoal/net/grpc/test_world.h"

namespace shoal {
namespace {

using namespace test;

TEST(Grpc, FramesGoBothWaysUnchanged) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  EXPECT_EQ(member.client->joined().run, "run-1");
  EXPECT_EQ(member.client->joined().server, "server");
  EXPECT_EQ(member.client->joined().experiment, "name = \"test\"\n");
  EXPECT_EQ(member.client->joined().node, 1u);

  const std::vector<std::size_t> sizes{0, 1, 4096, (1u << 20) - 32, (1u << 20) - 31, 9u << 20};
  std::vector<Frame> frames;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::string name = "t" + std::to_string(i);
    frames.push_back(random_frame(name, 0, sizes[i], i));
    member.client->send(member.node(), 0, frames.back());
    server.server->send(0, member.node(), frames.back());
  }
  const auto up = server.sink.wait_frames(sizes.size());
  const auto down = member.sink.wait_frames(sizes.size());
  ASSERT_EQ(up.size(), sizes.size());
  ASSERT_EQ(down.size(), sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_EQ(up[i].from, 1u);
    EXPECT_EQ(up[i].to, 0u);
    EXPECT_EQ(*up[i].frame, *frames[i]) << sizes[i];
    EXPECT_EQ(down[i].from, 0u);
    EXPECT_EQ(down[i].to, 1u);
    EXPECT_EQ(*down[i].frame, *frames[i]) << sizes[i];
  }
}

TEST(Grpc, TwoMembersGetTheirOwnFrames) {
  ServerParty server;
  server.start();
  ClientParty first(server.settings.listen, "first");
  ClientParty second(server.settings.listen, "second");
  first.start();
  second.start();
  ASSERT_NE(first.node(), second.node());
  const Frame shared = random_frame("model", 0, 3 << 20);
  server.server->send(0, first.node(), shared);
  server.server->send(0, second.node(), shared);
  server.server->send(0, second.node(), random_frame("extra", 0, 10));
  EXPECT_EQ(first.sink.wait_frames(1).size(), 1u);
  const auto got = second.sink.wait_frames(2);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(*got[0].frame, *shared);
  first.client->send(first.node(), 0, random_frame("update", 0, 100, 1));
  second.client->send(second.node(), 0, random_frame("update", 0, 100, 2));
  const auto up = server.sink.wait_frames(2);
  ASSERT_EQ(up.size(), 2u);
  EXPECT_NE(up[0].from, up[1].from);
  EXPECT_EQ(first.sink.frames(), 1u);
}

TEST(Grpc, AMemberWaitsForTheRunToBegin) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  server.server->started();
  EXPECT_TRUE(member.client->wait_started());
}

TEST(Grpc, ObservationsAreTakenOnce) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  for (int i = 0; i < 20; ++i) member.client->observe(1, Bytes(3, static_cast<std::byte>(i)));
  member.client->drain(kPatience_s);
  const auto seen = server.sink.wait_observations(20);
  ASSERT_EQ(seen.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(seen[static_cast<std::size_t>(i)].first, member.node());
    EXPECT_EQ(seen[static_cast<std::size_t>(i)].second, Bytes(3, static_cast<std::byte>(i)));
  }
}

TEST(Grpc, LargeObservationsComeInParts) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  const Frame large = random_frame("seen", 0, 9u << 20);
  const Frame too_large = random_frame("seen", 0, 17u << 20);
  member.client->observe(1, *large);
  member.client->observe(1, *too_large);  // refused, and those behind it are not held up
  member.client->observe(1, Bytes(3, std::byte{7}));
  const auto seen = server.sink.wait_observations(2);
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].second, *large);
  EXPECT_EQ(seen[1].second, Bytes(3, std::byte{7}));
  EXPECT_EQ(metric(member.metrics, "shoal_observations_dropped_total", "reason=\"refused\""), 1.0);
}

// The server process dies after it has taken an update, and comes back without it.
TEST(Grpc, WhatIsNotCommittedIsSentAgainToARestartedServer) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  const Frame update = random_frame("update", 0, 2 << 20);
  member.client->send(member.node(), 0, update);
  ASSERT_EQ(server.sink.wait_frames(1).size(), 1u);
  server.server.reset();

  ServerParty again;
  again.settings.listen = server.settings.listen;
  again.settings.incarnation = 2;
  again.start();
  const auto got = again.sink.wait_frames(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(*got[0].frame, *update);
  // A new frame passes too, and the other way.
  again.server->send(0, member.node(), random_frame("model", 0, 100));
  EXPECT_EQ(member.sink.wait_frames(1).size(), 1u);
}

TEST(Grpc, WhatIsCommittedIsNotSentAgain) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  member.client->send(member.node(), 0, random_frame("update", 0, 100));
  ASSERT_EQ(server.sink.wait_frames(1).size(), 1u);
  member.client->drain(kPatience_s);  // its receipt has come
  server.server->committed(1);
  server.server->send(0, member.node(), random_frame("model", 1, 100));
  ASSERT_EQ(member.sink.wait_frames(1).size(), 1u);  // it has the notice, which went before
  server.server.reset();

  ServerParty again;
  again.settings.listen = server.settings.listen;
  again.settings.incarnation = 2;
  again.gate->open_round(1);
  again.start();
  const Frame next = random_frame("update", 1, 100);
  member.client->send(member.node(), 0, next);
  const auto got = again.sink.wait_frames(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(*got[0].frame, *next);
  EXPECT_EQ(metric(again.metrics, "shoal_refusals_total", "reason=\"stale_round\""), 0.0);
}

// The same server object with the gate's memory: the update that is sent again counts once.
TEST(Grpc, AnUpdateThatIsSentAgainCountsOnce) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  member.client->send(member.node(), 0, random_frame("update", 0, 100));
  ASSERT_EQ(server.sink.wait_frames(1).size(), 1u);
  server.server.reset();
  server.settings.incarnation = 2;
  server.start();
  ASSERT_TRUE(wait_until([&] {
    return metric(server.metrics, "shoal_refusals_total", "reason=\"already_received\"") > 0;
  }));
  EXPECT_EQ(server.sink.frames(), 1u);
  EXPECT_TRUE(member.client->broken().ok());
}

TEST(Grpc, AMemberThatComesBackGetsTheNewestFrameOfEachTag) {
  ServerParty server;
  server.start();
  const Frame newest = random_frame("model", 2, 2 << 20);
  {
    ClientParty member(server.settings.listen, "first");
    member.start();
    server.server->send(0, member.node(), random_frame("model", 1, 1000));
    server.server->send(0, member.node(), newest);
    server.server->send(0, member.node(), random_frame("goal", 1, 10));
    ASSERT_EQ(member.sink.wait_frames(3).size(), 3u);
  }
  ClientParty again(server.settings.listen, "first");
  again.start();
  const auto got = again.sink.wait_frames(2);
  ASSERT_EQ(got.size(), 2u);
  EXPECT_TRUE(*got[0].frame == *newest || *got[1].frame == *newest);
}

TEST(Grpc, FramesWaitForAMemberThatIsAway) {
  ServerParty server;
  server.start();
  const Frame frame = random_frame("model", 0, 1000);
  server.server->send(0, 1, frame);
  ClientParty member(server.settings.listen, "first");
  member.start();
  const auto got = member.sink.wait_frames(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(*got[0].frame, *frame);
}

TEST(Grpc, AServerThatIsGoneForTooLongEndsTheRun) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.settings.give_up_s = 0.3;
  member.start();
  server.server.reset();
  ASSERT_TRUE(wait_until([&] { return !member.client->broken().ok(); }));
  EXPECT_NE(member.client->broken().error().message.find("no answer from"), std::string::npos);
  EXPECT_FALSE(member.client->wait_started());
}

TEST(Grpc, JoiningWaitsForTheServerToComeUp) {
  ServerParty server;
  server.start();
  server.server.reset();  // its port is known now
  ClientParty member(server.settings.listen, "first");
  std::thread joining([&] { member.start(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  server.start();
  joining.join();
  ASSERT_NE(member.client, nullptr);
  EXPECT_EQ(member.node(), 1u);
}

TEST(Grpc, JoiningGivesUp) {
  ServerParty server;
  server.start();
  server.server.reset();
  ClientParty member(server.settings.listen, "first");
  member.settings.give_up_s = 0.2;
  const Status joined = member.join();
  ASSERT_FALSE(joined.ok());
  EXPECT_NE(joined.error().message.find("no answer from"), std::string::npos);
}

TEST(Grpc, AFullRunTurnsAMemberAway) {
  ServerParty server(1);
  server.start();
  ClientParty first(server.settings.listen, "first");
  first.start();
  ClientParty second(server.settings.listen, "second");
  const Status joined = second.join();
  ASSERT_FALSE(joined.ok());
  EXPECT_NE(joined.error().message.find("does not let \"second\" join"), std::string::npos);
}

TEST(Grpc, WithoutCertificatesOnlyLoopback) {
  ServerParty server;
  server.settings.listen = "0.0.0.0:0";
  auto started = GrpcServer::start(server.settings, *server.gate, server.sink, server.metrics);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message.find("not a loopback address"), std::string::npos);
  ClientParty member("192.0.2.1:4711", "first");
  EXPECT_NE(member.join().error().message.find("not a loopback address"), std::string::npos);
  ClientParty without_port("localhost", "first");
  EXPECT_NE(without_port.join().error().message.find("write HOST:PORT"), std::string::npos);
}

TEST(Grpc, ASecondServerOnTheSamePortIsAnError) {
  ServerParty server;
  server.start();
  ServerParty other;
  other.settings.listen = server.settings.listen;
  auto started = GrpcServer::start(other.settings, *other.gate, other.sink, other.metrics);
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message.find("cannot listen on"), std::string::npos);
}

TEST(Grpc, LeavingIsTold) {
  ServerParty server;
  server.start();
  ClientParty member(server.settings.listen, "first");
  member.start();
  member.client->leave();
  ASSERT_EQ(server.gate->members().size(), 1u);
  EXPECT_EQ(server.gate->members()[0].presence, Presence::kLeft);
}

}  // namespace
}  // namespace shoal

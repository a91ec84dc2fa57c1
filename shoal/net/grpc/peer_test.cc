// Members that send to each other: introduced by the server, each with a gate of its own.
#include "shoal/net/grpc/test_world.h"

namespace shoal {
namespace {

using namespace test;

TEST(GrpcPeers, FramesGoFromPeerToPeer) {
  ServerParty server(3);
  server.start();
  std::vector<std::unique_ptr<PeerParty>> peers;
  for (const char* name : {"alpha", "beta", "gamma"}) {
    peers.push_back(std::make_unique<PeerParty>(server.settings.listen, name));
    peers.back()->start_among(3);
  }
  server.server->started();
  for (const auto& peer : peers) ASSERT_TRUE(peer->client->wait_started());
  for (Step step = 0; step < 3; ++step)
    for (const auto& from : peers)
      for (const auto& to : peers)
        if (from != to)
          from->client->send(from->node(), to->node(),
                             random_frame("mix", step, 100000, from->node()));
  for (const auto& peer : peers) {
    const auto got = peer->sink.wait_frames(6);
    ASSERT_EQ(got.size(), 6u);
    for (const auto& one : got) {
      const Step step = read_frame_header(*one.frame)->round;
      EXPECT_EQ(*one.frame, *random_frame("mix", step, 100000, one.from));
    }
    peer->client->drain(kPatience_s);
  }
  EXPECT_EQ(server.sink.frames(), 0u);
}

TEST(GrpcPeers, APeerThatComesBackElsewhereIsReachedThere) {
  ServerParty server(2);
  server.start();
  PeerParty alpha(server.settings.listen, "alpha");
  auto beta = std::make_unique<PeerParty>(server.settings.listen, "beta");
  alpha.start_among(2);
  beta->start_among(2);
  server.server->started();
  ASSERT_TRUE(alpha.client->wait_started());
  const NodeId there = beta->node();
  beta.reset();
  const Frame frame = random_frame("mix", 0, 1000);
  alpha.client->send(alpha.node(), there, frame);  // waits for it
  beta = std::make_unique<PeerParty>(server.settings.listen, "beta");
  beta->start_among(2);
  const auto got = beta->sink.wait_frames(1);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(*got[0].frame, *frame);
}

TEST(GrpcPeers, APeerNeedsAnAddress) {
  ServerParty server(2);
  server.start();
  ClientParty member(server.settings.listen, "alpha");
  ASSERT_TRUE(member.join().ok());
  const Status started = member.client->start(member.sink, server.gate.get());
  ASSERT_FALSE(started.ok());
  EXPECT_NE(started.error().message.find("listen"), std::string::npos);
  ClientParty everywhere(server.settings.listen, "beta");
  everywhere.settings.listen = "0.0.0.0:0";
  EXPECT_FALSE(everywhere.join().ok());
}

}  // namespace
}  // namespace shoal

// What a newcomer is told, over real connections.
#include "shoal/net/grpc/newcomer_parts.h"

#include "shoal/net/grpc/test_world.h"

namespace shoal {
namespace {

using namespace test;

constexpr std::uint64_t kBytesMax = std::uint64_t{8} << 20;

wire::NewcomerRequest request_of(NodeId node, std::uint64_t offset) {
  wire::NewcomerRequest request;
  request.set_node(node);
  request.set_offset(offset);
  return request;
}
std::string part_of(const std::variant<wire::NewcomerPart, Refusal>& answer) {
  const auto* part = std::get_if<wire::NewcomerPart>(&answer);
  return part ? part->part() : "refused";
}

TEST(NewcomerParts, AFrameIsMadeOnceAndHeldUntilItsEnd) {
  NewcomerParts parts;
  EXPECT_EQ(part_of(parts.part(request_of(1, 0))), "refused");  // nobody makes any
  int made = 0;
  parts.on_make([&made](NodeId node) {
    return random_frame("newcomer", static_cast<Step>(++made), kChunkBytesMax + 10, node);
  });
  const Frame first = random_frame("newcomer", 1, kChunkBytesMax + 10, 7);
  EXPECT_EQ(part_of(parts.part(request_of(7, 1))), "refused");
  EXPECT_EQ(part_of(parts.part(request_of(7, 0))), as_text(ByteView(*first).first(kChunkBytesMax)));
  EXPECT_EQ(part_of(parts.part(request_of(8, kChunkBytesMax))), "refused");  // another member's
  EXPECT_EQ(part_of(parts.part(request_of(7, kChunkBytesMax + 4000))), "refused");
  EXPECT_EQ(part_of(parts.part(request_of(7, kChunkBytesMax))),
            as_text(ByteView(*first).subspan(kChunkBytesMax)));
  EXPECT_EQ(part_of(parts.part(request_of(7, kChunkBytesMax))), "refused");  // let go
  EXPECT_EQ(made, 1);
}

TEST(NewcomerParts, ALargeOneComesWhole) {
  ServerParty server;
  server.start();
  const Frame told = random_frame("newcomer", 41, 5'000'000);
  server.server->on_newcomer([&told](NodeId) { return told; });
  ClientParty early(server.settings.listen, "early");
  ASSERT_TRUE(early.join().ok());
  EXPECT_FALSE(early.client->joined().begun);
  server.server->started();
  ClientParty late(server.settings.listen, "late");
  ASSERT_TRUE(late.join().ok());
  EXPECT_TRUE(late.client->joined().begun);
  const auto fetched = late.client->fetch_newcomer(kBytesMax);
  ASSERT_TRUE(fetched.ok()) << fetched.error().message;
  EXPECT_EQ(**fetched, *told);
}

TEST(NewcomerParts, OneThatIsTooLargeOrNotThereIsAnError) {
  ServerParty server;
  server.settings.begun = true;
  server.start();
  ClientParty client(server.settings.listen, "late");
  ASSERT_TRUE(client.join().ok());
  EXPECT_TRUE(client.client->joined().begun);
  const auto none = client.client->fetch_newcomer(kBytesMax);
  ASSERT_FALSE(none.ok());
  EXPECT_NE(none.error().message.find("has a server"), std::string::npos) << none.error().message;
  const Frame told = random_frame("newcomer", 41, 100'000);
  server.server->on_newcomer([&told](NodeId) { return told; });
  const auto large = client.client->fetch_newcomer(100'000);
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("at most 100000"), std::string::npos);
}

}  // namespace
}  // namespace shoal

#include "shoal/net/envelope.h"

#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <vector>

namespace shoal {
namespace {

FrameHead some_head() {
  FrameHead head;
  head.run = "run";
  head.from = 1;
  head.to = 2;
  head.tag = tag("update");
  head.round = 3;
  head.size_bytes = 4;
  head.sha256[0] = std::byte{5};
  head.proof.nonce[0] = std::byte{6};
  head.proof.expires_unix_s = 7;
  return head;
}

// The format is signed by processes of different builds: its bytes are fixed.
TEST(FrameStatement, HasTheseBytes) {
  const Bytes statement = frame_statement(some_head(), "srv", "Send");
  ByteReader in(statement);
  for (const char* text : {"shoal-frame-1", "run", "srv", "Send"}) EXPECT_EQ(*in.text(), text);
  const auto number = [&](std::uint32_t size) {
    EXPECT_EQ(*in.number<std::uint32_t>(), size);
    return size == 4 ? *in.number<std::uint32_t>() : *in.number<std::uint64_t>();
  };
  EXPECT_EQ(number(4), 1u);
  EXPECT_EQ(number(4), 2u);
  EXPECT_EQ(number(8), static_cast<std::uint64_t>(tag("update")));
  EXPECT_EQ(number(4), 3u);
  EXPECT_EQ(number(8), 4u);
  EXPECT_EQ(*in.number<std::uint32_t>(), 32u);
  EXPECT_EQ((*in.raw(32))[0], std::byte{5});
  EXPECT_EQ(*in.number<std::uint32_t>(), 16u);
  EXPECT_EQ((*in.raw(16))[0], std::byte{6});
  EXPECT_EQ(number(8), 7u);
  EXPECT_TRUE(in.done());
}

TEST(FrameStatement, EveryFieldCounts) {
  const std::vector<std::function<void(FrameHead&)>> changes = {
      [](FrameHead& head) { head.run = "ru"; },
      [](FrameHead& head) { head.from = 9; },
      [](FrameHead& head) { head.to = 9; },
      [](FrameHead& head) { head.tag = tag("model"); },
      [](FrameHead& head) { head.round = 9; },
      [](FrameHead& head) { head.size_bytes = 9; },
      [](FrameHead& head) { head.sha256[31] = std::byte{1}; },
      [](FrameHead& head) { head.proof.nonce[15] = std::byte{1}; },
      [](FrameHead& head) { head.proof.expires_unix_s = -7; },
      [](FrameHead& head) { std::swap(head.from, head.to); },
  };
  std::set<Bytes> seen = {frame_statement(some_head(), "srv", "Send"),
                          frame_statement(some_head(), "srvSend", ""),
                          frame_statement(some_head(), "Send", "srv")};
  EXPECT_EQ(seen.size(), 3u);
  for (const auto& change : changes) {
    FrameHead head = some_head();
    change(head);
    EXPECT_TRUE(seen.insert(frame_statement(head, "srv", "Send")).second);
  }
  FrameHead moved = some_head();  // a letter that changes its field
  moved.run = "runs";
  EXPECT_TRUE(seen.insert(frame_statement(moved, "rv", "Send")).second);
  FrameHead resigned = some_head();  // what cannot sign itself
  resigned.proof.signature.resize(70);
  EXPECT_FALSE(seen.insert(frame_statement(resigned, "srv", "Send")).second);
}

}  // namespace
}  // namespace shoal

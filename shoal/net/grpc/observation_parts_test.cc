#include "shoal/net/grpc/observation_parts.h"

#include <gtest/gtest.h>

namespace shoal {
namespace {

constexpr std::uint64_t kProcess = std::uint64_t{5} << 32;

wire::ObserveRequest part(std::uint64_t number, const std::string& whole, std::size_t offset,
                          std::size_t size) {
  wire::ObserveRequest request;
  request.set_node(1);
  request.set_number(number);
  request.set_size_bytes(whole.size());
  request.set_offset(offset);
  request.set_part(whole.substr(offset, size));
  return request;
}

bool is_more(const std::variant<ObservationParts::More, Bytes, Refusal>& answer) {
  return std::holds_alternative<ObservationParts::More>(answer);
}
std::string whole(const std::variant<ObservationParts::More, Bytes, Refusal>& answer) {
  const auto* bytes = std::get_if<Bytes>(&answer);
  return bytes ? std::string(as_text(*bytes)) : std::string();
}
RefusalCode code(const std::variant<ObservationParts::More, Bytes, Refusal>& answer) {
  return std::get<Refusal>(answer).code;
}

TEST(ObservationParts, WholeOnlyWithTheLastPartAndOnlyOnce) {
  ObservationParts parts(100);
  const std::string text = "abcdefgh";
  EXPECT_TRUE(is_more(parts.take(part(kProcess | 1, text, 0, 3))));
  EXPECT_TRUE(is_more(parts.take(part(kProcess | 1, text, 3, 3))));
  EXPECT_EQ(whole(parts.take(part(kProcess | 1, text, 6, 2))), text);
  EXPECT_TRUE(is_more(parts.take(part(kProcess | 1, text, 6, 2))));  // its answer was lost
  EXPECT_TRUE(is_more(parts.take(part(kProcess | 1, text, 0, 8))));
  EXPECT_EQ(whole(parts.take(part(kProcess | 2, "x", 0, 1))), "x");
  // Another process of the member counts from the beginning.
  EXPECT_EQ(whole(parts.take(part((std::uint64_t{2} << 32) | 1, "y", 0, 1))), "y");
}

TEST(ObservationParts, PartsThatDoNotFollowBeginAnew) {
  ObservationParts parts(100);
  const std::string text = "abcdefgh";
  EXPECT_EQ(code(parts.take(part(kProcess | 1, text, 3, 3))), RefusalCode::kFailedPrecondition);
  EXPECT_TRUE(is_more(parts.take(part(kProcess | 1, text, 0, 3))));
  EXPECT_EQ(code(parts.take(part(kProcess | 1, text, 4, 3))), RefusalCode::kFailedPrecondition);
  EXPECT_EQ(code(parts.take(part(kProcess | 2, text, 3, 3))), RefusalCode::kFailedPrecondition);
  EXPECT_EQ(code(parts.take(part(kProcess | 1, text + "i", 3, 3))),
            RefusalCode::kFailedPrecondition);
  EXPECT_TRUE(is_more(parts.take(part(kProcess | 1, text, 0, 5))));
  EXPECT_EQ(whole(parts.take(part(kProcess | 1, text, 5, 3))), text);
}

TEST(ObservationParts, WhatNoMemberWouldSendIsRefused) {
  ObservationParts parts(100);
  EXPECT_EQ(code(parts.take(part(1, std::string(101, 'a'), 0, 1))),
            RefusalCode::kResourceExhausted);
  EXPECT_EQ(code(parts.take(part(1, "abc", 0, 0))), RefusalCode::kInvalidArgument);
  wire::ObserveRequest beyond = part(1, "abc", 0, 3);
  beyond.set_offset(1);
  EXPECT_EQ(code(parts.take(beyond)), RefusalCode::kInvalidArgument);
  beyond.set_offset(~std::uint64_t{0});
  EXPECT_EQ(code(parts.take(beyond)), RefusalCode::kInvalidArgument);
}

}  // namespace
}  // namespace shoal

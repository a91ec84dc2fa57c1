// For tests: a gate on clocks that stand still, with two members and an open round; and what can be
// seen of its state.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "shoal/net/gate.h"
#include "shoal/net/identity/test_authority.h"

namespace shoal {

inline constexpr Tag kTestTag = tag("update");
inline constexpr Step kTestRound = 3;

struct TestFrame {
  FrameHead head;
  Frame body;
};

// What must not change when something is refused.
struct GateView {
  std::vector<std::string> lines;
  bool operator==(const GateView&) const = default;
};

class GateBench {
 public:
  explicit GateBench(bool certificates = true, bool only_current_round = true)
      : gate(
            settings(certificates, only_current_round),
            [this](const Message& message, const Member&) { return content(message); },
            [this] { return clock_s; }, [this] { return wall_s; }) {
    gate.on_event([this](const GateEvent& event) {
      const std::lock_guard lock(events_mutex);
      events.push_back(event);
    });
    gate.open_round(kTestRound);
  }

  static GateSettings settings(bool certificates, bool only_current_round) {
    GateSettings settings;
    settings.run = "run-7";
    settings.server = "server";
    settings.certificates = certificates;
    settings.places = 3;
    settings.frame_bytes_max = 4096;
    settings.only_current_round = only_current_round;
    return settings;
  }

  Status content(const Message& message) {
    if (during_content) during_content();
    const auto value = message.number("loss");
    if (!value.ok()) return value.error();
    if (!(*value == *value)) return invalid_argument("the loss is NaN");
    return ok_status();
  }

  NodeId join(const PeerIdentity& peer, const std::string& name, std::uint64_t rows = 10) {
    Member candidate;
    candidate.name = name;
    candidate.rows = rows;
    const auto joined = gate.join(peer, candidate);
    SHOAL_CHECK(std::holds_alternative<Member>(joined), std::get<Refusal>(joined).sentence);
    return std::get<Member>(joined).node;
  }

  static TestFrame unsigned_frame(NodeId from, Step round = kTestRound, double loss = 1.0,
                                  Tag tag = kTestTag) {
    MessageBuilder message(tag, round);
    message.number("loss", loss);
    TestFrame frame;
    frame.body = message.finish();
    frame.head = {"run-7", from, 0, tag, round, frame.body->size(), sha256(*frame.body), {}};
    return frame;
  }
  void sign(TestFrame& frame, const SigningKey& key) const {
    frame.head.proof = prove(key, frame.head, "server", wall_s);
  }
  TestFrame frame(const TestMember& member, NodeId from, Step round = kTestRound, double loss = 1.0,
                  Tag tag = kTestTag) const {
    TestFrame made = unsigned_frame(from, round, loss, tag);
    sign(made, member.key);
    return made;
  }

  // As a transport does.
  std::variant<Receipt, Refusal> upload(const PeerIdentity& peer, const TestFrame& frame) {
    if (auto refusal = gate.check_head(peer, frame.head)) return *std::move(refusal);
    return gate.check_body(peer, frame.head, frame.body);
  }

  GateView view() const {
    GateView seen;
    for (const Member& m : gate.members())
      seen.lines.push_back(m.name + " " + std::to_string(m.node) + " " + std::to_string(m.rows) +
                           " " + m.address + " " + hex(m.key) + " " +
                           std::to_string(static_cast<int>(m.presence)) + " " +
                           std::to_string(m.last_heard_s));
    for (Step round = 0; round < 10; ++round)
      for (const FrameReceipt& r : gate.receipts(round))
        seen.lines.push_back(std::to_string(r.from) + " " + tag_text(r.tag) + " " +
                             std::to_string(r.receipt.round) + " " +
                             std::to_string(r.receipt.number) + " " + hex(r.receipt.sha256));
    seen.lines.push_back(std::to_string(gate.current_round()));
    return seen;
  }

  double clock_s = 1000.0;
  std::int64_t wall_s = kTestNow_s;
  std::function<void()> during_content;
  std::mutex events_mutex;
  std::vector<GateEvent> events;
  Gate gate;
};

}  // namespace shoal

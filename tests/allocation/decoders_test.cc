// Decoders of what peers and files say, when the first allocation fails, then the second, and so
// on until one run passes: each gives an error or throws std::bad_alloc, and leaves nothing behind.
// Bytes of peers come in at Upload, FrameReceiver and FederationService, which catch it.
#include <functional>
#include <gtest/gtest.h>
#include <new>

#include "shoal/codec/codec.h"
#include "shoal/codec/top_k.h"
#include "shoal/model/safetensors.h"
#include "shoal/net/checkpoint_store.h"
#include "shoal/net/gate.h"
#include "shoal/net/observation.h"
#include "shoal/net/record_log.h"

#include "tests/allocation/failing_new.h"

namespace shoal {
namespace {

// Runs decode() with ever more allocations; it says whether it has decoded. `untouched` looks at
// what must not have changed when it has not. Once an allocation has failed, all later ones do.
void every_allocation_fails(const std::function<bool()>& decode,
                            const std::function<void()>& untouched) {
  for (long count = 0; count < 10'000; ++count) {
    bool decoded = false;
    fail_after(count);
    try {
      decoded = decode();
    } catch (const std::bad_alloc&) {
    }
    if (!stop_failing()) {
      EXPECT_TRUE(decoded);
      EXPECT_GT(count, 0) << "no allocation was made";
      return;
    }
    // It may do without the memory that it did not get, as an audit line.
    if (!decoded) untouched();
  }
  FAIL() << "no run has passed";
}

TEST(AllocationFailure, Checkpoint) {
  ByteWriter file;
  file.raw(Bytes(100, std::byte{7}));
  file.number<std::uint64_t>(100);
  file.number<std::uint64_t>(3);
  file.raw(sha256(as_bytes("run")));
  file.raw(sha256(file.bytes()));
  file.raw(as_bytes("shoalchk"));
  file.number<std::uint64_t>(1);
  every_allocation_fails(
      [&] {
        Bytes copy = file.bytes();
        return parse_checkpoint(std::move(copy), "run").ok();
      },
      [] {});
}

TEST(AllocationFailure, RecordLog) {
  Bytes file = log_head("run");
  const Bytes payload(50, std::byte{1});
  for (std::uint64_t number = 1; number <= 40; ++number) {
    const Bytes record = log_record(number, {1, payload});
    file.insert(file.end(), record.begin(), record.end());
  }
  every_allocation_fails([&] { return parse_log(file, "run").ok(); }, [] {});
}

TEST(AllocationFailure, SafeTensors) {
  Layout layout;
  layout.add("weight", {3, 4});
  layout.add("bias", {4});
  const std::vector<float> values(layout.size(), 0.5f);
  const Bytes file = *encode_safetensors(layout, values, {{"a long key of the metadata", "b"}});
  every_allocation_fails([&] { return parse_safetensors(file).ok(); }, [] {});
}

TEST(AllocationFailure, TopK) {
  TopKSettings settings;
  settings.ratio = 0.25;
  settings.scope = Scope::kGlobal;
  Table table = write_settings(settings);
  table.set("kind", "top_k");
  const auto codec = codecs().make(table, "test");
  ASSERT_TRUE(codec.ok());
  Layout layout;
  layout.add("weight", {64});
  std::vector<float> row(64);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<float>(i);
  ByteWriter message;
  ASSERT_TRUE((*codec)->encode(row, layout, codec_draws(1, 0, 0), message).ok());
  std::vector<float> decoded(64);
  // A codec need not allocate at all; then the first run passes.
  for (long count = 0;; ++count) {
    bool ok = false;
    fail_after(count);
    try {
      ok = (*codec)->decode(message.bytes(), layout, shared_draws(1, 0), decoded).ok();
    } catch (const std::bad_alloc&) {
    }
    ASSERT_EQ(ok, !stop_failing());
    if (ok) break;
  }
  EXPECT_EQ(decoded[63], 63.0f);
}

class Counting : public Observer {
 public:
  bool wants_model(NodeId, Step) const override { return true; }
  void model(NodeId, Step, std::span<const float>) override { ++shown; }
  void model(NodeId, Step, std::span<const double>) override { ++shown; }
  void figure(NodeId, Step, std::string_view, double) override { ++shown; }
  void step_done(NodeId, Step) override { ++shown; }
  void node_left(NodeId) override { ++shown; }
  int shown = 0;
};

TEST(AllocationFailure, Observation) {
  ReportSchedule schedule;
  schedule.length = 10;
  ObservationWriter writer(schedule);
  writer.model(3, 1, std::vector<float>{1.5f, -2.0f});
  writer.model(3, 2, std::vector<double>{0.25, 4.0});
  writer.figure(3, 2, "train_loss", 0.75);
  writer.step_done(3, 2);
  writer.counts(7, 100, 50);
  Traffic links;
  links.count_links(true);
  links.sent(3, 4, tag("x"), 11);
  writer.traffic(links);
  writer.node_left(3);
  const Bytes bytes = writer.take();
  ObservationLimits limits;
  limits.dimension = 2;
  limits.length = 10;
  limits.nodes = 5;
  limits.only_node = 3;
  Counting observer;
  Traffic traffic;
  every_allocation_fails([&] { return show_observation(bytes, limits, observer, traffic).ok(); },
                         [&] {
                           EXPECT_EQ(observer.shown, 0);
                           EXPECT_EQ(traffic.total().sent_bytes, 0u);
                         });
  EXPECT_EQ(traffic.total().sent_bytes, 11u);
  EXPECT_EQ(observer.shown, 5);
}

// A frame has a receipt if and only if the gate has said so; what was refused may be sent again.
TEST(AllocationFailure, Gate) {
  GateSettings settings;
  settings.run = "run";
  settings.server = "server";
  settings.places = 2;
  settings.frame_bytes_max = 1 << 16;
  Gate gate(
      settings,
      [](const Message& message, const Member&) {
        return message.tensor("row").ok() ? ok_status() : Status(corrupt("no row"));
      },
      [] { return 1.0; }, [] { return std::int64_t{1'900'000'000}; });
  std::string audit;
  gate.on_event([&audit](const GateEvent& event) { audit += event.detail; });
  Member member;
  member.name = "alpha";
  const PeerIdentity peer{"ipv4:127.0.0.1:4711", false, {}, {}, {}};
  ASSERT_TRUE(std::holds_alternative<Member>(gate.join(peer, member)));
  MessageBuilder message(tag("update"), 0);
  message.tensor("row", Bytes(100));
  const Frame body = message.finish();
  FrameHead head;
  head.run = "run";
  head.from = 1;
  head.tag = tag("update");
  head.size_bytes = body->size();
  head.sha256 = sha256(*body);
  every_allocation_fails(
      [&] {
        gate.withdraw(head);
        return !gate.check_head(peer, head) &&
               std::holds_alternative<Receipt>(gate.check_body(peer, head, body));
      },
      [&] { EXPECT_TRUE(gate.receipts(0).empty()); });
  EXPECT_EQ(gate.receipts(0).size(), 1u);
}

}  // namespace
}  // namespace shoal

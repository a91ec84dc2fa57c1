#include "shoal/net/roster.h"

#include <gtest/gtest.h>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

Member named(const std::string& name, std::uint64_t rows = 0) {
  Member member;
  member.name = name;
  member.rows = rows;
  return member;
}
std::string_view reason(const std::variant<NodeId, Refusal>& joined) {
  const auto* refusal = std::get_if<Refusal>(&joined);
  return refusal == nullptr ? "" : refusal->reason;
}

TEST(MemberName, IsShortAndPlain) {
  EXPECT_TRUE(is_member_name("a"));
  EXPECT_TRUE(is_member_name("hospital-7"));
  EXPECT_TRUE(is_member_name(std::string(kNameLengthMax, 'x')));
  EXPECT_FALSE(is_member_name(std::string(kNameLengthMax + 1, 'x')));
  for (const char* name : {"", "A", "a b", "a_b", "a.b", "\xc3\xa4", "a\n"})
    EXPECT_FALSE(is_member_name(name)) << name;
  EXPECT_FALSE(is_member_name(std::string_view("a\0", 2)));
}

TEST(Roster, GivesPlacesInOrderAndKeepsThem) {
  Roster roster(5, 2);
  EXPECT_EQ(std::get<NodeId>(roster.join(named("b"), 1.0)), 5u);
  EXPECT_EQ(std::get<NodeId>(roster.join(named("a"), 1.0)), 6u);
  EXPECT_EQ(reason(roster.join(named("c"), 1.0)), "run_full");
  roster.leave(5);
  EXPECT_EQ(roster.present(), 1u);
  EXPECT_EQ(reason(roster.join(named("c"), 1.0)), "run_full");  // a place is never handed on
  EXPECT_EQ(std::get<NodeId>(roster.join(named("b"), 2.0)), 5u);
  EXPECT_EQ(roster.present(), 2u);
  EXPECT_EQ(roster.find("b")->node, 5u);
  EXPECT_EQ(roster.find(NodeId{6})->name, "a");
  EXPECT_EQ(roster.find(NodeId{7}), nullptr);
  EXPECT_EQ(roster.members().size(), 2u);
}

TEST(Roster, FillsGapsThatAJournalLeft) {
  Roster roster(1, 3);
  Member second = named("second");
  second.node = 2;
  EXPECT_FALSE(roster.place(second, 0.0));
  EXPECT_EQ(std::get<NodeId>(roster.join(named("first"), 0.0)), 1u);
  EXPECT_EQ(std::get<NodeId>(roster.join(named("third"), 0.0)), 3u);
}

TEST(Roster, HoldsMembersToWhatTheyRegistered) {
  Roster roster(1, 3);
  Member certified = named("a", 100);
  certified.key[0] = std::byte{1};
  EXPECT_EQ(reason(roster.join(certified, 0.0)), "");
  EXPECT_EQ(reason(roster.join(named("a", 1000000), 0.0)), "rows_differ");
  EXPECT_EQ(reason(roster.join(named("a", 100), 0.0)), "name_held");
  EXPECT_EQ(roster.find("a")->rows, 100u);
  EXPECT_EQ(roster.find("a")->key, certified.key);
}

TEST(Roster, RefusesAddressesThatAreNone) {
  Roster roster(1, 3);
  for (const std::string& address : {std::string("a b"), std::string("a\n"), std::string("\"x\""),
                                     std::string(kAddressLengthMax + 1, 'x')}) {
    Member member = named("a");
    member.address = address;
    EXPECT_EQ(reason(roster.join(member, 0.0)), "bad_address");
  }
  EXPECT_TRUE(roster.members().empty());
}

TEST(Roster, PlacesOnlyWhereNobodyElseIs) {
  Roster roster(1, 2);
  Member a = named("a");
  a.node = 1;
  EXPECT_FALSE(roster.place(a, 0.0));
  a.address = "10.0.0.1:7";
  EXPECT_FALSE(roster.place(a, 0.0));
  EXPECT_EQ(roster.find("a")->address, "10.0.0.1:7");
  Member b = named("b");
  for (const NodeId node : {0u, 3u, ~0u}) {
    b.node = node;
    EXPECT_EQ(roster.place(b, 0.0)->reason, "bad_place");
  }
  b.node = 1;
  EXPECT_EQ(roster.place(b, 0.0)->reason, "place_held");
  a.node = 2;
  EXPECT_EQ(roster.place(a, 0.0)->reason, "place_held");
}

TEST(Roster, SilenceIsAbsence) {
  Roster roster(1, 2);
  (void)roster.join(named("a"), 0.0);
  (void)roster.join(named("b"), 10.0);
  EXPECT_EQ(roster.mark_silent(kSilence_s + 1.0), std::vector<NodeId>{1});
  EXPECT_TRUE(roster.mark_silent(kSilence_s + 1.0).empty());  // said once
  roster.heard(1, 17.0);
  EXPECT_EQ(roster.present(), 2u);
  roster.leave(1);
  roster.heard(1, 18.0);  // who has left joins again, or stays away
  EXPECT_EQ(roster.present(), 1u);
}

}  // namespace
}  // namespace shoal

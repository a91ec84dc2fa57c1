#include "shoal/attack/mixture.h"

#include <gmock/gmock.h>

#include "shoal/attack/attack_test_tools.h"
#include "shoal/base/toml.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;

Table mixture_of(const std::string& parts) {
  return parse_toml("kind = \"mixture\"\nparts = [" + parts + "]\n").value();
}

std::string refusal(const std::string& parts) {
  return attacks().make(mixture_of(parts), "[attack]").error().message;
}

// Liars 0, 1, ... of the run, at senders of the same ids.
AttackView numbered(const FloatRows& honest, const FloatRows& own,
                    std::vector<std::uint32_t> numbers) {
  AttackView view = view_of(honest, own);
  view.liars = numbers;
  view.liar_numbers = std::move(numbers);
  return view;
}

constexpr const char* kThree =
    "{ kind = \"sign_flip\", liars = 2 }, { kind = \"label_flip\" }, "
    "{ kind = \"constant\", value = 9.0, liars = 2 }";

TEST(Mixture, EveryLiarDoesItsPart) {
  const auto mixture = made_attack<Mixture>(mixture_of(kThree));
  EXPECT_EQ(mixture->liars(), 5u);
  const std::size_t expected[] = {0, 0, 1, 2, 2};
  for (std::size_t liar = 0; liar < 5; ++liar) EXPECT_EQ(mixture->part_of(liar), expected[liar]);
  const FloatRows honest{{1, 1}}, own{{1, 2}, {3, 4}, {5, 6}, {7, 8}, {0, 1}};
  // A liar on data sends what it computed.
  EXPECT_EQ(forged_by(*mixture, numbered(honest, own, {0, 1, 2, 3, 4})),
            (FloatRows{{-1, -2}, {-3, -4}, {5, 6}, {9, 9}, {9, 9}}));
}

// Who is missing changes nothing for the others: the parts go by the numbers of the liars.
TEST(Mixture, LiarsKeepTheirPartsWhenOthersAreMissing) {
  const auto mixture = made_attack<Mixture>(mixture_of(kThree));
  const FloatRows honest{{1, 1}}, own{{3, 4}, {0, 1}};
  EXPECT_EQ(forged_by(*mixture, numbered(honest, own, {1, 4})), (FloatRows{{-3, -4}, {9, 9}}));
}

TEST(Mixture, APartSeesOnlyItsOwnLiars) {
  const auto two = made_attack<Mixture>(
      mixture_of("{ kind = \"little_is_enough\", liars = 2 }, { kind = \"zero\", liars = 6 }"));
  const FloatRows honest{{1, 2}, {4, 5}, {7, 8}};
  const FloatRows own(8, std::vector<float>(2, 1.0f));
  const FloatRows got = forged_by(*two, numbered(honest, own, {0, 1, 2, 3, 4, 5, 6, 7}));
  const FloatRows alone = forged(attack_table("little_is_enough"), honest, FloatRows(2, own[0]));
  EXPECT_EQ(got[0], alone[0]);  // f = 2 of 5, not 8 of 11
  EXPECT_EQ(got[1], alone[1]);
  EXPECT_EQ(got[7], (std::vector<float>{0, 0}));
}

TEST(Mixture, SavesWhatItsPartsRemember) {
  const Table table = mixture_of("{ kind = \"zero\" }, { kind = \"mimic\", warm_up = 1 }");
  const auto first = made_attack<Mixture>(table), resumed = made_attack<Mixture>(table);
  RandomStream stream(9, purpose("mixture"));
  const FloatRows own(2, std::vector<float>(5));
  const FloatRows early = random_rows(stream, 6, 5), late = random_rows(stream, 6, 5);
  forged_by(*first, numbered(early, own, {0, 1}));
  ByteWriter saved;
  first->save(saved);
  ByteReader in(saved.bytes());
  ASSERT_TRUE(resumed->load(in).ok());
  EXPECT_TRUE(in.done());
  EXPECT_EQ(forged_by(*resumed, numbered(late, own, {0, 1})),
            forged_by(*first, numbered(late, own, {0, 1})));
}

TEST(Mixture, RefusesWhatHasNoPlace) {
  EXPECT_THAT(refusal(""), HasSubstr("needs parts"));
  EXPECT_THAT(refusal("3"), HasSubstr("entry 1 is an integer in place of a table"));
  EXPECT_THAT(refusal("{ kind = \"zero\", liars = 0 }"), HasSubstr("liars"));
  EXPECT_THAT(refusal("{ kind = \"zero\" }, { kind = \"bit_flip\" }"),
              HasSubstr("entry 2: a mixture has no place for mixtures"));
  EXPECT_THAT(refusal("{ kind = \"inner_product\", optimise = true }"),
              HasSubstr("attacks that ask the rule"));
  Table more = mixture_of("{ kind = \"zero\" }");
  more.set("liars", std::int64_t{2});
  EXPECT_THAT(attacks().make(more, "[attack]").error().message,
              HasSubstr("unknown setting 'liars'"));
  // A part is asked with its own number of liars.
  const auto mixture = made_attack<Mixture>(mixture_of("{ kind = \"mimic\", liars = 2 }"));
  EXPECT_TRUE(mixture->check(1, 2).ok());
  EXPECT_THAT(mixture->check(0, 2).error().message, HasSubstr("this round has none"));
}

}  // namespace
}  // namespace shoal

// Which feedback goes with which codec, and what is said of the others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shoal/codec/codec_test_tools.h"
#include "shoal/codec/feedback.h"

namespace shoal {
namespace {

using ::testing::HasSubstr;
using Kind = FeedbackKind;

const Layout kLayout = layout_of(10);

std::unique_ptr<Codec> top_k(std::int64_t k) {
  return made(table_of({{"kind", "top_k"}, {"k", k}}));
}
std::unique_ptr<Codec> rand_k(bool scaled, const char* seed_mode = "node") {
  return made(
      table_of({{"kind", "rand_k"}, {"k", 2}, {"scaled", scaled}, {"seed_mode", seed_mode}}));
}

std::string refusal(const FeedbackSettings& settings, const Codec& codec) {
  const auto made = make_feedback(settings, codec, kLayout);
  return made.ok() ? "" : made.error().message;
}

TEST(FeedbackSettings, NumbersOfEachKind) {
  EXPECT_FALSE(make_feedback({}, *top_k(1), kLayout)->any());
  const auto ef = make_feedback({.kind = Kind::kEf}, *top_k(1), kLayout);
  EXPECT_TRUE(ef->keeps_error() && !ef->keeps_shift());
  const auto ef21 = make_feedback({.kind = Kind::kEf21, .momentum_in = 0.25}, *top_k(1), kLayout);
  EXPECT_TRUE(!ef21->keeps_error() && ef21->keeps_shift());
  EXPECT_EQ(ef21->start, ShiftStart::kFull);
  EXPECT_EQ(ef21->momentum_in, 0.25);
  EXPECT_DOUBLE_EQ(make_feedback({.kind = Kind::kEcontrol}, *top_k(2), kLayout)->eta, 0.2);
  EXPECT_EQ(make_feedback({.kind = Kind::kEcontrol, .eta = 0.1}, *top_k(2), kLayout)->eta, 0.1);
  const auto dense = made(table_of({{"kind", "dense"}}));
  EXPECT_EQ(make_feedback({.kind = Kind::kDiana}, *dense, kLayout)->shift_rate, 1.0);
  EXPECT_DOUBLE_EQ(make_feedback({.kind = Kind::kDiana}, *rand_k(true), kLayout)->shift_rate, 0.2);
  const auto phase =
      make_feedback({.kind = Kind::kEfPhase, .phase = 9, .repetitions = 3}, *top_k(1), kLayout);
  EXPECT_EQ(phase->phase, 9u);
  EXPECT_EQ(phase->repetitions, 3u);
  EXPECT_TRUE(make_feedback({.kind = Kind::kEfLinear}, *rand_k(false, "shared"), kLayout).ok());
}

TEST(FeedbackSettings, ErrorFeedbackNeedsAContraction) {
  for (const Kind kind :
       {Kind::kEf, Kind::kEfLinear, Kind::kEf21, Kind::kEcontrol, Kind::kEfDiana, Kind::kEfPhase}) {
    // d/k - 1 = 4.
    EXPECT_THAT(refusal({.kind = kind}, *rand_k(true)), HasSubstr("omega = 4"));
    EXPECT_THAT(refusal({.kind = kind}, *rand_k(true)), HasSubstr("scaled = false"));
    const auto sign = made(table_of({{"kind", "sign"}, {"scaled", false}}));
    EXPECT_THAT(refusal({.kind = kind}, *sign), HasSubstr("contractive"));
  }
}

TEST(FeedbackSettings, DianaNeedsAnUnbiasedCodec) {
  EXPECT_THAT(refusal({.kind = Kind::kDiana}, *top_k(1)), HasSubstr("unbiased codec"));
  EXPECT_THAT(refusal({.kind = Kind::kDiana, .shift_rate = 0.3}, *rand_k(true)),
              HasSubstr("1/(1 + omega) = 0.2"));
}

TEST(FeedbackSettings, EfDianaNamesItsSecondCodec) {
  EXPECT_THAT(refusal({.kind = Kind::kEfDiana}, *top_k(1)), HasSubstr("shift_codec = {"));
  FeedbackSettings settings{.kind = Kind::kEfDiana};
  settings.shift_codec = table_of({{"kind", "top_k"}, {"k", 1}});
  EXPECT_THAT(refusal(settings, *top_k(1)), HasSubstr("unbiased shift_codec"));
  settings.shift_codec = table_of({{"kind", "rand_k"}, {"k", 5}});
  const auto feedback = make_feedback(settings, *top_k(1), kLayout);
  ASSERT_TRUE(feedback.ok());
  EXPECT_EQ(feedback->shift_rate, 0.5);
  settings.shift_rate = 0.6;
  EXPECT_THAT(refusal(settings, *top_k(1)), HasSubstr("runs away"));
  settings.kind = Kind::kEf;
  EXPECT_THAT(refusal(settings, *top_k(1)), HasSubstr("belongs"));
}

TEST(FeedbackSettings, EfLinearNeedsSums) {
  for (const auto& codec : {top_k(2), rand_k(false)})
    EXPECT_THAT(refusal({.kind = Kind::kEfLinear}, *codec), HasSubstr("linear"));
}

TEST(FeedbackSettings, SettingsOfOtherKinds) {
  EXPECT_THAT(refusal({.kind = Kind::kEf, .eta = 0.1}, *top_k(1)), HasSubstr("econtrol"));
  EXPECT_THAT(refusal({.kind = Kind::kEf21, .shift_rate = 0.1}, *top_k(1)), HasSubstr("diana"));
  EXPECT_THAT(refusal({.kind = Kind::kEf, .h_init = ShiftStart::kZero}, *top_k(1)),
              HasSubstr("ef21"));
  EXPECT_THAT(refusal({.kind = Kind::kEcontrol, .momentum_in = 0.5}, *top_k(1)), HasSubstr("ef21"));
  EXPECT_THAT(refusal({.kind = Kind::kEf, .phase = 3}, *top_k(1)), HasSubstr("ef_phase"));
  EXPECT_THAT(refusal({.repetitions = 3}, *top_k(1)), HasSubstr("ef_phase"));
  EXPECT_THAT(refusal({.kind = Kind::kEfPhase, .phase = 3, .repetitions = 4}, *top_k(1)),
              HasSubstr("at most phase"));
}

TEST(FeedbackSettings, WarnsOfALargeEta) {
  const auto warning = [](double eta) {
    return feedback_warning({.kind = Kind::kEcontrol, .eta = eta}, *top_k(2), kLayout);
  };
  EXPECT_FALSE(warning(0.0));
  EXPECT_FALSE(warning(0.3));
  ASSERT_TRUE(warning(0.31));
  EXPECT_THAT(*warning(0.31), HasSubstr("contraction, 0.2"));
}

}  // namespace
}  // namespace shoal

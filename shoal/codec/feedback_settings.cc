// Which settings of feedback go together, and with which codecs.
#include <fmt/format.h>

#include "shoal/codec/composition.h"
#include "shoal/codec/feedback.h"

namespace shoal {
namespace {

const char* name_of(FeedbackKind kind) {
  switch (kind) {
    case FeedbackKind::kNone:
      return "none";
    case FeedbackKind::kEf:
      return "ef";
    case FeedbackKind::kEfLinear:
      return "ef_linear";
    case FeedbackKind::kEf21:
      return "ef21";
    case FeedbackKind::kEcontrol:
      return "econtrol";
    case FeedbackKind::kDiana:
      return "diana";
    case FeedbackKind::kEfDiana:
      return "ef_diana";
    case FeedbackKind::kEfPhase:
      return "ef_phase";
  }
  return "";
}

Error needs_contraction(FeedbackKind kind, const CodecProperties& properties) {
  const std::string cause =
      properties.variance_factor
          ? fmt::format(
                "this one is unbiased with omega = {:.4g}, so what it adds to the error is "
                "more than the error it takes away",
                *properties.variance_factor)
          : std::string("this one is not, so the error would grow");
  return invalid_argument(fmt::format(
      "feedback = \"{}\" needs a contractive codec and {}; use one that keeps entries (top_k, or "
      "rand_k with scaled = false), or feedback = \"diana\" or \"none\"",
      name_of(kind), cause));
}

// A setting that another kind than the chosen one reads was changed.
Status check_belongings(const FeedbackSettings& s) {
  const FeedbackSettings usual;
  const auto refuse = [](const char* setting, const char* kinds) {
    return invalid_argument(
        fmt::format("{} belongs to feedback = {}; leave it out", setting, kinds));
  };
  using Kind = FeedbackKind;
  if (s.eta != usual.eta && s.kind != Kind::kEcontrol) return refuse("eta", "\"econtrol\"");
  if (s.shift_rate != usual.shift_rate && s.kind != Kind::kDiana && s.kind != Kind::kEfDiana)
    return refuse("shift_rate", "\"diana\" or \"ef_diana\"");
  if (s.h_init != usual.h_init && s.kind != Kind::kEf21 && s.kind != Kind::kEcontrol)
    return refuse("h_init", "\"ef21\" or \"econtrol\"");
  if (s.momentum_in != usual.momentum_in && s.kind != Kind::kEf21)
    return refuse("momentum_in", "\"ef21\"");
  if (s.phase != usual.phase && s.kind != Kind::kEfPhase) return refuse("phase", "\"ef_phase\"");
  if (s.repetitions != usual.repetitions && s.kind != Kind::kEfPhase)
    return refuse("repetitions", "\"ef_phase\"");
  if (!s.shift_codec.empty() && s.kind != Kind::kEfDiana)
    return refuse("shift_codec", "\"ef_diana\"");
  return ok_status();
}

// a of DIANA's shift, moved by an unbiased codec; `who` is that codec in a sentence.
Result<double> unbiased_rate(const FeedbackSettings& settings, const Codec& codec,
                             const Layout& layout, const char* who) {
  const auto variance_factor = codec.properties(layout).variance_factor;
  if (!variance_factor)
    return invalid_argument(fmt::format(
        "feedback = \"{}\" needs an unbiased {} and this one is biased; use a random one "
        "(rand_k, qsgd, natural), or feedback = \"ef21\"",
        name_of(settings.kind), who));
  const double rate_max = 1.0 / (1.0 + *variance_factor);
  if (settings.shift_rate > rate_max)
    return invalid_argument(
        fmt::format("shift_rate = {} is above 1/(1 + omega) = {:.4g}, beyond "
                    "which the shift runs away; set it to 0 for that",
                    settings.shift_rate, rate_max));
  return settings.shift_rate > 0.0 ? settings.shift_rate : rate_max;
}

Status add_shift_codec(const FeedbackSettings& settings, const Layout& layout, Feedback& feedback) {
  if (settings.shift_codec.empty())
    return invalid_argument(
        "feedback = \"ef_diana\" sends the news twice, the second time by an unbiased codec: name "
        "it, as in shift_codec = { kind = \"rand_k\", ratio = 0.1 }");
  SHOAL_TRY(feedback.shift_codec, make_codec(settings.shift_codec, "[codec] shift_codec"));
  SHOAL_TRY(feedback.shift_rate,
            unbiased_rate(settings, *feedback.shift_codec, layout, "shift_codec"));
  return ok_status();
}

Status add_phases(const FeedbackSettings& settings, Feedback& feedback) {
  if (settings.repetitions > settings.phase)
    return invalid_argument(fmt::format(
        "{} repetitions every {} rounds would be more messages for the shift than for the rows; "
        "set repetitions to at most phase",
        settings.repetitions, settings.phase));
  feedback.shift_rate = 1.0;
  feedback.phase = static_cast<std::uint32_t>(settings.phase);
  feedback.repetitions = static_cast<std::uint32_t>(settings.repetitions);
  return ok_status();
}

}  // namespace

void describe(Settings& s, FeedbackSettings& v) {
  s.choice("feedback", v.kind, "what is remembered of what the codec left out",
           {{"none", FeedbackKind::kNone},
            {"ef", FeedbackKind::kEf},
            {"ef_linear", FeedbackKind::kEfLinear},
            {"ef21", FeedbackKind::kEf21},
            {"econtrol", FeedbackKind::kEcontrol},
            {"diana", FeedbackKind::kDiana},
            {"ef_diana", FeedbackKind::kEfDiana},
            {"ef_phase", FeedbackKind::kEfPhase}},
           {.paper = "1901.09847, 2106.05203, 2311.05645, 1901.09269, 2009.02388, 2010.12292"});
  s.real("eta", v.eta,
         "share of the error that econtrol feeds back; 0: the codec's contraction. Above 1.5 times "
         "that it becomes unstable, and at 3 times it diverges",
         {.range = at_least(0).up_to(1), .paper = "2311.05645"});
  s.real("shift_rate", v.shift_rate,
         "share of a message that diana and ef_diana add to the shift; 0: 1/(1 + omega), its "
         "largest",
         {.range = at_least(0).up_to(1), .paper = "1901.09269"});
  s.choice("h_init", v.h_init,
           "first message of ef21 and econtrol: the whole row, uncompressed; what the codec makes "
           "of it, the rest being forgotten; or a message like any other",
           {{"full", ShiftStart::kFull},
            {"compressed", ShiftStart::kCompressed},
            {"zero", ShiftStart::kZero}},
           {.paper = "2311.05645"});
  s.real("momentum_in", v.momentum_in, "b of ef21's rows: v <- (1 - b) v + b g; 1: v = g",
         {.range = above(0).up_to(1), .paper = "2305.15155"});
  s.integer("phase", v.phase,
            "ef_phase sends its shift anew every so many rounds; use full gradients (batch = 0)",
            {.range = at_least(1).up_to(1e9), .unit = "rounds", .paper = "2009.02388"});
  s.integer("repetitions", v.repetitions, "messages of ef_phase that bring its shift nearer",
            {.range = at_least(1).up_to(10000), .paper = "2009.02388"});
}

bool keeps_shift(FeedbackKind kind) {
  return kind != FeedbackKind::kNone && kind != FeedbackKind::kEf &&
         kind != FeedbackKind::kEfLinear;
}

Result<Feedback> make_feedback(const FeedbackSettings& settings, const Codec& codec,
                               const Layout& layout) {
  SHOAL_TRY_STATUS(check_belongings(settings));
  Feedback feedback;
  if (settings.kind == FeedbackKind::kNone) return feedback;
  if (settings.kind == FeedbackKind::kDiana) {
    SHOAL_TRY(feedback.shift_rate, unbiased_rate(settings, codec, layout, "codec"));
    return feedback;
  }
  const CodecProperties properties = codec.properties(layout);
  if (!properties.contraction) return needs_contraction(settings.kind, properties);
  feedback.eta = 1.0;
  switch (settings.kind) {
    case FeedbackKind::kEfLinear:
      if (!properties.linear)
        return invalid_argument(
            "feedback = \"ef_linear\" needs a linear codec, whose messages can be summed, and this "
            "one chooses by each row's own values or draws; use grbs, or rand_k or random_block "
            "with scaled = false and seed_mode = \"shared\", or feedback = \"ef\"");
      break;
    case FeedbackKind::kEf21:
    case FeedbackKind::kEcontrol:
      feedback.eta = settings.kind == FeedbackKind::kEf21 ? 0.0
                     : settings.eta > 0.0                 ? settings.eta
                                                          : *properties.contraction;
      feedback.shift_rate = 1.0;
      feedback.start = settings.h_init;
      feedback.momentum_in = settings.momentum_in;
      break;
    case FeedbackKind::kEfDiana:
      SHOAL_TRY_STATUS(add_shift_codec(settings, layout, feedback));
      break;
    case FeedbackKind::kEfPhase:
      SHOAL_TRY_STATUS(add_phases(settings, feedback));
      break;
    default:
      break;
  }
  return feedback;
}

std::optional<std::string> feedback_warning(const FeedbackSettings& settings, const Codec& codec,
                                            const Layout& layout) {
  const auto contraction = codec.properties(layout).contraction;
  if (settings.kind != FeedbackKind::kEcontrol || !contraction) return std::nullopt;
  if (settings.eta <= 1.5 * *contraction) return std::nullopt;
  return fmt::format(
      "eta = {} of econtrol is above 1.5 times the codec's contraction, {:.4g}, where the error "
      "may grow without bound; eta = 0 takes the contraction itself",
      settings.eta, *contraction);
}

}  // namespace shoal

#include "shoal/method/one_byte.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "shoal/base/crc32c.h"
#include "shoal/base/log.h"
#include "shoal/method/entries.h"

namespace shoal {
namespace {

// Modelled: Philox, the quantile and the sum, for one number of one direction.
constexpr double kFlopsPerNumber = 40.0;
constexpr double kEpsMinInFloat = 1e-4;
// With it, rounds * samples stay below 2^32: what directions are keyed by.
constexpr std::int64_t kRoundsMax = 1'000'000;
constexpr std::int64_t kSamplesMax = 4096;
constexpr std::size_t kWorkersMax = 10000;  // an inbox holds a round of them and early frames

}  // namespace

void describe(Settings& s, OneByteSettings& v) {
  s.integer("rounds", v.rounds, "rounds of the run", {.range = at_least(1).up_to(kRoundsMax)});
  s.integer("samples", v.samples, "directions of a worker and round",
            {.range = at_least(1).up_to(kSamplesMax), .paper = "2306.10015: S"});
  s.integer("batch", v.batch, "rows of a sample; 0: all rows of the worker",
            {.range = at_least(0)});
  s.real("eps", v.eps, "how far the loss is looked at along a direction",
         {.range = above(0), .paper = "2305.17333"});
  s.real("learning_rate", v.learning_rate, "step size", {.range = above(0)});
  s.choice("code", v.code, "how a slope is sent",
           {{"byte", SlopeCode::kByte},
            {"byte_stochastic", SlopeCode::kByteStochastic},
            {"f32", SlopeCode::kF32},
            {"sign", SlopeCode::kSign}},
           {.paper = "2306.10015"});
  s.choice("norm", v.norm, "what N samples are divided by: N or its root",
           {{"mean", SlopeNorm::kMean}, {"sqrt", SlopeNorm::kSqrt}},
           {.paper = "2306.10015: its code takes the root"});
  s.choice("directions", v.directions, "law of a direction's elements",
           {{"gaussian", DirectionLaw::kGaussian}, {"rademacher", DirectionLaw::kRademacher}});
  s.choice("evaluate", v.evaluate,
           "where the loss is looked at: on a copy of the parameters, or on themselves, which are "
           "then a rounding error off until they are restored",
           {{"copy", Evaluating::kCopy}, {"in_place", Evaluating::kInPlace}},
           {.paper = "2305.17333"});
  s.integer("restore_every", v.restore_every,
            "with in_place: the parameters are put right after so many rounds",
            {.range = at_least(1).up_to(kRoundsMax), .unit = "rounds"});
  s.integer("hash_every", v.hash_every,
            "checksums of the parameters are compared after so many rounds",
            {.range = at_least(1).up_to(kRoundsMax), .unit = "rounds"});
  s.real("clip", v.clip, "slopes are cut to so many times the round's median size; 0: never",
         {.range = at_least(0)});
  s.real("round_deadline_s", v.round_deadline_s, "a round closes after this; 0: the run's patience",
         {.range = at_least(0), .unit = "s"});
}

std::vector<double> clipped_slopes(std::vector<double> slopes, double clip) {
  std::vector<double> sizes;
  for (const double slope : slopes)
    if (slope != 0.0) sizes.push_back(std::abs(slope));
  if (clip == 0.0 || sizes.empty()) return slopes;
  const auto middle = sizes.begin() + static_cast<std::ptrdiff_t>((sizes.size() - 1) / 2);
  std::nth_element(sizes.begin(), middle, sizes.end());
  const double bound = clip * *middle;
  for (double& slope : slopes) slope = std::clamp(slope, -bound, bound);
  return slopes;
}

template <class Scalar>
void apply_round(const OneByteJob<Scalar>& job, Step round, const CountedRound& counted,
                 std::span<Scalar> x) {
  if (counted.slopes.empty()) return;
  const std::vector<double> slopes = clipped_slopes(counted.slopes, job.settings.clip);
  std::vector<DirectionTerm> terms;
  terms.reserve(slopes.size());
  for (std::size_t i = 0; i < slopes.size(); ++i) {
    const NodeId node = counted.workers[i / job.samples()] + 1;
    const auto sample = static_cast<std::uint32_t>(i % job.samples());
    terms.push_back({{round, node, sample}, slopes[i]});
  }
  const auto n = static_cast<double>(slopes.size());
  const double norm = job.settings.norm == SlopeNorm::kMean ? 1.0 / n : 1.0 / std::sqrt(n);
  apply_terms<Scalar>(job.directions, terms, -job.settings.learning_rate * norm, x, job.pool);
}

template <class Scalar>
std::vector<Scalar> replay_log(const OneByteJob<Scalar>& job, const RoundLog& log,
                               std::size_t rounds) {
  std::vector<Scalar> x = job.problem->initial;
  ByteReader in(log.rounds(0, rounds));
  for (Step round = 0; round < rounds; ++round) {
    const auto counted = read_round(job.shape, in);
    SHOAL_CHECK(counted.ok(), "a log of our own can be read");
    apply_round<Scalar>(job, round, *counted, x);
  }
  return x;
}

template <class Scalar>
double apply_round_flops(const OneByteJob<Scalar>& job, std::size_t samples) {
  return kFlopsPerNumber * static_cast<double>(samples) *
         static_cast<double>(job.problem->dimension());
}

template <class Scalar>
std::uint32_t parameter_hash(std::span<const Scalar> parameters) {
  return crc32c(std::as_bytes(parameters));
}

namespace {

Status check_settings(const OneByteSettings& settings, const MethodParts& parts) {
  if (parts.codec || parts.feedback.kind != FeedbackKind::kNone)
    return unsupported("one_byte sends slopes, not rows: method.code says how; leave [codec] out");
  if (parts.make_rule)
    return unsupported(
        "one_byte adds up what is counted, and clip bounds a liar's part in it; leave [rule] out");
  if (settings.evaluate == Evaluating::kInPlace &&
      settings.hash_every % settings.restore_every != 0)
    return invalid_argument(fmt::format(
        "checksums agree only of restored parameters: hash_every = {} is no multiple of "
        "restore_every = {}",
        settings.hash_every, settings.restore_every));
  if (parts.workers() > kWorkersMax)
    return limit_exceeded(
        fmt::format("{} workers; a coordinator takes at most {}", parts.workers(), kWorkersMax));
  return ok_status();
}

}  // namespace

template <class Scalar>
Result<std::shared_ptr<const OneByteJob<Scalar>>> make_one_byte_job(
    const OneByteSettings& settings, const MethodParts& parts, const Problem<Scalar>& problem) {
  SHOAL_TRY_STATUS(check_settings(settings, parts));
  auto job = std::make_shared<OneByteJob<Scalar>>();
  job->settings = settings;
  job->problem = &problem;
  job->directions =
      Directions(parts.seed, static_cast<std::uint32_t>(settings.samples), settings.directions);
  job->shape = {problem.workers(), static_cast<std::size_t>(settings.samples), settings.code};
  for (std::size_t worker = 0; worker < problem.workers(); ++worker)
    if (parts.own_data || !problem.rows[worker].empty())
      job->workers.push_back(static_cast<NodeId>(worker + 1));
  if (job->workers.empty()) return invalid_argument("no worker has any data; change [partition]");
  job->patience_s = settings.round_deadline_s > 0.0 ? settings.round_deadline_s : parts.patience_s;
  job->pool = parts.pool;
  return std::shared_ptr<const OneByteJob<Scalar>>(std::move(job));
}

namespace {

Status check_counted(const Message& message, const RoundShape& shape) {
  if (message.tag() == kRoundTag && message.round() == 0) return ok_status();
  SHOAL_TRY(const ByteView bytes, message.tensor("counted"));
  ByteReader in(bytes);
  const auto counted = read_round(shape, in);
  if (!counted.ok()) return counted.error();
  return in.done() ? ok_status() : Status(corrupt("bytes behind what counted in a round"));
}

Status check_log(const Message& message, const RoundShape& shape) {
  const auto from = message.count("from");
  if (!from.ok()) return from.error();
  if (*from >= message.round()) return corrupt("a log of rounds to come");
  SHOAL_TRY(const ByteView bytes, message.tensor("rounds"));
  ByteReader in(bytes);
  while (!in.done())
    if (const auto counted = read_round(shape, in); !counted.ok()) return counted.error();
  return ok_status();
}

// What reaches a coordinator or a worker from outside.
Status check_one_byte(const Message& message, const RoundShape& shape) {
  if (message.tag() == kSlopesTag) {
    SHOAL_TRY(const ByteView bytes, message.tensor("slopes"));
    const auto slopes = decode_slopes(shape.code, bytes, shape.samples);
    return slopes.ok() ? ok_status() : Status(slopes.error());
  }
  if (message.tag() == kHereTag) {
    SHOAL_TRY(const std::uint64_t next, message.count("next"));
    if (next > message.round()) return corrupt("a worker that is ahead of the open round");
    return ok_status();
  }
  if (message.tag() == kLogTag) return check_log(message, shape);
  if (message.tag() == kRoundTag || message.tag() == kOverTag) return check_counted(message, shape);
  return invalid_argument(fmt::format("one_byte knows no message '{}'", tag_text(message.tag())));
}

class OneByte : public Method {
 public:
  explicit OneByte(const OneByteSettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 1; }
  Step length() const override { return static_cast<Step>(settings_.rounds); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    if (settings_.eps < kEpsMinInFloat)
      log_event(LogLevel::kWarning, "small_eps",
                {{"eps", fmt::format("{}", settings_.eps)},
                 {"why", "below 1e-4 the two losses differ by little more than float rounding"}});
    return prepare_in<float>(parts, *parts.in_float);
  }

  // The log is all that a newcomer needs, and it asks for that itself.
  Status newcomer() const override { return ok_status(); }

  // A liar forges slopes, each along a direction of its own: what it can say at all. Its checksum
  // stands, or it would not count.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    const auto codec = std::make_shared<const SlopeCodec>(settings_.code);
    RowPlace place;
    place.tag = kSlopesTag;
    place.parts = {"slopes"};
    place.layout.add("slopes", {static_cast<std::uint32_t>(settings_.samples)});
    place.codec = codec.get();
    place.owner = codec;
    place.draws = [seed = parts.seed](NodeId sender, Step round) {
      Draws draws = codec_draws(seed, sender, round);
      draws.own = RandomStream(seed, purpose("slope rounding"), sender, round);
      return draws;
    };
    place.lossless = "set code = \"f32\"";
    return std::vector<RowPlace>{std::move(place)};
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    const RoundShape shape{parts.workers(), static_cast<std::size_t>(settings_.samples),
                           settings_.code};
    return ContentCheck(
        [shape](const Message& message, auto) { return check_one_byte(message, shape); });
  }

 private:
  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    SHOAL_TRY(const auto job, make_one_byte_job<Scalar>(settings_, parts, problem));
    return Program([job](Node& node) {
      return node.id() == kCoordinator ? one_byte_coordinator<Scalar>(node, job)
                                       : one_byte_worker<Scalar>(node, job);
    });
  }

  OneByteSettings settings_;
};

Result<std::unique_ptr<Method>> make_one_byte(const OneByteSettings& settings) {
  return std::unique_ptr<Method>(std::make_unique<OneByte>(settings));
}

}  // namespace

CatalogueEntry<Method> one_byte_entry() {
  return catalogue_entry<Method, OneByteSettings>(
      "one_byte", "slopes along shared random directions: a byte a gradient", "2306.10015",
      &make_one_byte);
}

template void apply_round<float>(const OneByteJob<float>&, Step, const CountedRound&,
                                 std::span<float>);
template void apply_round<double>(const OneByteJob<double>&, Step, const CountedRound&,
                                  std::span<double>);
template std::vector<float> replay_log<float>(const OneByteJob<float>&, const RoundLog&,
                                              std::size_t);
template std::vector<double> replay_log<double>(const OneByteJob<double>&, const RoundLog&,
                                                std::size_t);
template double apply_round_flops<float>(const OneByteJob<float>&, std::size_t);
template double apply_round_flops<double>(const OneByteJob<double>&, std::size_t);
template std::uint32_t parameter_hash<float>(std::span<const float>);
template std::uint32_t parameter_hash<double>(std::span<const double>);
template Result<std::shared_ptr<const OneByteJob<float>>> make_one_byte_job<float>(
    const OneByteSettings&, const MethodParts&, const Problem<float>&);
template Result<std::shared_ptr<const OneByteJob<double>>> make_one_byte_job<double>(
    const OneByteSettings&, const MethodParts&, const Problem<double>&);

}  // namespace shoal

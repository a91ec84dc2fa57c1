#include "shoal/method/variational.h"

#include <cmath>
#include <fmt/format.h>
#include <numeric>

#include "shoal/base/toml.h"
#include "shoal/codec/composition.h"
#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"

namespace shoal {

bool draws_anchor(std::uint64_t seed, double tau, Step step) {
  return RandomStream(seed, purpose("anchor"), 0, step).uniform() < 1.0 - tau;
}

Draws device_draws(std::uint64_t seed, NodeId sender, Step round, bool common) {
  Draws draws = codec_draws(seed, sender, round);
  if (!common)
    draws.shared = RandomStream(seed, purpose("codec, device and server"), sender, round);
  return draws;
}
Draws server_draws(std::uint64_t seed, Step round) {
  return {RandomStream(seed, purpose("server codec"), kVariationalServer, round),
          RandomStream(seed, purpose("server codec shared"), kVariationalServer, round)};
}

template <class Scalar>
bool VariationalJob<Scalar>::moves_anchor(Step step) const {
  return has_anchor() && (step == 0 || draws_anchor(seed, settings.tau, step - 1));
}

template <class Scalar>
std::vector<NodeId> VariationalJob<Scalar>::participants(Step step) const {
  const std::size_t workers = problem->workers();
  const auto wanted = static_cast<std::size_t>(settings.participants);
  if (wanted == 0 || wanted == workers) {
    std::vector<NodeId> all(workers);
    std::iota(all.begin(), all.end(), NodeId{1});
    return all;
  }
  RandomStream stream(seed, purpose("participants"), kVariationalServer, step);
  std::vector<NodeId> drawn = stream.sample(workers, wanted);
  for (NodeId& node : drawn) ++node;
  return drawn;
}

template struct VariationalJob<float>;
template struct VariationalJob<double>;

namespace {

constexpr std::size_t kWorkersMax = 10000;  // an inbox holds a round of them and early frames

void describe_common(Settings& s, VariationalSettings& v) {
  s.integer("iterations", v.iterations, "iterations of the run", {.range = at_least(1).up_to(1e9)});
  s.real("gamma", v.gamma, "step size", {.range = above(0), .paper = "2110.03313: gamma"});
  s.integer("batch", v.batch, "rows of an operator; 0: all rows of the worker",
            {.range = at_least(0)});
}
void describe_common_draws(Settings& s, VariationalSettings& v) {
  s.flag("common_draws", v.common_draws,
         "the workers' codecs draw the same numbers, not each its own with the server");
}
void describe_server_codec(Settings& s, VariationalSettings& v) {
  s.texts("server_codec", v.server_codec,
          "what the server compresses its answers with: settings of a [codec], like "
          "[\"kind=top_k\", \"k=8\"]; empty: dense");
}

// What a method has settings for, beyond those in common.
struct MashaSettings : VariationalSettings {};
struct Masha2Settings : VariationalSettings {};
struct ExtragradientSettings : VariationalSettings {};
struct NaiveSettings : VariationalSettings {};

void describe_anchor(Settings& s, VariationalSettings& v) {
  s.real("tau", v.tau, "the anchor moves with probability 1 - tau; the point counts tau beside it",
         {.range = at_least(0).below(1), .paper = "2110.03313: 1 - k/d balances both uploads"});
  s.integer("participants", v.participants, "workers of an iteration; 0: all of them",
            {.range = at_least(0).up_to(kWorkersMax), .unit = "workers"});
}
void describe(Settings& s, MashaSettings& v) {
  describe_common(s, v);
  describe_anchor(s, v);
  describe(s, v.constraint);
  describe_common_draws(s, v);
  describe_server_codec(s, v);
}
void describe(Settings& s, Masha2Settings& v) {
  describe_common(s, v);
  describe_anchor(s, v);
  describe_common_draws(s, v);
  describe_server_codec(s, v);
}
void describe(Settings& s, ExtragradientSettings& v) {
  describe_common(s, v);
  describe(s, v.constraint);
}
void describe(Settings& s, NaiveSettings& v) {
  describe_common(s, v);
  describe_common_draws(s, v);
  describe_server_codec(s, v);
}

Result<std::unique_ptr<const Codec>> codec_of(const std::vector<std::string>& settings) {
  Table table;
  for (const std::string& setting : settings) {
    const std::size_t equals = setting.find('=');
    if (equals == std::string::npos || equals == 0)
      return invalid_argument(fmt::format("server_codec: '{}' is no key=value", setting));
    const std::string text = setting.substr(equals + 1);
    auto value = parse_toml_value(text);
    SHOAL_TRY_STATUS(set_path(table, setting.substr(0, equals),
                              value.ok() ? std::move(value).value() : Value(text)));
  }
  if (settings.empty()) table.set("kind", "dense");
  SHOAL_TRY(auto codec, make_codec(table, "server_codec"));
  return std::unique_ptr<const Codec>(std::move(codec));
}

// The class of codecs that a method is proved for.
Status check_codec(VariationalKind kind, const char* whose, const CodecProperties& codec) {
  const bool unbiased = codec.lossless || codec.variance_factor.has_value();
  const bool contractive = codec.lossless || codec.contraction.has_value();
  switch (kind) {
    case VariationalKind::kMasha1:
      if (!unbiased)
        return unsupported(fmt::format(
            "masha1 needs an unbiased codec, for its mean stands for the operator, and {} is not: "
            "take rand_k or qsgd, or masha2, whose errors make up for a bias",
            whose));
      return ok_status();
    case VariationalKind::kMasha2:
    case VariationalKind::kEfGda:
      if (!contractive)
        return unsupported(fmt::format(
            "{} keeps what a codec loses, which grows without bound unless it is contractive, and "
            "{} is not: take top_k, or rand_k with scaled = false",
            kind == VariationalKind::kMasha2 ? "masha2" : "ef_gda", whose));
      return ok_status();
    case VariationalKind::kExtragradient:
      if (!codec.lossless)
        return unsupported("extragradient sends everything; leave [codec] out, or take masha1");
      return ok_status();
    case VariationalKind::kCompressedExtragradient:
    case VariationalKind::kQsgda:
      return ok_status();
  }
  return ok_status();
}

class Variational : public Method {
 public:
  Variational(VariationalKind kind, const VariationalSettings& settings)
      : kind_(kind), settings_(settings) {}

  std::size_t servers() const override { return 1; }
  Step length() const override { return static_cast<Step>(settings_.iterations); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    if (parts.in_double) return prepare_in<double>(parts, *parts.in_double);
    return prepare_in<float>(parts, *parts.in_float);
  }

  Status newcomer() const override {
    return unsupported(
        "the point, the anchor and the operator there have to be known to the last bit, and an "
        "answer that was missed cannot be had again");
  }

  // What workers send of their operators, compressed, and whole where there is an anchor. Messages
  // that the server takes one by one (anchors, half steps) meet no row of anybody else.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    if (parts.in_double) return places_in<double>(parts, *parts.in_double);
    return places_in<float>(parts, *parts.in_float);
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    if (parts.in_double) return check_in<double>(parts, *parts.in_double);
    return check_in<float>(parts, *parts.in_float);
  }

 private:
  template <class Scalar>
  Result<std::shared_ptr<const VariationalJob<Scalar>>> make_job(
      const MethodParts& parts, const Problem<Scalar>& problem) const {
    SHOAL_TRY_STATUS(check_parts(parts));
    auto job = std::make_shared<VariationalJob<Scalar>>();
    job->kind = kind_;
    job->settings = settings_;
    job->problem = &problem;
    job->seed = parts.seed;
    job->patience_s = parts.patience_s;
    job->device_codec = parts.codec;
    if (!job->device_codec) {
      SHOAL_TRY(job->own_device_codec, codec_of({}));
      job->device_codec = job->own_device_codec.get();
    }
    SHOAL_TRY(job->server_codec, codec_of(settings_.server_codec));
    const Layout& layout = problem.models->layout();
    SHOAL_TRY_STATUS(check_codec(kind_, "[codec]", job->device_codec->properties(layout)));
    SHOAL_TRY_STATUS(check_codec(kind_, "server_codec", job->server_codec->properties(layout)));
    for (std::size_t worker = 0; worker < problem.workers(); ++worker)
      if (problem.rows[worker].empty() && !parts.own_data)
        return invalid_argument(
            fmt::format("worker {} has no data, and every worker has an operator of its own: "
                        "change [partition]",
                        worker));
    return std::shared_ptr<const VariationalJob<Scalar>>(std::move(job));
  }

  Status check_parts(const MethodParts& parts) const {
    if (parts.make_rule)
      return unsupported("the operator is the plain mean over the workers; leave [rule] out");
    if (parts.feedback.kind != FeedbackKind::kNone)
      return unsupported(
          "masha2 and ef_gda keep errors in units of the step themselves, and the others keep "
          "none; "
          "leave feedback out of [codec]");
    const auto participants = static_cast<std::size_t>(settings_.participants);
    if (participants > parts.workers())
      return invalid_argument(
          fmt::format("{} participants of {} workers", participants, parts.workers()));
    if (parts.workers() > kWorkersMax)
      return limit_exceeded(
          fmt::format("{} workers; a server takes at most {}", parts.workers(), kWorkersMax));
    return ok_status();
  }

  template <class Scalar>
  Result<Program> prepare_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    SHOAL_TRY(const auto job, make_job<Scalar>(parts, problem));
    return Program([job](Node& node) {
      return node.id() == kVariationalServer ? variational_server<Scalar>(node, job)
                                             : variational_worker<Scalar>(node, job);
    });
  }

  template <class Scalar>
  Result<ContentCheck> check_in(const MethodParts& parts, const Problem<Scalar>& problem) const {
    SHOAL_TRY(const auto job, make_job<Scalar>(parts, problem));
    return ContentCheck([job](const Message& message, auto) -> Status {
      if (message.tag() == kAnchorTag || message.tag() == kOperatorTag)
        return check_vector<float>(message, "f", job->dimension());
      const bool answer = message.tag() == kAnswerTag || message.tag() == kHalfAnswerTag;
      if (!answer && message.tag() != kDeltaTag && message.tag() != kHalfTag)
        return invalid_argument(
            fmt::format("this method knows no message '{}'", tag_text(message.tag())));
      SHOAL_TRY(const ByteView bytes, message.tensor("row"));
      const Codec& codec = answer ? *job->server_codec : *job->device_codec;
      const bool half = message.tag() == kHalfTag || message.tag() == kHalfAnswerTag;
      if (message.tag() == kAnswerTag && message.round() == 0)
        return corrupt("an answer before the first iteration");
      const Step step = message.round() - (message.tag() == kAnswerTag ? 1 : 0);
      const Step round = job->message_round(step, half ? 0 : job->exchanges() - 1);
      const Draws draws =
          answer ? server_draws(job->seed, round)
                 : device_draws(job->seed, message.sender(), round, job->settings.common_draws);
      std::vector<float> row(job->dimension());
      return codec.decode(bytes, job->layout(), draws.shared, row);
    });
  }

  template <class Scalar>
  Result<std::vector<RowPlace>> places_in(const MethodParts& parts,
                                          const Problem<Scalar>& problem) const {
    SHOAL_TRY(const auto job, make_job<Scalar>(parts, problem));
    const auto encoded = [&job](Tag tag, std::size_t exchange) {
      RowPlace place;
      place.tag = tag;
      place.parts = {"row"};
      place.layout = job->layout();
      place.codec = job->device_codec;
      place.owner = job;
      place.draws = [job, exchange](NodeId sender, Step step) {
        return device_draws(job->seed, sender, job->message_round(step, exchange),
                            job->settings.common_draws);
      };
      return place;
    };
    std::vector<RowPlace> places{encoded(kDeltaTag, job->exchanges() - 1)};
    places[0].senders = [job](Step step) { return job->participants(step); };
    if (job->exchanges() == 2) places.push_back(encoded(kHalfTag, 0));
    if (job->has_anchor()) {
      RowPlace anchor;
      anchor.tag = kAnchorTag;
      anchor.parts = {"f"};
      anchor.layout = job->layout();
      places.push_back(anchor);
    }
    return places;
  }

  VariationalKind kind_;
  VariationalSettings settings_;
};

template <VariationalKind kKind, class S>
Result<std::unique_ptr<Method>> make_variational(const S& settings) {
  VariationalSettings all = settings;
  if (kKind == VariationalKind::kExtragradient) all.tau = 0.0;
  return std::unique_ptr<Method>(std::make_unique<Variational>(kKind, all));
}

}  // namespace

CatalogueEntry<Method> masha1_entry() {
  return catalogue_entry<Method, MashaSettings>(
      "masha1", "extragradient with an anchor and unbiased compression", "2110.03313",
      &make_variational<VariationalKind::kMasha1, MashaSettings>);
}
CatalogueEntry<Method> masha2_entry() {
  return catalogue_entry<Method, Masha2Settings>(
      "masha2", "extragradient with an anchor, contractive compression and error feedback",
      "2110.03313", &make_variational<VariationalKind::kMasha2, Masha2Settings>);
}
CatalogueEntry<Method> extragradient_entry() {
  return catalogue_entry<Method, ExtragradientSettings>(
      "extragradient", "a half step, and a step with what is found there", "2110.03313",
      &make_variational<VariationalKind::kExtragradient, ExtragradientSettings>);
}
CatalogueEntry<Method> compressed_extragradient_entry() {
  return catalogue_entry<Method, NaiveSettings>(
      "compressed_extragradient", "both calls compressed, without an anchor: does not converge",
      "2110.03313", &make_variational<VariationalKind::kCompressedExtragradient, NaiveSettings>);
}
CatalogueEntry<Method> qsgda_entry() {
  return catalogue_entry<Method, NaiveSettings>(
      "qsgda", "descent and ascent along compressed operators: does not converge", "2110.03313",
      &make_variational<VariationalKind::kQsgda, NaiveSettings>);
}
CatalogueEntry<Method> ef_gda_entry() {
  return catalogue_entry<Method, NaiveSettings>(
      "ef_gda", "descent and ascent with error feedback: does not converge", "2110.03313",
      &make_variational<VariationalKind::kEfGda, NaiveSettings>);
}

}  // namespace shoal

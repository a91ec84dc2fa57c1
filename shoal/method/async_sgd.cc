// Asynchronous SGD at a server: a gradient counts when it comes, whatever model it was taken at.
//
//   worker: takes the gradient of a batch at the model it was last sent, and sends it
//   server: for every gradient that comes, x <- x - lr g, or with what a [rule] makes of g alone;
//           answers its sender with the new x
//
// Zeno++ (Xie, Koyejo and Gupta, ICML 2020, 1903.07020) is this with [rule] kind =
// "zeno_plus_plus" and [validation] rows: every `trusted_every` arrivals the server takes the
// gradient of its own rows at its own model, and the rule compares what comes with that. The first
// `clean_arrivals` count without the rule.
//
// There is no barrier and no cohort: a slow worker costs its own gradients, not the others' time. A
// worker that is not answered within the patience takes another gradient at the model it has, so a
// lost message costs that patience and no more.
//
// Wire, per arrival: 4d bytes down with a version number, the encoded gradient up with the version
// of its model. Cost: a decoding and the rule per arrival, and one gradient on the server's rows
// per trusted_every arrivals.
#include <cmath>
#include <fmt/format.h>
#include <optional>

#include "shoal/codec/row.h"
#include "shoal/math/vector.h"
#include "shoal/method/entries.h"
#include "shoal/method/exchange.h"
#include "shoal/method/replica.h"

namespace shoal {
namespace {

constexpr Tag kModel = tag("model");
constexpr Tag kGradient = tag("gradient");
constexpr Tag kOver = tag("over");
constexpr NodeId kServerNode = 0;

struct AsyncSettings {
  std::int64_t arrivals = 3000;
  std::int64_t batch = 32;
  std::int64_t staleness_max = 0;  // 0: any
  std::int64_t trusted_every = 10;
  std::int64_t trusted_batch = 128;
  std::int64_t clean_arrivals = 0;
  OptimizerSettings optimizer;
};

void describe(Settings& s, AsyncSettings& v) {
  s.integer("arrivals", v.arrivals, "gradients the server takes in",
            {.range = at_least(1).up_to(1e9)});
  s.integer("batch", v.batch, "rows of a gradient; 0: all rows of the worker",
            {.range = at_least(0)});
  s.integer("staleness_max", v.staleness_max,
            "gradients taken at a model more than so many arrivals ago do not count; 0: all do",
            {.range = at_least(0), .unit = "arrivals"});
  s.integer("trusted_every", v.trusted_every,
            "with a rule that trusts a row: arrivals between two gradients of the server's own",
            {.range = at_least(1), .unit = "arrivals", .paper = "1903.07020"});
  s.integer("trusted_batch", v.trusted_batch,
            "rows of [validation] that such a gradient is taken on, drawn anew each time",
            {.range = at_least(1), .unit = "rows", .paper = "1903.07020"});
  s.integer("clean_arrivals", v.clean_arrivals, "the first so many count without the rule",
            {.range = at_least(0), .unit = "arrivals"});
  describe(s, v.optimizer);
}

struct AsyncJob {
  const Problem<float>* problem = nullptr;
  AsyncSettings settings;
  const Codec* codec = nullptr;  // null: raw
  CodecWork codec_work;
  std::function<Result<std::unique_ptr<Rule>>()> make_rule;  // null: everything counts
  bool trusts = false;                                       // the rule asks for a trusted row
  const ValidationSet* validation = nullptr;
  std::size_t declared_faults = 0;
  std::vector<NodeId> workers;  // node ids with data, increasing
  std::uint64_t seed = 1;
  double patience_s = 0.0;

  Step arrivals() const { return static_cast<Step>(settings.arrivals); }
};

Status read_gradient(const AsyncJob& job, const Message& message, std::span<float> gradient) {
  if (job.codec) {
    SHOAL_TRY(const ByteView bytes, message.tensor("update"));
    SHOAL_TRY_STATUS(job.codec->decode(bytes, job.problem->models->layout(),
                                       shared_draws(job.seed, message.round()), gradient));
  } else {
    SHOAL_TRY_STATUS(message.vector<float>("update", gradient));
  }
  if (all_finite(Row(gradient))) return ok_status();
  return invalid_argument("a gradient that is not finite");
}

Status check_gradient(const AsyncJob& job, const Message& message) {
  SHOAL_TRY(const auto version, message.count("version"));
  if (version > job.arrivals())
    return invalid_argument("a gradient at a model that does not exist yet");
  std::vector<float> gradient(job.problem->dimension());
  return read_gradient(job, message, gradient);
}

class AsyncServer : public Persistent {
 public:
  explicit AsyncServer(const AsyncJob& job) : job_(job), parameters_(job.problem->initial) {
    if (job.make_rule) rule_ = job.make_rule().value();
  }

  std::span<const float> parameters() const { return parameters_; }
  // Of the newest arrival.
  bool counted() const { return counted_; }
  std::size_t staleness() const { return staleness_; }
  std::size_t trusted_age() const { return trusted_age_; }
  NodeId sender() const { return sender_; }
  const Selection& selection() const { return selection_; }
  bool has_rule() const { return rule_ != nullptr; }

  Frame model(Step version) const {
    MessageBuilder message(kModel, version);
    message.vector<float>("model", parameters_);
    return message.finish();
  }

  bool takes_trusted(Step arrival) const {
    return job_.trusts && arrival % static_cast<Step>(job_.settings.trusted_every) == 0;
  }
  double work_flops(Step arrival) const {
    double flops =
        (2.0 + job_.codec_work.decode_flops_per_entry) * static_cast<double>(parameters_.size());
    if (takes_trusted(arrival))
      flops +=
          static_cast<double>(job_.settings.trusted_batch) * job_.problem->models->flops_per_row();
    return flops;
  }

  // To be run inside compute(): what becomes of the message, the arrival-th of the run.
  void take(Step arrival, const Message& message) {
    if (takes_trusted(arrival)) take_trusted(arrival);
    trusted_age_ = trusted_.empty() ? 0 : arrival - trusted_at_;
    sender_ = message.sender();
    selection_ = {};
    counted_ = false;
    gradient_.resize(parameters_.size());
    const auto version = message.count("version");
    if (!version.ok() || *version > arrival || !read_gradient(job_, message, gradient_).ok())
      return;
    staleness_ = arrival - static_cast<std::size_t>(*version);
    const auto stalest = static_cast<std::size_t>(job_.settings.staleness_max);
    if (stalest > 0 && staleness_ > stalest) return;
    if (!apply_rule(arrival)) return;
    const double rate = learning_rate_at(job_.settings.optimizer, arrival, job_.arrivals());
    axpy(static_cast<float>(-rate), gradient_, parameters_);
    counted_ = true;
  }

  void save(ByteWriter& out) const override {
    out.numbers<float>(parameters_);
    out.numbers<float>(trusted_);
    out.number<Step>(trusted_at_);
    if (rule_) rule_->save(out);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(in.numbers_into<float>(parameters_));
    SHOAL_TRY(trusted_, in.numbers<float>());
    SHOAL_TRY(trusted_at_, in.number<Step>());
    return rule_ ? rule_->load(in) : ok_status();
  }

 private:
  void take_trusted(Step arrival) {
    const auto rows = static_cast<std::size_t>(job_.settings.trusted_batch);
    const Rows drawn = RandomStream(job_.seed, purpose("validation"), kServerNode, arrival)
                           .sample(job_.validation->rows.size(), rows);
    trusted_.resize(parameters_.size());
    trusted_at_ = arrival;
    job_.problem->models->mine().gradient(parameters_, Batch{job_.validation->data.get(), drawn},
                                          trusted_);
  }

  // gradient_ becomes what counts of it; false: nothing does.
  bool apply_rule(Step arrival) {
    if (!rule_ || arrival < static_cast<Step>(job_.settings.clean_arrivals)) return true;
    RoundView view;
    view.round = arrival;
    view.receiver = kServerNode;
    view.seed = job_.seed;
    view.declared_faults = job_.declared_faults;
    view.trusted = trusted_;
    view.rows = {gradient_};
    view.senders = {sender_};
    view.weights = {1.0};
    std::vector<float> row(gradient_.size());
    auto selection = rule_->aggregate(view, row);
    if (!selection.ok() || selection->kept.empty()) return false;
    selection_ = std::move(selection).value();
    gradient_ = std::move(row);
    return true;
  }

  const AsyncJob& job_;
  std::unique_ptr<Rule> rule_;
  std::vector<float> parameters_;
  std::vector<float> trusted_;  // the server's own gradient; empty before the first
  Step trusted_at_ = 0;         // the arrival it was taken at
  // Of the newest arrival; none of this outlives it.
  std::vector<float> gradient_;
  std::size_t staleness_ = 0;
  std::size_t trusted_age_ = 0;
  NodeId sender_ = 0;
  bool counted_ = false;
  Selection selection_;
};

void report(Node& node, Step arrival, const AsyncServer& server) {
  node.show(arrival, "staleness", static_cast<double>(server.staleness()));
  node.show(arrival, "counted", server.counted() ? 1.0 : 0.0);
  if (server.has_rule()) {
    const NodeId senders[] = {server.sender()};
    node.show(arrival, "trusted_age", static_cast<double>(server.trusted_age()));
    node.show_selection(arrival, senders, server.selection());
  }
  if (node.wants_model(arrival)) node.show_model<float>(arrival, server.parameters());
  node.step_done(arrival);
}

Task<> async_server(Node& node, std::shared_ptr<const AsyncJob> job) {
  AsyncServer server(*job);
  node.keep(server);
  for (const Step arrival : node.steps(job->arrivals())) {
    if (arrival == 0) {
      const Frame first = server.model(0);
      for (const NodeId worker : job->workers) co_await node.send(worker, first);
    }
    const auto message = co_await node.next(job->patience_s);
    if (!message) {
      show_end(node, arrival, "abandoned");
      co_return;
    }
    std::function<void()> take = [&server, &message, arrival] { server.take(arrival, *message); };
    co_await node.compute(server.work_flops(arrival), std::move(take));
    report(node, arrival, server);
    const Frame answer = server.model(arrival + 1);
    co_await node.send(message->sender(), answer);
  }
  MessageBuilder message(kOver, job->arrivals());
  const Frame over = message.finish();
  for (const NodeId worker : job->workers) co_await node.send(worker, over);
}

class AsyncWorker : public Persistent {
 public:
  AsyncWorker(const Node& node, const AsyncJob& job)
      : job_(job),
        id_(node.id()),
        replica_(*job.problem, node.id() - 1, node.seed(),
                 static_cast<std::size_t>(job.settings.batch), OptimizerSettings{},
                 job.arrivals()) {}

  Replica<float>& replica() { return replica_; }
  void accept(const Message& message) {
    std::vector<float> model(replica_.parameters().size());
    if (!message.vector<float>("model", model).ok()) return;
    replica_.parameters() = std::move(model);
    version_ = message.round();
    has_model_ = true;
  }
  bool has_model() const { return has_model_; }
  double work_flops() const {
    return replica_.work_flops() +
           job_.codec_work.encode_flops_per_entry * static_cast<double>(job_.problem->dimension());
  }
  // To be run inside compute().
  void compute_gradient(Step turn) {
    replica_.compute_gradient(turn);
    MessageBuilder message(kGradient, turn);
    message.count("version", version_);
    if (job_.codec) {
      ByteWriter encoded;
      const Draws draws = codec_draws(job_.seed, id_, turn);
      // A gradient that is not finite has no encoding; an empty one tells the server so.
      if (!job_.codec->encode(replica_.gradient(), job_.problem->models->layout(), draws, encoded)
               .ok())
        encoded.clear();
      message.tensor("update", encoded.bytes());
    } else {
      message.vector<float>("update", replica_.gradient());
    }
    frame_ = message.finish();
  }
  Frame frame() { return std::move(frame_); }

  void save(ByteWriter& out) const override {
    replica_.save(out);
    out.number<Step>(version_);
    out.number<std::uint8_t>(has_model_ ? 1 : 0);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(replica_.load(in));
    SHOAL_TRY(version_, in.number<Step>());
    SHOAL_TRY(const auto has_model, in.number<std::uint8_t>());
    has_model_ = has_model == 1;
    return ok_status();
  }

 private:
  const AsyncJob& job_;
  NodeId id_;
  Replica<float> replica_;
  Step version_ = 0;
  bool has_model_ = false;
  Frame frame_;
};

// Turns without an answer after which a worker takes the server for gone.
constexpr int kSilentTurnsMax = 3;

Task<> async_worker(Node& node, std::shared_ptr<const AsyncJob> job) {
  AsyncWorker worker(node, *job);
  node.keep(worker);
  int silent = 0;
  for (const Step turn : node.steps(kForever)) {
    const auto message = co_await node.next(job->patience_s);
    if (message && message->tag() == kOver) co_return;
    silent = message ? 0 : silent + 1;
    if (silent == kSilentTurnsMax) co_return;
    if (message) worker.accept(*message);
    if (!worker.has_model()) continue;
    std::function<void()> gradient = [&worker, turn] { worker.compute_gradient(turn); };
    co_await node.compute(worker.work_flops(), std::move(gradient));
    node.count_gradients(worker.replica().gradients_of_step());
    const Frame frame = worker.frame();
    co_await node.send(kServerNode, frame);
  }
}

class AsyncSgd : public Method {
 public:
  explicit AsyncSgd(const AsyncSettings& settings) : settings_(settings) {}

  std::size_t servers() const override { return 1; }
  Step length() const override { return static_cast<Step>(settings_.arrivals); }
  bool needs_topology() const override { return false; }

  Result<Program> prepare(const MethodParts& parts) const override {
    SHOAL_TRY(const std::shared_ptr<const AsyncJob> job, make_job(parts));
    return Program([job](Node& node) {
      return node.id() == kServerNode ? async_server(node, job) : async_worker(node, job);
    });
  }

  // A lie meets no honest row: the server takes one gradient at a time. Liars count their own
  // turns.
  Result<std::vector<RowPlace>> rows(const MethodParts& parts) const override {
    RowPlace place;
    place.tag = kGradient;
    place.parts = {"update"};
    place.layout = layout_of(parts);
    place.codec = parts.codec;
    return std::vector<RowPlace>{std::move(place)};
  }

  Status newcomer() const override {
    return unsupported(
        "the asynchronous server answers gradients and invites nobody, so it would never send a "
        "newcomer its first model");
  }

  Result<ContentCheck> content_check(const MethodParts& parts) const override {
    SHOAL_TRY(const std::shared_ptr<const AsyncJob> job, make_job(parts));
    return ContentCheck([job](const Message& message, auto) {
      if (message.tag() == kGradient) return check_gradient(*job, message);
      if (message.tag() == kOver) return ok_status();
      return check_vector<float>(message, "model", job->problem->dimension());
    });
  }

 private:
  Result<std::shared_ptr<const AsyncJob>> make_job(const MethodParts& parts) const {
    if (!parts.in_float)
      return unsupported("the asynchronous server runs in float; leave precision = \"float\"");
    if (parts.own_data)
      return unsupported("the asynchronous server knows its workers from the experiment's data");
    if (parts.feedback.kind != FeedbackKind::kNone)
      return unsupported(
          "workers do not hear whether a gradient counted, so there is nothing to feed back; leave "
          "feedback out");
    if (settings_.optimizer.optimizer != LocalOptimizerKind::kSgd)
      return unsupported("the server steps along each gradient as it comes; optimizer = \"sgd\"");
    auto job = std::make_shared<AsyncJob>();
    job->problem = parts.in_float;
    job->settings = settings_;
    job->codec = parts.codec;
    job->codec_work = parts.codec_work;
    job->make_rule = parts.make_rule;
    job->validation = parts.validation;
    job->declared_faults = parts.declared_faults;
    job->seed = parts.seed;
    job->patience_s = parts.patience_s;
    for (std::size_t worker = 0; worker < parts.workers(); ++worker)
      if (!parts.in_float->rows[worker].empty())
        job->workers.push_back(static_cast<NodeId>(worker + 1));
    if (job->workers.empty()) return invalid_argument("no worker has any data; change [partition]");
    SHOAL_TRY_STATUS(check_rule(*job));
    return std::shared_ptr<const AsyncJob>(std::move(job));
  }

  Status check_rule(AsyncJob& job) const {
    if (!job.make_rule) return ok_status();
    SHOAL_TRY(const auto rule, job.make_rule());
    if (const Status one = rule->check(1, job.declared_faults); !one.ok())
      return unsupported(
          fmt::format("the server takes one row at a time, and {}; use zeno_plus_plus, which "
                      "compares it with a gradient of the server's own",
                      one.error().message));
    const std::size_t rows = job.validation ? job.validation->rows.size() : 0;
    RuleNeeds offered;
    offered.trusted_row = rows > 0;
    SHOAL_TRY_STATUS(check_needs(rule->needs(), offered));
    job.trusts = rule->needs().trusted_row;
    if (job.trusts && static_cast<std::size_t>(settings_.trusted_batch) > rows)
      return invalid_argument(
          fmt::format("trusted_batch = {} of {} [validation] rows", settings_.trusted_batch, rows));
    return ok_status();
  }

  AsyncSettings settings_;
};

Result<std::unique_ptr<Method>> make_async_sgd(const AsyncSettings& settings) {
  return {std::make_unique<AsyncSgd>(settings)};
}

}  // namespace

CatalogueEntry<Method> async_sgd_entry() {
  return catalogue_entry<Method, AsyncSettings>(
      "async_sgd", "gradients count as they come; with zeno_plus_plus only those that help",
      "1903.07020", &make_async_sgd);
}

}  // namespace shoal

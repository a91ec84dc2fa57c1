// The two programs of variational.h.
#include <algorithm>
#include <fmt/format.h>
#include <functional>

#include "shoal/attack/local_attack.h"
#include "shoal/codec/row.h"
#include "shoal/math/vector.h"
#include "shoal/method/exchange.h"
#include "shoal/method/variational_point.h"

namespace shoal {
namespace {

Frame row_frame(Tag tag, Step round, ByteView encoded) {
  MessageBuilder message(tag, round);
  message.tensor("row", encoded);
  return message.finish();
}

Frame operator_frame(Tag tag, Step step, std::span<const float> f) {
  MessageBuilder message(tag, step);
  message.vector<float>("f", f);
  return message.finish();
}

// --- A worker ---

template <class Scalar>
class Worker : public Persistent {
 public:
  Worker(const Node& node, std::shared_ptr<const VariationalJob<Scalar>> job)
      : job_(std::move(job)),
        id_(node.id()),
        point_(job_),
        at_anchor_(job_->dimension()),
        value_(job_->dimension()),
        other_(job_->dimension()) {
    if (job_->keeps_errors()) error_.resize(job_->dimension());
  }

  VariationalPoint<Scalar>& point() { return point_; }
  // What it trains on from here on; outside compute().
  void begin(Step step) {
    attack_ = job_->problem->attack_of(id_ - 1, step);
    RandomStream skips(job_->seed, purpose("skipped steps"), id_, step);
    skips_ = attack_ && attack_->skips_step(skips);
  }
  const Rows& rows() const { return job_->problem->rows_under(attack_, id_ - 1); }
  double operator_flops(std::size_t rows) const {
    return static_cast<double>(rows) * job_->problem->models->flops_per_row();
  }

  // w <- z and F_m(w), as the server will know it. Inside compute().
  void move_anchor() {
    point_.move_anchor();
    evaluate(point_.anchor(), rows(), value_);
    for (std::size_t i = 0; i < value_.size(); ++i) at_anchor_[i] = static_cast<float>(value_[i]);
  }
  Frame anchor_frame(Step step) const { return operator_frame(kAnchorTag, step, at_anchor_); }

  // Rows of this iteration, and how many evaluations the message takes.
  Rows batch(Step step) const {
    const auto wanted = static_cast<std::size_t>(job_->settings.batch);
    if (wanted == 0 || wanted >= rows().size()) return rows();
    RandomStream stream(job_->seed, purpose("variational batch"), id_, step);
    Rows chosen = stream.sample(rows().size(), wanted);
    for (std::uint32_t& row : chosen) row = rows()[row];
    return chosen;
  }
  std::size_t evaluations(const Rows& batch) const {
    return batch.size() * (job_->has_anchor() && batch.size() < rows().size() ? 2 : 1);
  }

  // What is to be sent in this exchange; empty when it is not finite. A liar that skips the step
  // has nothing to say. Inside compute().
  void prepare(Step step, std::size_t exchange, const Rows& batch) {
    encoded_.clear();
    evaluate(point_.asked_at(exchange), batch, value_);
    if (job_->has_anchor()) subtract_anchor(batch);
    if (skips_) std::ranges::fill(value_, Scalar{0});
    const auto gamma = static_cast<Scalar>(job_->settings.gamma);
    if (job_->keeps_errors())
      for (std::size_t i = 0; i < value_.size(); ++i) value_[i] = gamma * value_[i] + error_[i];
    const Draws draws = device_draws(job_->seed, id_, job_->message_round(step, exchange),
                                     job_->settings.common_draws);
    const Status sent = send_through<Scalar>(*job_->device_codec, job_->layout(), draws, value_,
                                             scratch_, encoded_, other_);
    can_go_on_ = sent.ok();
    if (!sent.ok()) return;
    for (std::size_t i = 0; i < error_.size(); ++i) error_[i] = value_[i] - other_[i];
  }
  bool can_go_on() const { return can_go_on_; }
  Frame frame(Tag tag, Step step) const { return row_frame(tag, step, encoded_.bytes()); }

  // Takes the server's F(w); false when it is not one.
  bool take_operator(const Message& message) {
    std::vector<float> f(job_->dimension());
    if (!message.vector<float>("f", f).ok()) return false;
    point_.set_anchor_operator(f);
    return true;
  }
  bool take_answer(const Message& message, Step step, std::size_t exchange) {
    const auto bytes = message.tensor("row");
    const RandomStream shared =
        server_draws(job_->seed, job_->message_round(step, exchange)).shared;
    if (!bytes.ok() ||
        !decode_row<Scalar>(*job_->server_codec, *bytes, job_->layout(), shared, scratch_, other_)
             .ok())
      return false;
    point_.absorb(exchange, other_);
    return true;
  }

  void save(ByteWriter& out) const override {
    point_.save(out);
    out.numbers<float>(at_anchor_);
    out.numbers<Scalar>(error_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(point_.load(in));
    SHOAL_TRY_STATUS(in.numbers_into<float>(at_anchor_));
    return in.numbers_into<Scalar>(error_);
  }

 private:
  void evaluate(std::span<const Scalar> at, const Rows& rows, std::span<Scalar> out) {
    Model<Scalar>& model = job_->problem->models->mine();
    const Batch batch{job_->problem->data.get(), rows};
    if (auto* variational = dynamic_cast<VariationalOperator<Scalar>*>(&model))
      variational->variational_operator(at, batch, out);
    else
      model.gradient(at, batch, out);
  }
  // value_ -= F_m(w): that of the server's knowledge, or, of some rows, of the same ones.
  void subtract_anchor(const Rows& batch) {
    if (batch.size() == rows().size()) {
      for (std::size_t i = 0; i < value_.size(); ++i)
        value_[i] -= static_cast<Scalar>(at_anchor_[i]);
      return;
    }
    evaluate(point_.anchor(), batch, other_);
    for (std::size_t i = 0; i < value_.size(); ++i) value_[i] -= other_[i];
  }

  std::shared_ptr<const VariationalJob<Scalar>> job_;
  NodeId id_;
  VariationalPoint<Scalar> point_;
  std::vector<float> at_anchor_;  // F_m(w) as it was sent
  std::vector<Scalar> error_;     // e_m, in step units; empty when none is kept
  std::vector<Scalar> value_;
  std::vector<Scalar> other_;
  std::vector<float> scratch_;
  ByteWriter encoded_;
  bool can_go_on_ = true;
  const LocalAttack* attack_ = nullptr;  // of the step under way
  bool skips_ = false;
};

// --- The server ---

template <class Scalar>
class Server : public Persistent {
 public:
  explicit Server(std::shared_ptr<const VariationalJob<Scalar>> job)
      : job_(std::move(job)), point_(job_), sum_(job_->dimension()), row_(job_->dimension()) {
    if (job_->kind == VariationalKind::kMasha2) error_.resize(job_->dimension());
    for (NodeId node = 1; node <= job_->problem->workers(); ++node) present_.push_back(node);
  }

  VariationalPoint<Scalar>& point() { return point_; }
  const std::vector<NodeId>& present() const { return present_; }
  std::vector<NodeId> expected(Step step) const {
    std::vector<NodeId> both;
    const std::vector<NodeId> drawn = job_->participants(step);
    std::ranges::set_intersection(drawn, present_, std::back_inserter(both));
    return both;
  }
  double mean_flops(const Arrivals& arrivals) const {
    return 2.0 * static_cast<double>(arrivals.messages.size() * job_->dimension());
  }

  // The mean of F_m(w) over those who are here. False: nobody is. Inside compute().
  bool close_anchor(const Arrivals& arrivals) {
    lose(arrivals.missing);
    point_.move_anchor();
    std::vector<float> f(job_->dimension());
    std::vector<double> sum(f.size());
    std::size_t count = 0;
    for (const Message& message : arrivals.messages) {
      if (!message.vector<float>("f", f).ok() || !all_finite(f)) {
        lose({message.sender()});
        continue;
      }
      accumulate(1.0, f, sum);
      ++count;
    }
    operator_.resize(f.size());
    for (std::size_t i = 0; i < f.size(); ++i)
      operator_[i] = static_cast<float>(sum[i] / static_cast<double>(count));
    point_.set_anchor_operator(operator_);
    return count > 0;
  }
  Frame operator_at_anchor(Step step) const {
    return operator_frame(kOperatorTag, step, operator_);
  }

  // The mean of what has come, compressed in its turn. False: nothing has, or it cannot be sent.
  bool close(Step step, std::size_t exchange, const Arrivals& arrivals) {
    const Step round = job_->message_round(step, exchange);
    lose(arrivals.missing);
    std::ranges::fill(sum_, Scalar{0});
    std::size_t count = 0;
    for (const Message& message : arrivals.messages) {
      const auto bytes = message.tensor("row");
      const RandomStream shared =
          device_draws(job_->seed, message.sender(), round, job_->settings.common_draws).shared;
      if (!bytes.ok() ||
          !decode_row<Scalar>(*job_->device_codec, *bytes, job_->layout(), shared, scratch_, row_)
               .ok()) {
        lose({message.sender()});
        continue;
      }
      for (std::size_t i = 0; i < row_.size(); ++i) sum_[i] += row_[i];
      ++count;
    }
    if (count == 0) return false;
    for (Scalar& value : sum_) value /= static_cast<Scalar>(count);
    for (std::size_t i = 0; i < error_.size(); ++i) sum_[i] += error_[i];
    ByteWriter encoded;
    const Draws draws = server_draws(job_->seed, round);
    if (!send_through<Scalar>(*job_->server_codec, job_->layout(), draws, sum_, scratch_, encoded,
                              row_)
             .ok())
      return false;
    answer_ = std::move(encoded).take();
    for (std::size_t i = 0; i < error_.size(); ++i) error_[i] = sum_[i] - row_[i];
    point_.absorb(exchange, row_);
    return true;
  }
  // The answer to the exchange that was closed last.
  Frame answer(Tag tag, Step round) const { return row_frame(tag, round, answer_); }

  void save(ByteWriter& out) const override {
    point_.save(out);
    out.numbers<Scalar>(error_);
    out.numbers<NodeId>(present_);
    out.block(answer_);
  }
  Status load(ByteReader& in) override {
    SHOAL_TRY_STATUS(point_.load(in));
    SHOAL_TRY_STATUS(in.numbers_into<Scalar>(error_));
    SHOAL_TRY(present_, in.numbers<NodeId>());
    SHOAL_TRY(const ByteView answer, in.block());
    answer_.assign(answer.begin(), answer.end());
    return ok_status();
  }

 private:
  void lose(const std::vector<NodeId>& nodes) {
    std::erase_if(present_, [&](NodeId node) {
      return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
    });
  }

  std::shared_ptr<const VariationalJob<Scalar>> job_;
  VariationalPoint<Scalar> point_;
  std::vector<Scalar> error_;  // e of masha2; empty otherwise
  std::vector<NodeId> present_;
  std::vector<Scalar> sum_;
  std::vector<Scalar> row_;
  std::vector<float> operator_;
  std::vector<float> scratch_;
  Bytes answer_;
};

}  // namespace

namespace {

// Waits for the answer to the last exchange of an iteration, which opens the next one.
template <class Scalar>
Task<bool> settle(Node& node, const VariationalJob<Scalar>& job, Worker<Scalar>& worker,
                  Step step) {
  const auto answer =
      co_await node.receive(kVariationalServer, kAnswerTag, step + 1, job.worker_patience_s());
  if (!answer || !worker.take_answer(*answer, step, job.exchanges() - 1)) co_return false;
  if (node.wants_model(step)) node.show_model<Scalar>(step, worker.point().point());
  node.step_done(step);
  co_return true;
}

template <class Scalar>
Task<bool> renew_anchor(Node& node, const VariationalJob<Scalar>& job, Worker<Scalar>& worker,
                        Step step) {
  std::function<void()> move = [&worker] { worker.move_anchor(); };
  co_await node.compute(worker.operator_flops(worker.rows().size()), std::move(move));
  node.count_gradients(worker.rows().size());
  const Frame anchor = worker.anchor_frame(step);
  co_await node.send(kVariationalServer, anchor);
  const auto f =
      co_await node.receive(kVariationalServer, kOperatorTag, step, job.worker_patience_s());
  co_return f&& worker.take_operator(*f);
}

// Finds and sends what this exchange takes; false when it is not finite.
template <class Scalar>
Task<bool> contribute(Node& node, Worker<Scalar>& worker, Step step, std::size_t exchange,
                      Tag tag) {
  const Rows batch = worker.batch(step);
  std::function<void()> prepare = [&worker, &batch, step, exchange] {
    worker.prepare(step, exchange, batch);
  };
  const std::size_t evaluations = worker.evaluations(batch);
  co_await node.compute(worker.operator_flops(evaluations), std::move(prepare));
  node.count_gradients(evaluations);
  if (!worker.can_go_on()) co_return false;
  const Frame delta = worker.frame(tag, step);
  co_await node.send(kVariationalServer, delta);
  co_return true;
}

// The messages of a first phase, one sender after another: the round goes on behind it, and with a
// gather it would be closed to what comes then.
Task<Arrivals> collect(Node& node, Tag tag, Step step, std::vector<NodeId> from,
                       double patience_s) {
  Arrivals arrivals;
  const double deadline_s = node.now_s() + patience_s;
  for (const NodeId sender : from) {
    const double left_s = std::max(0.0, deadline_s - node.now_s());
    const auto message = co_await node.receive(sender, tag, step, left_s);
    if (message)
      arrivals.messages.push_back(*message);
    else
      arrivals.missing.push_back(sender);
  }
  co_return arrivals;
}

template <class Scalar>
void report(Node& node, Step step, const VariationalJob<Scalar>& job, Server<Scalar>& server) {
  const std::size_t lost = job.problem->workers() - server.present().size();
  if (job.moves_anchor(step)) node.show(step, "anchor", 1.0);
  if (lost > 0) node.show(step, "lost", static_cast<double>(lost));
  if (node.wants_model(step)) node.show_model<Scalar>(step, server.point().point());
  node.step_done(step);
}

// The phases of an iteration before its last exchange: a new anchor, or the half step of compressed
// extragradient. False: nobody is left.
template <class Scalar>
Task<bool> first_phase(Node& node, const VariationalJob<Scalar>& job, Server<Scalar>& server,
                       Step step) {
  bool goes_on = true;
  const bool anchor = job.moves_anchor(step);
  const Tag tag = anchor ? kAnchorTag : kHalfTag;
  const std::vector<NodeId> expected = server.present();
  const Arrivals arrivals = co_await collect(node, tag, step, expected, job.patience_s);
  std::function<void()> close = [&server, &arrivals, &goes_on, step, anchor] {
    goes_on = anchor ? server.close_anchor(arrivals) : server.close(step, 0, arrivals);
  };
  co_await node.compute(server.mean_flops(arrivals), std::move(close));
  const Frame answer =
      anchor ? server.operator_at_anchor(step) : server.answer(kHalfAnswerTag, step);
  for (const NodeId worker : server.present()) co_await node.send(worker, answer);
  co_return goes_on;
}

}  // namespace

template <class Scalar>
Task<> variational_worker(Node& node, std::shared_ptr<const VariationalJob<Scalar>> job) {
  Worker<Scalar> worker(node, job);
  node.keep(worker);
  bool goes_on = true;
  for (const Step step : node.steps(job->iterations())) {
    if (step > 0) goes_on = co_await settle(node, *job, worker, step - 1);
    worker.begin(step);
    if (goes_on && job->moves_anchor(step))
      goes_on = co_await renew_anchor(node, *job, worker, step);
    if (goes_on && job->exchanges() == 2) {
      goes_on = co_await contribute(node, worker, step, 0, kHalfTag);
      if (!goes_on) co_return;
      const auto half =
          co_await node.receive(kVariationalServer, kHalfAnswerTag, step, job->worker_patience_s());
      goes_on = half && worker.take_answer(*half, step, 0);
    }
    const std::vector<NodeId> participants = job->participants(step);
    if (goes_on && std::ranges::binary_search(participants, node.id()))
      goes_on = co_await contribute(node, worker, step, job->exchanges() - 1, kDeltaTag);
    if (!goes_on) co_return;
  }
  co_await settle(node, *job, worker, job->iterations() - 1);
}

// Iteration k is opened by the answer to iteration k - 1: what a worker sends for it comes after
// its server has begun it and, in a real run, has the one before on disk.
template <class Scalar>
Task<> variational_server(Node& node, std::shared_ptr<const VariationalJob<Scalar>> job) {
  Server<Scalar> server(job);
  node.keep(server);
  const Until until(job->patience_s);
  bool goes_on = true;
  for (const Step step : node.steps(job->iterations())) {
    if (step > 0) {
      const Frame answer = server.answer(kAnswerTag, step);
      for (const NodeId worker : server.present()) co_await node.send(worker, answer);
    }
    if (job->moves_anchor(step) || job->exchanges() == 2)
      goes_on = co_await first_phase(node, *job, server, step);
    if (goes_on) {
      const std::vector<NodeId> expected = server.expected(step);
      const Arrivals deltas = co_await node.gather(kDeltaTag, step, expected, until);
      std::function<void()> close = [&server, &deltas, &goes_on, &job, step] {
        goes_on = server.close(step, job->exchanges() - 1, deltas);
      };
      co_await node.compute(server.mean_flops(deltas), std::move(close));
    }
    if (!goes_on) {
      show_end(node, step, "abandoned");
      co_return;
    }
    report(node, step, *job, server);
  }
  const Frame answer = server.answer(kAnswerTag, job->iterations());
  for (const NodeId worker : server.present()) co_await node.send(worker, answer);
}

template Task<> variational_server<float>(Node&, std::shared_ptr<const VariationalJob<float>>);
template Task<> variational_server<double>(Node&, std::shared_ptr<const VariationalJob<double>>);
template Task<> variational_worker<float>(Node&, std::shared_ptr<const VariationalJob<float>>);
template Task<> variational_worker<double>(Node&, std::shared_ptr<const VariationalJob<double>>);

}  // namespace shoal

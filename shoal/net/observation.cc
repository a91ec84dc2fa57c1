#include "shoal/net/observation.h"

#include <fmt/format.h>
#include <functional>
#include <vector>

namespace shoal {
namespace {

enum class Kind : std::uint8_t {
  kModelFloat = 1,
  kModelDouble = 2,
  kFigure = 3,
  kStepDone = 4,
  kNodeLeft = 5,
  kCounts = 6,
  kTraffic = 7,
};

constexpr std::size_t kFigureNameMax = 64;

// Reads events one by one; collects what is to be shown once all are good.
class Reader {
 public:
  Reader(ByteView bytes, const ObservationLimits& limits) : in_(bytes), limits_(limits) {}

  Status read() {
    while (!in_.done()) SHOAL_TRY_STATUS(event());
    return ok_status();
  }
  void show(Observer& observer) const {
    for (const auto& show : shows_) show(observer);
  }
  const ObservedCounts& counts() const { return counts_; }
  bool has_traffic() const { return has_traffic_; }
  const Traffic& traffic() const { return traffic_; }

 private:
  Status event() {
    SHOAL_TRY(const auto kind, in_.number<std::uint8_t>());
    switch (static_cast<Kind>(kind)) {
      case Kind::kModelFloat:
        return model<float>();
      case Kind::kModelDouble:
        return model<double>();
      case Kind::kFigure:
        return figure();
      case Kind::kStepDone:
        return step_done();
      case Kind::kNodeLeft:
        return node_left();
      case Kind::kCounts:
        return counts_event();
      case Kind::kTraffic:
        has_traffic_ = true;
        return traffic_.load(in_);
    }
    return corrupt(fmt::format("an observation of unknown kind {}", kind));
  }

  Result<NodeId> node() {
    SHOAL_TRY(const auto node, in_.number<NodeId>());
    if (node >= limits_.nodes || (limits_.only_node && node != *limits_.only_node))
      return invalid_argument(
          fmt::format("an observation about node {}, which is not its own", node));
    return node;
  }
  Result<Step> step() {
    SHOAL_TRY(const auto step, in_.number<Step>());
    if (step >= limits_.length)
      return invalid_argument(
          fmt::format("an observation of step {} in a run of {}", step, limits_.length));
    return step;
  }

  template <class Scalar>
  Status model() {
    SHOAL_TRY(const NodeId node, this->node());
    SHOAL_TRY(const Step step, this->step());
    SHOAL_TRY(std::vector<Scalar> parameters, in_.numbers<Scalar>());
    if (parameters.size() != limits_.dimension)
      return invalid_argument(fmt::format("an observed model of {} parameters; this run has {}",
                                          parameters.size(), limits_.dimension));
    shows_.push_back([node, step, parameters = std::move(parameters)](Observer& observer) {
      observer.model(node, step, std::span<const Scalar>(parameters));
    });
    return ok_status();
  }
  Status figure() {
    SHOAL_TRY(const NodeId node, this->node());
    SHOAL_TRY(const Step step, this->step());
    SHOAL_TRY(const std::string name, in_.text(kFigureNameMax));
    for (const char c : name)
      if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
        return invalid_argument("the name of a figure is made of a-z, 0-9 and _");
    SHOAL_TRY(const auto value, in_.number<double>());
    shows_.push_back([node, step, name, value](Observer& observer) {
      observer.figure(node, step, name, value);
    });
    return ok_status();
  }
  Status step_done() {
    SHOAL_TRY(const NodeId node, this->node());
    SHOAL_TRY(const Step step, this->step());
    shows_.push_back([node, step](Observer& observer) { observer.step_done(node, step); });
    return ok_status();
  }
  Status node_left() {
    SHOAL_TRY(const NodeId node, this->node());
    counts_.left.push_back(node);
    shows_.push_back([node](Observer& observer) { observer.node_left(node); });
    return ok_status();
  }
  Status counts_event() {
    for (std::uint64_t* sum : {&counts_.gradients, &counts_.sent_bytes, &counts_.received_bytes}) {
      SHOAL_TRY(const auto more, in_.number<std::uint64_t>());
      *sum += more;
    }
    return ok_status();
  }

  ByteReader in_;
  const ObservationLimits& limits_;
  std::vector<std::function<void(Observer&)>> shows_;
  ObservedCounts counts_;
  bool has_traffic_ = false;
  Traffic traffic_;
};

}  // namespace

bool ObservationWriter::wants_model(NodeId node, Step step) const {
  return schedule_.wants_model(node, step);
}

void ObservationWriter::model(NodeId node, Step step, std::span<const float> parameters) {
  out_.number(static_cast<std::uint8_t>(Kind::kModelFloat));
  out_.number(node);
  out_.number(step);
  out_.numbers(parameters);
}

void ObservationWriter::model(NodeId node, Step step, std::span<const double> parameters) {
  out_.number(static_cast<std::uint8_t>(Kind::kModelDouble));
  out_.number(node);
  out_.number(step);
  out_.numbers(parameters);
}

void ObservationWriter::figure(NodeId node, Step step, std::string_view name, double value) {
  if (!schedule_.reports(node)) return;
  out_.number(static_cast<std::uint8_t>(Kind::kFigure));
  out_.number(node);
  out_.number(step);
  out_.text(name);
  out_.number(value);
}

void ObservationWriter::step_done(NodeId node, Step step) {
  if (!schedule_.reports(node)) return;
  out_.number(static_cast<std::uint8_t>(Kind::kStepDone));
  out_.number(node);
  out_.number(step);
}

void ObservationWriter::node_left(NodeId node) {
  out_.number(static_cast<std::uint8_t>(Kind::kNodeLeft));
  out_.number(node);
}

void ObservationWriter::counts(std::uint64_t gradients, std::uint64_t sent_bytes,
                               std::uint64_t received_bytes) {
  out_.number(static_cast<std::uint8_t>(Kind::kCounts));
  out_.number(gradients);
  out_.number(sent_bytes);
  out_.number(received_bytes);
}

void ObservationWriter::traffic(const Traffic& traffic) {
  out_.number(static_cast<std::uint8_t>(Kind::kTraffic));
  traffic.save(out_);
}

Bytes ObservationWriter::take() {
  Bytes bytes = std::move(out_).take();
  out_ = ByteWriter();
  return bytes;
}

Result<ObservedCounts> show_observation(ByteView observation, const ObservationLimits& limits,
                                        Observer& observer, Traffic& traffic) {
  Reader reader(observation, limits);
  SHOAL_TRY_STATUS(reader.read());
  // What may find no memory comes before anything is shown.
  Result<ObservedCounts> counts = reader.counts();
  Traffic sum;
  if (reader.has_traffic()) {
    sum = traffic;
    sum.add(reader.traffic());
  }
  reader.show(observer);
  if (reader.has_traffic()) traffic = std::move(sum);
  return counts;
}

}  // namespace shoal

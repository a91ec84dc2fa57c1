#include "shoal/net/grpc/member_link.h"

#include <algorithm>
#include <fmt/format.h>
#include <random>
#include <thread>

#include "shoal/net/grpc/credentials.h"
#include "shoal/net/grpc/newcomer_parts.h"
#include "shoal/net/grpc/open_line.h"
#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"

namespace shoal {
namespace {

constexpr std::uint32_t kProtocolVersion = 1;
constexpr std::size_t kHeldMax = 1024;

// Whether another try may end otherwise: the server is away or coming up. (A run that is full stays
// full: places are not given twice.)
bool may_pass(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      return true;
    default:
      return false;
  }
}

// See GrpcServer's observe(): the upper half names this process.
std::uint64_t first_observation_number() {
  std::random_device device;
  return (static_cast<std::uint64_t>(device()) << 32) | 1;
}

}  // namespace

MemberLink::MemberLink(const GrpcClientSettings& settings, Metrics& metrics,
                       std::shared_ptr<CallGroup> calls, const Digest& files)
    : settings_(settings),
      metrics_(metrics),
      calls_(std::move(calls)),
      last_heard_s_(steady_now_s()),
      back_off_(settings.times.backoff_first_s, settings.times.backoff_last_s, settings.jitter_seed,
                0),
      files_(files),
      observation_number_(first_observation_number()) {}

wire::JoinRequest MemberLink::join_request() const {
  wire::JoinRequest request;
  request.set_version(kProtocolVersion);
  request.set_name(settings_.name);
  request.set_rows(settings_.rows);
  request.set_address(address_);
  return request;
}

Status MemberLink::join(const std::string& address) {
  address_ = address;
  const double give_up_at_s = steady_now_s() + settings_.give_up_s;
  while (true) {
    struct Outcome {
      std::mutex mutex;
      std::condition_variable done;
      std::optional<grpc::Status> status;
      grpc::ByteBuffer reply;
    };
    const auto outcome = std::make_shared<Outcome>();
    calls_->call("Join", join_request(), settings_.times.control_deadline_s,
                 [outcome](const grpc::Status& status, grpc::ByteBuffer& reply) {
                   const std::lock_guard lock(outcome->mutex);
                   outcome->status = status;
                   outcome->reply = reply;
                   outcome->done.notify_all();
                 });
    std::unique_lock lock(outcome->mutex);
    outcome->done.wait(lock, [&outcome] { return outcome->status.has_value(); });
    grpc::Status status = *outcome->status;
    if (status.ok()) {
      const Status taken = take_place(outcome->reply, true);
      if (taken.ok()) return taken;
      status = grpc::Status(grpc::StatusCode::UNKNOWN, taken.error().message);
    }
    if (!may_pass(status.error_code()))
      return invalid_argument(fmt::format("{} does not let \"{}\" join: {}", settings_.server,
                                          settings_.name, status_text(status)));
    const double wait_s = back_off_.next_s();
    if (steady_now_s() + wait_s > give_up_at_s)
      return io_error(fmt::format("no answer from {} within {} s; the last try: {}",
                                  settings_.server, settings_.give_up_s,
                                  trouble_text(status, settings_.tls.given())));
    std::this_thread::sleep_for(std::chrono::duration<double>(wait_s));
  }
}

Status MemberLink::take_place(grpc::ByteBuffer& reply, bool first) {
  wire::JoinReply place;
  SHOAL_TRY_STATUS(parse_message(reply, kReceiveBytesMax, place));
  if (place.sha256() != place_digest(place))
    return corrupt("the place we are given does not have its digest");
  if (!first) {
    if (place.run() == joined_.run && place.node() == joined_.node) return ok_status();
    return invalid_argument(
        fmt::format("the server now runs \"{}\" and we are of \"{}\"", place.run(), joined_.run));
  }
  joined_ = Joined{place.run(),         place.server(), place.node(), place.experiment(),
                   place.incarnation(), place.round(),  place.begun()};
  incarnation_ = place.incarnation();
  SenderSettings sender;
  sender.run = joined_.run;
  sender.receiver = joined_.server;
  sender.keep_until_committed = true;
  sender.times = settings_.times;
  sender.jitter_seed = settings_.jitter_seed;
  sender_ =
      std::make_shared<FrameSender>(std::move(sender), calls_, metrics_, [weak = weak_from_this()] {
        if (const auto link = weak.lock()) link->stranger();
      });
  const std::lock_guard lock(mutex_);
  last_heard_s_ = steady_now_s();
  back_off_.reset();
  return ok_status();
}

void MemberLink::start(FrameSink& sink, Events events) {
  sink_ = &sink;
  events_ = std::move(events);
  open_stream();
  heartbeat();
  if (settings_.tls.given()) look_at_files();
}

void MemberLink::look_at_files() {
  const auto now = digest_of_files(settings_.tls);
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  files_timer_.set(settings_.times.files_look_s, [weak = weak_from_this()] {
    if (const auto link = weak.lock()) link->look_at_files();
  });
  if (!now || *now == files_) return;  // files in the middle of a change are looked at again
  const auto line = open_line(settings_.tls, settings_.server, {});
  if (!line) return;
  files_ = line->files;
  calls_->replace_line(line->line);
  metrics_.add("shoal_keys_rotated_total", 1);
  if (stream_) stream_->cancel();
  if (events_.on_new_keys) events_.on_new_keys();  // under the lock: close() waits for us
}

void MemberLink::open_stream() {
  wire::ReceiveRequest request;
  request.set_run(joined_.run);
  request.set_node(joined_.node);
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  for (const auto& [key, newest] : held_) {
    wire::HeldFrame& held = *request.add_held();
    held.set_from(key.first);
    held.set_tag(static_cast<std::uint64_t>(key.second));
    held.set_round(newest.first);
  }
  // The stream's callbacks end before the calls are closed, and we live until then.
  ReceiverEvents events;
  events.on_frame = [this](const FrameHead& head, Frame frame) {
    on_frame(head, std::move(frame));
  };
  events.on_notice = [this](const wire::Notice& notice) { on_notice(notice, true); };
  events.on_end = [this](const grpc::Status& status) { lost(status); };
  stream_ = FrameReceiver::start(calls_, request, settings_.frame_bytes_max, std::move(events));
}

void MemberLink::lost(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  stream_.reset();
  if (closing_) return;
  metrics_.add("shoal_streams_lost_total", 1);
  const double away_s = steady_now_s() - last_heard_s_;
  if (away_s > settings_.give_up_s)
    return give_up(
        io_error(fmt::format("no answer from {} for {:.0f} s; the last try: {}", settings_.server,
                             away_s, trouble_text(status, settings_.tls.given()))));
  rejoin_timer_.set(back_off_.next_s(), [weak = weak_from_this()] {
    if (const auto link = weak.lock()) link->rejoin();
  });
}

void MemberLink::rejoin() {
  calls_->call(
      "Join", join_request(), settings_.times.control_deadline_s,
      [this](const grpc::Status& status, grpc::ByteBuffer& reply) { rejoined(status, reply); });
}

void MemberLink::rejoined(const grpc::Status& status, grpc::ByteBuffer& reply) {
  if (!status.ok()) {
    if (may_pass(status.error_code())) return lost(status);
    const std::lock_guard lock(mutex_);
    return give_up(invalid_argument(
        fmt::format("{} has thrown us out: {}", settings_.server, status_text(status))));
  }
  wire::JoinReply place;
  grpc::ByteBuffer copy(reply);
  const bool parsed = parse_message(copy, kReceiveBytesMax, place).ok();
  const Status taken = take_place(reply, false);
  if (!taken.ok() && taken.error().code == ErrorCode::kCorrupt)
    return lost(grpc::Status(grpc::StatusCode::UNKNOWN, taken.error().message));
  bool anew = false;
  {
    const std::lock_guard lock(mutex_);
    if (!taken.ok()) return give_up(taken.error());
    last_heard_s_ = steady_now_s();
    anew = parsed && place.incarnation() != incarnation_;
    incarnation_ = place.incarnation();
  }
  metrics_.add("shoal_reconnects_total", 1);
  open_stream();
  sender_->resume(anew);
}

void MemberLink::stranger() {
  const std::lock_guard lock(mutex_);
  if (stream_) stream_->cancel();  // lost() does the rest
}

void MemberLink::heartbeat() {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  heartbeat_timer_.set(settings_.times.heartbeat_s, [weak = weak_from_this()] {
    if (const auto link = weak.lock()) link->heartbeat();
  });
  // A server that is silent while the stream seems open: the connection is half dead.
  if (stream_ && steady_now_s() - last_heard_s_ > settings_.times.silence_s) stream_->cancel();
  if (heartbeat_out_ || !stream_) return;
  heartbeat_out_ = true;
  wire::MemberRequest request;
  request.set_run(joined_.run);
  request.set_node(joined_.node);
  calls_->call("Heartbeat", request, settings_.times.control_deadline_s,
               [this](const grpc::Status& status, grpc::ByteBuffer& reply) {
                 wire::Notice notice;
                 const bool good =
                     status.ok() && parse_message(reply, kReceiveBytesMax, notice).ok();
                 {
                   const std::lock_guard lock(mutex_);
                   heartbeat_out_ = false;
                   if (good) last_heard_s_ = steady_now_s();
                 }
                 if (good) return on_notice(notice, false);
                 if (!may_pass(status.error_code())) stranger();
               });
}

void MemberLink::on_frame(const FrameHead& head, Frame frame) {
  {
    const std::lock_guard lock(mutex_);
    last_heard_s_ = steady_now_s();
    back_off_.reset();
    const std::pair newest{head.round, head.sha256};
    const auto found = held_.find({head.from, head.tag});
    if (found != held_.end() && found->second == newest) return;
    if (found != held_.end())
      found->second = newest;
    else if (held_.size() < kHeldMax)
      held_.emplace(std::pair{head.from, head.tag}, newest);
  }
  metrics_.add("shoal_frames_received_total", 1);
  metrics_.add("shoal_bytes_received_total", static_cast<double>(frame->size()));
  sink_->deliver(head.from, joined_.node, std::move(frame));
}

void MemberLink::on_notice(const wire::Notice& notice, bool from_stream) {
  sender_->committed(notice.committed_rounds());
  if (from_stream && events_.on_peers && notice.peers_size() > 0) events_.on_peers(notice);
  const std::lock_guard lock(mutex_);
  last_heard_s_ = steady_now_s();
  back_off_.reset();
  // Only the stream's notices introduce the peers; without them we must not begin.
  if (from_stream && notice.started()) started_ = true;
  changed_.notify_all();
}

Result<Frame> MemberLink::fetch_newcomer(std::uint64_t bytes_max) {
  BackOff back_off(settings_.times.backoff_first_s, settings_.times.backoff_last_s,
                   settings_.jitter_seed, 2);
  for (int failed = 0;; ++failed) {
    auto fetched = shoal::fetch_newcomer(*calls_, joined_, settings_.times, bytes_max);
    if (fetched.ok() || failed == kRetriesMax) return fetched;
    std::this_thread::sleep_for(std::chrono::duration<double>(back_off.next_s()));
  }
}

bool MemberLink::wait_started() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return started_ || closing_ || !broken_.ok(); });
  return started_ && broken_.ok();
}

Status MemberLink::broken() const {
  const std::lock_guard lock(mutex_);
  return broken_;
}

void MemberLink::give_up(Error error) {
  broken_ = std::move(error);
  sender_->stop();
  changed_.notify_all();
}

void MemberLink::observe(Bytes observation) {
  const std::lock_guard lock(mutex_);
  if (observation.empty()) return;
  const bool full = observations_.size() == kQueuedObservationsMax ||
                    observations_bytes_ + observation.size() > kQueuedObservationBytesMax;
  if (full && !observations_.empty()) {
    metrics_.add("shoal_observations_dropped_total", 1, "reason", "queue_full");
    return;
  }
  observations_bytes_ += observation.size();
  observations_.push_back(std::move(observation));
  observe_next();
}

void MemberLink::observe_next() {
  if (observing_ || observations_.empty() || closing_ || !broken_.ok()) return;
  observing_ = true;
  const ByteView whole = observations_.front();
  const ByteView part = whole.subspan(observation_offset_,
                                      std::min(kChunkBytesMax, whole.size() - observation_offset_));
  wire::ObserveRequest request;
  request.set_run(joined_.run);
  request.set_node(joined_.node);
  request.set_number(observation_number_);
  request.set_size_bytes(whole.size());
  request.set_offset(observation_offset_);
  request.set_part(std::string(as_text(part)));
  const GrpcTimes& times = settings_.times;
  const double deadline_s = times.control_deadline_s +
                            static_cast<double>(part.size()) / times.upload_bytes_per_second_min;
  observation_offset_ += part.size();
  calls_->call("Observe", request, deadline_s,
               [this](const grpc::Status& status, grpc::ByteBuffer&) { observed(status); });
}

void MemberLink::drop_observation() {
  observations_bytes_ -= observations_.front().size();
  observations_.pop_front();
  observation_offset_ = 0;
  ++observation_number_;
}

void MemberLink::observed(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  observing_ = false;
  const grpc::StatusCode code = status.error_code();
  if (status.ok()) {
    last_heard_s_ = steady_now_s();
    if (observation_offset_ == observations_.front().size()) drop_observation();
    return observe_next();
  }
  observation_offset_ = 0;  // the server may be another process by now
  if (code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    metrics_.add("shoal_observations_dropped_total", 1, "reason", "refused");
    fmt::print(stderr, "shoal: {} takes no observation of ours: {}\n", settings_.server,
               status_text(status));
    drop_observation();
    return observe_next();
  }
  observing_ = true;  // until the timer
  observe_timer_.set(settings_.times.backoff_first_s, [weak = weak_from_this()] {
    const auto link = weak.lock();
    if (!link) return;
    const std::lock_guard lock(link->mutex_);
    link->observing_ = false;
    link->observe_next();
  });
}

bool MemberLink::idle() const {
  const std::lock_guard lock(mutex_);
  return !broken_.ok() || (observations_.empty() && sender_->idle());
}

void MemberLink::leave() {
  {
    const std::lock_guard lock(mutex_);
    if (closing_ || !sender_) return;
    closing_ = true;  // the end of the stream is expected
    heartbeat_timer_.cancel();
    rejoin_timer_.cancel();
  }
  struct Done {
    std::mutex mutex;
    std::condition_variable condition;
    bool done = false;
  };
  const auto done = std::make_shared<Done>();
  wire::MemberRequest request;
  request.set_run(joined_.run);
  request.set_node(joined_.node);
  calls_->call("Leave", request, settings_.times.control_deadline_s,
               [done](const grpc::Status&, grpc::ByteBuffer&) {
                 const std::lock_guard lock(done->mutex);
                 done->done = true;
                 done->condition.notify_all();
               });
  std::unique_lock lock(done->mutex);
  done->condition.wait_for(lock, std::chrono::duration<double>(settings_.times.control_deadline_s),
                           [&done] { return done->done; });
}

void MemberLink::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    heartbeat_timer_.cancel();
    rejoin_timer_.cancel();
    files_timer_.cancel();
    observe_timer_.cancel();
    changed_.notify_all();
  }
  if (sender_) sender_->stop();
  calls_->close_and_wait();
}

}  // namespace shoal

#include "shoal/net/grpc/frame_sender.h"

#include <algorithm>
#include <ctime>
#include <fmt/format.h>

#include "shoal/net/grpc/translate.h"
#include "shoal/net/limits.h"

namespace shoal {

// One Send call: the pieces of one frame, then the receipt.
class SendCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  SendCall(std::shared_ptr<FrameSender> sender, std::shared_ptr<CallGroup> calls,
           const FrameHead& head, Frame frame)
      : sender_(std::move(sender)), calls_(std::move(calls)), pieces_(head, std::move(frame)) {}

  // False when the calls are closed; then it is gone.
  static bool start(std::unique_ptr<SendCall> call, Line& line, double deadline_s) {
    if (!call->calls_->begin(line, "Send", call->context_.get(), deadline_s, call.get()))
      return false;
    SendCall* reactor = call.release();  // deletes itself when done
    reactor->StartRead(&reactor->reply_);
    reactor->write_next();
    reactor->StartCall();
    return true;
  }

  void OnWriteDone(bool ok) override {
    if (ok && !pieces_.done()) write_next();
  }
  void OnDone(const grpc::Status& status) override {
    const std::unique_ptr<SendCall> self(this);
    sender_->sent(status, reply_);
    sender_.reset();
    calls_->end(std::move(context_));
  }

 private:
  void write_next() {
    piece_ = pieces_.next();
    grpc::WriteOptions options;
    if (pieces_.done()) options.set_last_message();
    StartWrite(&piece_, options);
  }

  std::shared_ptr<FrameSender> sender_;
  const std::shared_ptr<CallGroup> calls_;
  std::unique_ptr<grpc::ClientContext> context_ = std::make_unique<grpc::ClientContext>();
  PieceWriter pieces_;
  grpc::ByteBuffer piece_;
  grpc::ByteBuffer reply_;
};

namespace {

bool is_transient(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::UNAVAILABLE:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::INTERNAL:
    case grpc::StatusCode::UNKNOWN:
      return true;
    default:
      return false;
  }
}

bool is_stranger(grpc::StatusCode code) {
  return code == grpc::StatusCode::NOT_FOUND || code == grpc::StatusCode::UNAUTHENTICATED;
}

}  // namespace

FrameSender::FrameSender(SenderSettings settings, std::shared_ptr<CallGroup> calls,
                         Metrics& metrics, std::function<void()> on_stranger)
    : settings_(std::move(settings)),
      calls_(std::move(calls)),
      metrics_(metrics),
      on_stranger_(std::move(on_stranger)),
      back_off_(settings_.times.backoff_first_s, settings_.times.backoff_last_s,
                settings_.jitter_seed, 1) {}

void FrameSender::push(NodeId from, NodeId to, const Frame& frame) {
  const auto header = read_frame_header(*frame);
  SHOAL_CHECK(header.ok(), "a frame that we send has a header");
  Entry entry;
  entry.head.run = settings_.run;
  entry.head.from = from;
  entry.head.to = to;
  entry.head.tag = header.value().tag;
  entry.head.round = header.value().round;
  entry.head.size_bytes = frame->size();
  entry.head.sha256 = sha256(*frame);
  entry.frame = frame;
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(entry));
  if (waiting_.size() > kQueuedFramesPerNodeMax) {
    waiting_.erase(waiting_.begin() + (busy_ ? 1 : 0));
    metrics_.add("shoal_frames_dropped_total", 1, "reason", "queue_full");
  }
  send_next();
}

void FrameSender::committed(Step rounds) {
  const std::lock_guard lock(mutex_);
  committed_ = rounds;
  std::erase_if(kept_, [rounds](const Entry& entry) { return entry.head.round < rounds; });
}

void FrameSender::resume(bool anew) {
  const std::lock_guard lock(mutex_);
  unknown_ = false;
  if (anew && busy_) {
    // The call under way belongs to the old server: it will fail and be repeated.
    waiting_.insert(waiting_.begin() + 1, kept_.begin(), kept_.end());
    kept_.clear();
  } else if (anew) {
    waiting_.insert(waiting_.begin(), kept_.begin(), kept_.end());
    kept_.clear();
  }
  back_off_.reset();
  retry_due_ = false;
  retry_.cancel();
  send_next();
}

bool FrameSender::idle() const {
  const std::lock_guard lock(mutex_);
  return waiting_.empty();
}

void FrameSender::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  retry_.cancel();
}

void FrameSender::send_next() {
  if (busy_ || unknown_ || stopped_ || retry_due_ || waiting_.empty()) return;
  Entry& entry = waiting_.front();
  const std::shared_ptr<Line> line = calls_->line();
  if (!line) return;
  // Anew for every try: the receiver remembers nonces, and proofs expire.
  if (line->key)
    entry.head.proof = prove(*line->key, entry.head, settings_.receiver, std::time(nullptr));
  const double deadline_s =
      static_cast<double>(entry.frame->size()) / settings_.times.upload_bytes_per_second_min +
      settings_.times.upload_grace_s;
  busy_ = true;
  auto call = std::make_unique<SendCall>(shared_from_this(), calls_, entry.head, entry.frame);
  if (!SendCall::start(std::move(call), *line, deadline_s)) stopped_ = true;
}

void FrameSender::retry_later() {
  retry_due_ = true;
  retry_.set(back_off_.next_s(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    const std::lock_guard lock(self->mutex_);
    self->retry_due_ = false;
    self->send_next();
  });
}

void FrameSender::drop(std::deque<Entry>& from, const char* reason) {
  from.pop_front();
  metrics_.add("shoal_frames_dropped_total", 1, "reason", reason);
}

void FrameSender::sent(const grpc::Status& status, grpc::ByteBuffer& reply) {
  bool stranger = false;
  {
    const std::lock_guard lock(mutex_);
    busy_ = false;
    if (stopped_ || waiting_.empty()) return;
    const grpc::StatusCode code = status.error_code();
    wire::Receipt receipt;
    const bool received = status.ok() && parse_message(reply, kReceiveBytesMax, receipt).ok();
    if (received || code == grpc::StatusCode::ALREADY_EXISTS) {
      metrics_.add("shoal_frames_sent_total", 1);
      metrics_.add("shoal_bytes_sent_total", static_cast<double>(waiting_.front().frame->size()));
      if (settings_.keep_until_committed && waiting_.front().head.round >= committed_) {
        kept_.push_back(std::move(waiting_.front()));
        if (kept_.size() > kQueuedFramesPerNodeMax) kept_.pop_front();
      }
      waiting_.pop_front();
      back_off_.reset();
    } else if (status.ok() || is_transient(code)) {
      retry_later();
    } else if ((code == grpc::StatusCode::RESOURCE_EXHAUSTED ||
                code == grpc::StatusCode::INVALID_ARGUMENT) &&  // perhaps garbled on the way
               ++waiting_.front().refused <= kRetriesMax) {
      retry_later();
    } else if (is_stranger(code) && ++waiting_.front().refused <= kRetriesMax) {
      unknown_ = stranger = on_stranger_ != nullptr;
      if (!stranger) retry_later();
    } else {
      if (code != grpc::StatusCode::FAILED_PRECONDITION)
        fmt::print(stderr, "shoal: {} dropped a frame of ours: {}\n", settings_.receiver,
                   status_text(status));
      const bool stale = code == grpc::StatusCode::FAILED_PRECONDITION;
      drop(waiting_, stale ? "stale" : "refused");
    }
    send_next();
  }
  if (stranger) on_stranger_();
}

}  // namespace shoal

#include "shoal/net/grpc/outbox.h"

#include <algorithm>

#include "shoal/net/limits.h"

namespace shoal {
namespace {

bool same(const FrameHead& a, const FrameHead& b) {
  return a.from == b.from && a.tag == b.tag && a.round == b.round && a.sha256 == b.sha256;
}

}  // namespace

Outbox::Outbox(MakeNotice make_notice, Metrics& metrics)
    : make_notice_(std::move(make_notice)), metrics_(metrics) {}

void Outbox::push(OutgoingFrame frame) {
  {
    const std::lock_guard lock(mutex_);
    newest_.insert_or_assign(std::pair(frame.head.from, frame.head.tag), frame);
    queue_.push_back(std::move(frame));
    if (queue_.size() > kQueuedFramesPerNodeMax) {
      // The front may be half written; then the one behind it goes.
      queue_.erase(queue_.begin() + (writing_ ? 1 : 0));
      metrics_.add("shoal_frames_dropped_total", 1, "reason", "queue_full");
    }
  }
  wake();
}

void Outbox::notify() {
  {
    const std::lock_guard lock(mutex_);
    notice_due_ = true;
  }
  wake();
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* Outbox::open(grpc::CallbackServerContext* context,
                                                         const PeerIdentity& peer,
                                                         const Held& held) {
  const auto stream = std::make_shared<Delivery>(shared_from_this(), context);
  std::shared_ptr<Delivery> before;
  {
    const std::lock_guard lock(mutex_);
    before = std::exchange(stream_, stream);
    holder_ = peer;
    notice_due_ = true;
    writing_.reset();
    const auto holds = [&held](const OutgoingFrame& frame) {
      return held.contains({frame.head.from, frame.head.tag, frame.head.round});
    };
    std::erase_if(queue_, holds);
    for (const auto& [key, frame] : newest_) {
      const auto waits = [&frame](const OutgoingFrame& other) {
        return same(other.head, frame.head);
      };
      if (!holds(frame) && std::none_of(queue_.begin(), queue_.end(), waits))
        queue_.push_back(frame);
    }
  }
  if (before)
    before->end(grpc::Status(grpc::StatusCode::ABORTED, "this member has opened another stream"));
  Delivery* reactor = stream.get();
  reactor->begin(stream);
  return reactor;
}

void Outbox::close(const grpc::Status& status) {
  std::shared_ptr<Delivery> stream;
  {
    const std::lock_guard lock(mutex_);
    stream = std::exchange(stream_, nullptr);
  }
  if (stream) stream->end(status);
}

void Outbox::wake() {
  std::shared_ptr<Delivery> stream;
  {
    const std::lock_guard lock(mutex_);
    stream = stream_;
  }
  if (stream) stream->wake();
}

bool Outbox::idle() const {
  const std::lock_guard lock(mutex_);
  return stream_ == nullptr || (queue_.empty() && !notice_due_);
}

std::optional<PeerIdentity> Outbox::holder() const {
  const std::lock_guard lock(mutex_);
  if (stream_ == nullptr) return std::nullopt;
  return holder_;
}

bool Outbox::connected() const {
  const std::lock_guard lock(mutex_);
  return stream_ != nullptr;
}

std::size_t Outbox::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::optional<grpc::ByteBuffer> Outbox::next_piece(const Delivery* stream) {
  const std::lock_guard lock(mutex_);
  if (stream_.get() != stream) return std::nullopt;
  if (writing_ && writing_->done()) {
    metrics_.add("shoal_frames_sent_total", 1);
    metrics_.add("shoal_bytes_sent_total", static_cast<double>(queue_.front().frame->size()));
    writing_.reset();
    queue_.pop_front();
  }
  if (!writing_ && notice_due_) {
    notice_due_ = false;
    return notice_piece(make_notice_());
  }
  if (!writing_) {
    if (queue_.empty()) return std::nullopt;
    writing_.emplace(queue_.front().head, queue_.front().frame, kServerChunkBytesMax);
  }
  return writing_->next();
}

void Outbox::gone(const Delivery* stream) {
  const std::lock_guard lock(mutex_);
  if (stream_.get() != stream) return;
  stream_.reset();
  writing_.reset();
}

void Delivery::begin(std::shared_ptr<Delivery> self) {
  self_ = std::move(self);
  wake();
}

void Delivery::wake() {
  const std::lock_guard lock(mutex_);
  if (writing_ || finished_ || ending_) return;
  auto piece = outbox_->next_piece(this);
  if (!piece) return;
  piece_ = std::move(*piece);
  writing_ = true;
  StartWrite(&piece_);
}

void Delivery::end(const grpc::Status& status) {
  const std::lock_guard lock(mutex_);
  if (finished_ || ending_) return;
  ending_ = status;
  if (writing_) {
    context_->TryCancel();  // the write may be stuck behind a window that never opens
    return;
  }
  finished_ = true;
  Finish(status);
}

void Delivery::OnWriteDone(bool ok) {
  {
    const std::lock_guard lock(mutex_);
    writing_ = false;
    piece_.Clear();
    if (finished_) return;
    if (!ok || ending_ || context_->IsCancelled()) {
      finished_ = true;
      Finish(ending_.value_or(grpc::Status::CANCELLED));
      return;
    }
  }
  wake();
}

void Delivery::OnCancel() {
  const std::lock_guard lock(mutex_);
  if (writing_ || finished_) return;
  finished_ = true;
  Finish(grpc::Status::CANCELLED);
}

void Delivery::OnDone() {
  outbox_->gone(this);
  const std::shared_ptr<Delivery> last = std::move(self_);
}

}  // namespace shoal

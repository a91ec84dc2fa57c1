#include "shoal/net/grpc/upload.h"

#include <fmt/format.h>
#include <new>

#include "shoal/net/grpc/credentials.h"
#include "shoal/net/grpc/translate.h"

namespace shoal {

Upload::Upload(std::shared_ptr<Intake> intake, grpc::CallbackServerContext* context,
               grpc::ByteBuffer* reply)
    : intake_(std::move(intake)),
      context_(context),
      reply_(reply),
      peer_(identity_of(*context)),
      began_s_(steady_now_s()),
      ticket_(intake_->budget().ticket()) {}

void Upload::begin(std::shared_ptr<Upload> self) {
  self_ = std::move(self);
  if (intake_->stopping())
    refuse(Refusal{RefusalCode::kUnavailable, "stopping", "the server is going down"});
  else
    StartRead(&read_);
}

// gRPC would swallow what is thrown here, and the call would hold its room for ever.
void Upload::OnReadDone(bool ok) {
  try {
    take(ok);
  } catch (const std::bad_alloc&) {
    finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "out of memory"));
  }
}

void Upload::take(bool ok) {
  Stage stage;
  {
    const std::lock_guard lock(mutex_);
    stage = stage_;
  }
  if (stage == Stage::kFinished) return;
  if (!ok && context_->IsCancelled()) return finish(grpc::Status::CANCELLED);
  if (stage == Stage::kHead) {
    if (!ok) return refuse(malformed("a frame begins with its head; nothing came"));
    return take_head();
  }
  if (ok) return take_body();
  if (assembly_->complete()) return finish_frame();
  refuse(malformed(fmt::format("the body ended after {} of the {} bytes that its head declares",
                               assembly_->size_bytes(), assembly_->head().size_bytes)));
}

void Upload::take_head() {
  auto piece = read_piece(read_);
  if (!piece) return refuse(malformed(piece.error().message));
  auto* head = std::get_if<FrameHead>(&*piece);
  if (head == nullptr) return refuse(malformed("a frame begins with its head"));
  if (const auto refusal = intake_->gate().check_head(peer_, *head)) {
    std::optional<Receipt> receipt;
    if (refusal->code == RefusalCode::kAlreadyExists) {
      intake_->admitted(peer_);
      receipt = intake_->gate().receipt_of(head->from, head->tag, head->round);
    }
    return refuse_counted(*refusal, receipt);
  }
  intake_->admitted(peer_);
  const std::uint64_t size_bytes = head->size_bytes;
  const NodeId from = head->from;
  if (!intake_->enter(from))
    return refuse(Refusal{RefusalCode::kResourceExhausted, "too_many_uploads",
                          "two frames of this member are under way; send one after the other"});
  bool over = false;  // cancelled or cut while the gate looked at the head
  {
    const std::lock_guard lock(mutex_);
    over = stage_ != Stage::kHead;
    entered_ = !over;
    assembly_.emplace(std::move(*head));
    if (!over) stage_ = Stage::kWaiting;
  }
  if (over) return intake_->leave(from);
  intake_->budget().acquire(ticket_, from, size_bytes, [self = self_] { self->granted(); });
}

void Upload::granted() {
  std::unique_lock lock(mutex_);
  if (stage_ != Stage::kWaiting) {
    // The call was over before it stood in line, so nobody has given this room back.
    lock.unlock();
    return intake_->budget().release(ticket_);
  }
  stage_ = Stage::kBody;
  granted_s_ = window_began_s_ = steady_now_s();
  intake_->metrics().took("shoal_upload_wait", granted_s_ - began_s_);
  StartRead(&read_);
}

void Upload::take_body() {
  auto piece = read_piece(read_);
  if (!piece) return refuse(malformed(piece.error().message));
  const auto* body = std::get_if<BodyPiece>(&*piece);
  if (body == nullptr) return refuse(malformed("after its head a frame has only its body"));
  Status appended;
  {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::kBody) return;
    appended = assembly_->append(*body);
    if (appended.ok()) StartRead(&read_);
  }
  if (!appended.ok()) return refuse(malformed(appended.error().message));
  intake_->metrics().add("shoal_bytes_received_total", static_cast<double>(body->size_bytes));
}

// The frame; where room counts until frames are used, its last holder gives the room back.
Frame Upload::take_frame() {
  Frame frame = assembly_->take();
  if (!intake_->counts_until_used()) return frame;
  struct Counted {
    Frame frame;
    std::shared_ptr<Intake> intake;
    UploadBudget::Ticket ticket;
    ~Counted() {
      frame.reset();
      intake->budget().release(ticket);
    }
  };
  {
    const std::lock_guard lock(mutex_);
    frame_has_room_ = true;
  }
  const auto counted = std::shared_ptr<Counted>(new Counted{std::move(frame), intake_, ticket_});
  return Frame(counted, counted->frame.get());
}

void Upload::finish_frame() {
  {
    const std::lock_guard lock(mutex_);
    if (stage_ != Stage::kBody) return;
    stage_ = Stage::kChecking;  // from here on nobody is slow but we
  }
  const FrameHead& head = assembly_->head();
  const Frame frame = take_frame();
  auto answer = intake_->gate().check_body(peer_, head, frame);
  if (const auto* refusal = std::get_if<Refusal>(&answer)) {
    std::optional<Receipt> receipt;
    if (refusal->code == RefusalCode::kAlreadyExists)
      receipt = intake_->gate().receipt_of(head.from, head.tag, head.round);
    return refuse_counted(*refusal, receipt);
  }
  try {
    intake_->sink().deliver(head.from, head.to, frame);
  } catch (const std::bad_alloc&) {
    intake_->gate().withdraw(head);
    throw;
  }
  intake_->metrics().add("shoal_frames_received_total", 1);
  intake_->metrics().took("shoal_upload", steady_now_s() - granted_s_);
  *reply_ = message_buffer(to_wire(std::get<Receipt>(answer)));
  finish(grpc::Status::OK);
}

// A sender that keeps to the least rate is done by then, with some pause in between.
double Upload::deadline_s() const {
  const GrpcTimes& times = intake_->times();
  return static_cast<double>(assembly_->head().size_bytes) / times.upload_bytes_per_second_min +
         times.upload_grace_s;
}

void Upload::sweep(double now_s) {
  std::optional<Refusal> refusal;
  {
    const std::lock_guard lock(mutex_);
    const GrpcTimes& times = intake_->times();
    if (stage_ == Stage::kHead && now_s - began_s_ > times.control_deadline_s)
      refusal = Refusal{RefusalCode::kDeadlineExceeded, "slow_head",
                        fmt::format("no head of a frame within {} s", times.control_deadline_s)};
    if (stage_ == Stage::kBody && now_s - granted_s_ > deadline_s())
      refusal = Refusal{RefusalCode::kDeadlineExceeded, "upload_deadline",
                        fmt::format("no whole body within {:.0f} s", deadline_s())};
    if (stage_ == Stage::kBody && !refusal && now_s - window_began_s_ > times.upload_grace_s) {
      const double rate =
          static_cast<double>(assembly_->size_bytes() - window_bytes_) / (now_s - window_began_s_);
      if (rate < times.upload_bytes_per_second_min)
        refusal = Refusal{RefusalCode::kDeadlineExceeded, "slow_body",
                          fmt::format("{:.0f} bytes/s for {} s; at least {:.0f} are needed", rate,
                                      times.upload_grace_s, times.upload_bytes_per_second_min)};
      window_began_s_ = now_s;
      window_bytes_ = assembly_->size_bytes();
    }
  }
  if (refusal) refuse(*refusal);
}

void Upload::OnCancel() { finish(grpc::Status::CANCELLED); }

void Upload::OnDone() {
  intake_->forget(this);
  const std::shared_ptr<Upload> last = std::move(self_);
}

void Upload::refuse(const Refusal& refusal) {
  NodeId from = 0;
  {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::kFinished) return;
    if (assembly_) from = assembly_->head().from;
  }
  intake_->gate().refused(peer_, from, refusal);
  refuse_counted(refusal);
}

void Upload::refuse_counted(const Refusal& refusal, const std::optional<Receipt>& receipt) {
  intake_->metrics().add("shoal_refusals_total", 1, "reason", refusal.reason);
  finish(to_status(refusal, receipt));
}

void Upload::finish(const grpc::Status& status) {
  bool entered = false;
  bool gives_room = true;
  NodeId from = 0;
  {
    const std::lock_guard lock(mutex_);
    if (stage_ == Stage::kFinished) return;
    stage_ = Stage::kFinished;
    entered = entered_;
    if (assembly_) from = assembly_->head().from;
    gives_room = !frame_has_room_;
  }
  if (gives_room) intake_->budget().release(ticket_);
  if (entered) intake_->leave(from);
  Finish(status);
}

}  // namespace shoal

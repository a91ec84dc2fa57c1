// Upload: one Send call on the side that receives. See intake.h.
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "shoal/net/grpc/intake.h"
#include "shoal/net/grpc/pieces.h"

namespace shoal {

class Upload final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  Upload(std::shared_ptr<Intake> intake, grpc::CallbackServerContext* context,
         grpc::ByteBuffer* reply);

  // Reads the head. `self` keeps the call alive until gRPC is done with it.
  void begin(std::shared_ptr<Upload> self);
  // Cuts a sender who is too slow.
  void sweep(double now_s);
  void refuse(const Refusal& refusal);

  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  enum class Stage : std::uint8_t { kHead, kWaiting, kBody, kChecking, kFinished };

  void take(bool ok);
  void take_head();
  void granted();
  void take_body();
  Frame take_frame();
  void finish_frame();
  double deadline_s() const;  // of the body; under the lock
  // Once; later calls do nothing.
  void finish(const grpc::Status& status);
  void refuse_counted(const Refusal& refusal, const std::optional<Receipt>& receipt = {});

  const std::shared_ptr<Intake> intake_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const reply_;
  const PeerIdentity peer_;
  const double began_s_;
  const UploadBudget::Ticket ticket_;
  std::shared_ptr<Upload> self_;

  std::mutex mutex_;
  Stage stage_ = Stage::kHead;
  bool entered_ = false;
  bool frame_has_room_ = false;  // the frame gives the room back, not this call
  grpc::ByteBuffer read_;
  std::optional<FrameAssembly> assembly_;
  double granted_s_ = 0.0;
  double window_began_s_ = 0.0;
  std::uint64_t window_bytes_ = 0;  // that had come when the window began
};

}  // namespace shoal

#include "shoal/net/grpc/intake.h"

#include <algorithm>
#include <vector>

#include "shoal/net/grpc/translate.h"
#include "shoal/net/grpc/upload.h"

namespace shoal {
namespace {

// What one member may have in line or under way: "queued bytes per client: 2 frames".
constexpr std::size_t kUploadsPerMemberMax = 2;
// On a slow network nothing may end for so long: then more uploads are let in side by side.
constexpr double kSweep_s = 0.5;

}  // namespace

Intake::Intake(Gate& gate, FrameSink& sink, Metrics& metrics, GrpcTimes times,
               std::uint64_t frame_bytes_max, bool count_until_used)
    : gate_(gate),
      sink_(sink),
      metrics_(metrics),
      times_(times),
      frame_bytes_max_(frame_bytes_max),
      count_until_used_(count_until_used),
      budget_(frame_bytes_max) {}

void Intake::start() { sweep(); }

void Intake::stop() {
  stopping_ = true;
  { const std::lock_guard sweep_is_over(sweep_mutex_); }
  std::vector<std::shared_ptr<Upload>> uploads;
  {
    const std::lock_guard lock(mutex_);
    timer_.cancel();
    for (const auto& [key, upload] : uploads_)
      if (auto alive = upload.lock()) uploads.push_back(std::move(alive));
  }
  for (const auto& upload : uploads)
    upload->refuse(Refusal{RefusalCode::kUnavailable, "stopping", "the server is going down"});
}

grpc::ServerReadReactor<grpc::ByteBuffer>* Intake::begin(grpc::CallbackServerContext* context,
                                                         grpc::ByteBuffer* reply) {
  auto upload = std::make_shared<Upload>(shared_from_this(), context, reply);
  {
    const std::lock_guard lock(mutex_);
    uploads_.emplace(upload.get(), upload);
  }
  Upload* reactor = upload.get();
  reactor->begin(std::move(upload));
  return reactor;
}

bool Intake::enter(NodeId member) {
  const std::lock_guard lock(mutex_);
  std::size_t& count = of_member_[member];
  if (count == kUploadsPerMemberMax) return false;
  ++count;
  return true;
}

void Intake::leave(NodeId member) {
  const std::lock_guard lock(mutex_);
  const auto found = of_member_.find(member);
  if (found != of_member_.end() && --found->second == 0) of_member_.erase(found);
}

void Intake::forget(Upload* upload) {
  const std::lock_guard lock(mutex_);
  uploads_.erase(upload);
}

void Intake::sweep() {
  const std::lock_guard sweeping(sweep_mutex_);
  if (stopping_) return;
  // A sixteenth of what a member may cost: gRPC holds the rest in the buffers of its connection.
  const std::uint64_t per_member = kQueuedChunksPerClientMax * kChunkBytesMax / 16;
  const double now_s = steady_now_s();
  budget_.upkeep(
      std::max<std::uint64_t>({frame_bytes_max_, kUploadsBytesMin, per_member * gate_.present()}),
      now_s);
  metrics_.set("shoal_upload_held_bytes", static_cast<double>(budget_.held_bytes()));
  metrics_.set("shoal_uploads_waiting", static_cast<double>(budget_.waiting()));
  std::vector<std::shared_ptr<Upload>> uploads;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, upload] : uploads_)
      if (auto alive = upload.lock()) uploads.push_back(std::move(alive));
    timer_.set(std::min(kSweep_s, times_.upload_grace_s / 4), [weak = weak_from_this()] {
      if (const auto alive = weak.lock()) alive->sweep();
    });
  }
  for (const auto& upload : uploads) upload->sweep(now_s);
}

}  // namespace shoal
